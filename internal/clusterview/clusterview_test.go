package clusterview

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

const (
	idA = "07c37dfeb235213a872192d90877d0cd55635b91"
	idB = "67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1"
	idC = "292f8b365bb7edb5e285caf0b7e6ddc7265d2f4f"
	idD = "e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca"
)

var numbers = map[string]int32{idA: 0, idB: 1, idC: 2}

func TestViewReadsEveryVersion(t *testing.T) {
	info := "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_current_epoch:6\r\n"
	nodes := idD + " :0@0 master,noaddr,fail - 0 1426238317239 9 disconnected\n" +
		idC + " 10.0.0.3:6379@16379,,tls-port=0,shard-id=69bc080733d1355567173199cff4a6a039a2f024 slave,fail? " + idA + " 0 1426238317239 4 disconnected\n" +
		idA + " 10.0.0.1:6379@16379 myself,master - 0 0 4 connected 5462 0-5460 [93->-" + idB + "] [94->-" + idB + "] [77-<-" + idB + "]\n" +
		idB + " 10.0.0.2:6379@16379,host-2 master - 0 1426238316232 2 connected 5461 5463-16383\n"
	v, err := View(info, nodes, numbers)
	require.NoError(t, err)
	require.Equal(t, history.View{OK: true, Epoch: 6, Peers: []history.Peer{
		{Node: 0, Role: history.RoleMaster, Master: -1, Epoch: 4, LinkUp: true, Myself: true, Migrating: 2, Importing: 1, Slots: []history.SlotRange{{From: 0, To: 5460}, {From: 5462, To: 5462}}},
		{Node: 1, Role: history.RoleMaster, Master: -1, Epoch: 2, LinkUp: true, Slots: []history.SlotRange{{From: 5461, To: 5461}, {From: 5463, To: 16383}}},
		{Node: 2, Role: history.RoleReplica, Master: 0, Epoch: 4, PFail: true},
		{Node: -1, Role: history.RoleMaster, Master: -1, Epoch: 9, NoAddr: true, Fail: true},
	}}, v)
	again := v
	again.Call, again.Return = 5, 6
	require.True(t, Same(&v, &again))
	again, err = View(info, nodes[:len(nodes)-len("5463-16383\n")]+"5463-16382\n", numbers)
	require.NoError(t, err)
	require.False(t, Same(&v, &again))
	again = v
	again.Epoch++
	require.False(t, Same(&v, &again))
}

func TestWhatIsNoViewIsAnError(t *testing.T) {
	for name, texts := range map[string][2]string{
		"no epoch":      {"cluster_state:ok\n", ""},
		"few fields":    {"cluster_current_epoch:1\n", idA + " 10.0.0.1:6379@16379 master\n"},
		"a wrong epoch": {"cluster_current_epoch:1\n", idA + " 10.0.0.1:6379@16379 master - 0 0 x connected\n"},
		"a wrong slot":  {"cluster_current_epoch:1\n", idA + " 10.0.0.1:6379@16379 master - 0 0 1 connected 0-16384\n"},
	} {
		_, err := View(texts[0], texts[1], numbers)
		require.Error(t, err, name)
	}
}

func TestFileReadsBack(t *testing.T) {
	lines := []Line{
		{ID: idA, Addr: "10.0.0.1:6379", Flags: []string{"master"}, Epoch: 1, LinkUp: true, Slots: []history.SlotRange{{From: 0, To: 99}, {From: 200, To: 200}}},
		{ID: idB, Addr: "10.0.0.2:6379", Flags: []string{"myself", "slave"}, MasterID: idA, Epoch: 1, LinkUp: true}}
	got, err := Read(File(lines, 3))
	require.NoError(t, err)
	require.Equal(t, lines, got)
}
