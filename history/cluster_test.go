package history

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSlotOfAgreesWithServers(t *testing.T) {
	// The first is the check value of CRC-16/XMODEM, the others are what CLUSTER KEYSLOT says on redis 7.0.
	require.EqualValues(t, 0x31C3, crc16("123456789"))
	for key, slot := range map[string]int{
		"123456789": 12739, "": 0, "foo": 12182, "bar": 5061, "hello": 866, "somekey": 11058, "foo{hash_tag}": 2515, "hash_tag": 2515,
		"{user1000}.following": 3443, "{user1000}.followers": 3443, "user1000": 3443,
		"foo{}{bar}": 8363, "foo{{bar}}zap": 4015, "{bar": 4015, "foo{bar}{zap}": 5061, "foo{bar": 15278, "}{": 12793, "r:17": 7529,
	} {
		require.Equal(t, slot, SlotOf(key), "key %q", key)
	}
}

func TestViewsAnswer(t *testing.T) {
	v := View{Node: 0, Peers: []Peer{
		{Node: NoNode, Role: RoleMaster, Slots: []SlotRange{{0, 0}}},
		{Node: 0, Role: RoleMaster, Myself: true, Slots: []SlotRange{{1, 5}, {Slots - 1, Slots - 1}}},
		{Node: 2, Role: RoleReplica, Master: 0}}}
	require.EqualValues(t, 0, v.Self().Node)
	for slot, owner := range map[int]int32{0: NoNode, 1: 0, 5: 0, 6: NoNode, Slots - 1: 0} {
		require.Equal(t, owner, v.Owner(slot), "slot %d", slot)
	}
	require.Nil(t, (&View{}).Self())
	r := Run{Slots: []ShardSlots{{Shard: 1, Ranges: []SlotRange{{0, 99}}}, {Shard: 2, Ranges: []SlotRange{{100, 200}, {300, 300}}}}}
	for slot, shard := range map[int]int{0: 1, 99: 1, 100: 2, 250: 0, 300: 2} {
		require.Equal(t, shard, r.ShardOf(slot), "slot %d", slot)
	}
}

// Views of several nodes come in batches of their own and stand by time in the end; of each node the latest is known while the run goes on.
func TestViewsAreLoadedInOrder(t *testing.T) {
	batches := []*Batch{
		{Source: 1, Seq: 1, Views: []View{{Node: 1, Call: 30, Return: 31, Epoch: 2}}},
		{Source: 0, Seq: 1, Views: []View{{Node: 0, Call: 10, Return: 11, Epoch: 1}, {Node: 0, Call: 40, Return: 41, Epoch: 3}}},
		{Source: NoNode, Seq: 1, Events: []Event{{Node: NoNode, Kind: EvNote, Name: NoteClosed}}}}
	h := FromBatches(&Run{Nodes: []Node{{Name: "n1"}, {Name: "n2"}}}, batches)
	require.Empty(t, h.Torn)
	require.Equal(t, []View{{Node: 0, Call: 10, Return: 11, Epoch: 1}, {Node: 1, Call: 30, Return: 31, Epoch: 2}, {Node: 0, Call: 40, Return: 41, Epoch: 3}}, h.Views)
	require.EqualValues(t, 41, h.End)
	live := NewLive()
	for _, b := range batches {
		live.Observe(b)
	}
	live.Look(func(v *LiveView) {
		require.EqualValues(t, 3, v.Views[0].Epoch)
		require.EqualValues(t, 2, v.Views[1].Epoch)
	})
}
