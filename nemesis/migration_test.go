package nemesis

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/clusterview"
	"github.com/schismtest/schism/wire"
)

// slotFake is a Cluster of clusterNodes whose masters move slots as servers do, in the time of a synctest bubble. Each call takes 1 ms.
type slotFake struct {
	t     *testing.T
	base  time.Time
	nodes []history.Node
	live  *history.Live

	mu        sync.Mutex
	keys      map[int]map[string]bool // node -> its keys
	owner     map[int]int             // slot -> the owner, of those that were touched
	importing map[int]map[int]bool    // node -> slots
	stale     map[int]bool            // slots whose owner n2 does not know until they are stable there
	commands  []string
	refuse    func(node int, args []string) string // an error reply; "" to let it pass
	last      map[int]history.Fault
}

func newSlotFake(t *testing.T, keys ...string) *slotFake {
	f := &slotFake{t: t, base: time.Now(), nodes: clusterNodes(), live: history.NewLive(), keys: map[int]map[string]bool{}, owner: map[int]int{},
		importing: map[int]map[int]bool{}, stale: map[int]bool{}, last: map[int]history.Fault{}}
	for i := range 3 {
		f.keys[i], f.importing[i] = map[string]bool{}, map[int]bool{}
		f.live.Observe(&history.Batch{Views: []history.View{viewOf(int32(i), int64(i+1), 0, 1, 2)}})
	}
	for _, k := range keys {
		f.keys[f.ownerOf(history.SlotOf(k))][k] = true
	}
	return f
}

func (f *slotFake) now() int64            { return time.Since(f.base).Nanoseconds() }
func (f *slotFake) Nodes() []history.Node { return f.nodes }

func (f *slotFake) ownerOf(slot int) int {
	if n, ok := f.owner[slot]; ok {
		return n
	}
	return min(2, slot*3/history.Slots)
}

func (f *slotFake) Call(_ context.Context, node int, op wire.Op, args, out any) (wire.Stamps, error) {
	t0 := f.now()
	time.Sleep(time.Millisecond)
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Equal(f.t, wire.OpRedis, op)
	a := args.(wire.RedisArgs)
	f.commands = append(f.commands, f.nodes[node].Name+" "+strings.Join(a.Args, " "))
	reply := wire.RedisReply{Value: json.RawMessage("null")}
	if f.refuse != nil {
		reply.Err = f.refuse(node, a.Args)
	}
	if reply.Err == "" {
		v, err := json.Marshal(f.redis(node, a, &reply))
		require.NoError(f.t, err)
		reply.Value = v
	}
	b, err := json.Marshal(reply)
	require.NoError(f.t, err)
	return wire.Stamps{T0: t0, T1: f.now()}, json.Unmarshal(b, out)
}

func (f *slotFake) redis(node int, a wire.RedisArgs, reply *wire.RedisReply) any {
	switch cmd := strings.Join(a.Args[:min(2, len(a.Args))], " "); {
	case cmd == "CLUSTER NODES":
		return f.text(node)
	case a.Args[0] == "SCAN":
		return []any{"0", slices.Sorted(maps.Keys(f.keys[node]))}
	case a.Args[0] == "ROLE":
		return []any{"master", 1, []any{}}
	case cmd == "CLUSTER GETKEYSINSLOT":
		out := []string{}
		for _, k := range slices.Sorted(maps.Keys(f.keys[node])) {
			if strconv.Itoa(history.SlotOf(k)) == a.Args[2] {
				out = append(out, k)
			}
		}
		return out
	case a.Args[0] == "MIGRATE":
		require.True(f.t, a.Login)
		to := slices.IndexFunc(f.nodes, func(n history.Node) bool { return host(n.Addr) == a.Args[1] })
		for _, k := range a.Args[7:] {
			if slot := history.SlotOf(k); !f.importing[to][slot] || f.stale[slot] {
				reply.Err = "ERR Target instance replied with error: CLUSTERDOWN Hash slot not served"
				return nil
			}
			delete(f.keys[node], k)
			f.keys[to][k] = true
		}
		return "OK"
	case cmd == "CLUSTER SETSLOT":
		f.setSlot(node, a.Args[2:])
		return "OK"
	}
	reply.Err = "ERR unknown command"
	return nil
}

func (f *slotFake) setSlot(node int, args []string) {
	slot, err := strconv.Atoi(args[0])
	require.NoError(f.t, err)
	switch args[1] {
	case "IMPORTING":
		f.importing[node][slot] = true
	case "STABLE":
		delete(f.importing[node], slot)
		delete(f.stale, slot)
	case "NODE":
		n, err := strconv.Atoi(strings.TrimPrefix(args[2], "id"))
		require.NoError(f.t, err)
		f.owner[slot] = n
		delete(f.importing[node], slot)
	}
}

// text is CLUSTER NODES of the node.
func (f *slotFake) text(node int) string {
	owned := map[int][]int{}
	for slot := range history.Slots {
		if node == 1 && f.stale[slot] {
			continue
		}
		owned[f.ownerOf(slot)] = append(owned[f.ownerOf(slot)], slot)
	}
	var b strings.Builder
	for i := range 3 {
		flags := "master"
		if i == node {
			flags = "myself,master"
		}
		fmt.Fprintf(&b, "id%d %s@16379 %s - 0 0 %d connected %s\n", i, f.nodes[i].Addr, flags, i+1, clusterview.Ranges(ranges(owned[i])))
	}
	return b.String()
}

func (f *slotFake) run(ctx context.Context, s Schedule) error {
	return Run(ctx, Config{Schedule: s, Cluster: f, Live: f.live, Clock: f.now, EventTimeout: 30 * time.Second, Record: func(r history.Fault) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.last[r.ID] = r
	}})
}

// sent tells whether a command that begins so was sent.
func (f *slotFake) sent(prefix string) bool {
	return slices.ContainsFunc(f.commands, func(c string) bool { return strings.HasPrefix(c, prefix) })
}

// Of the keys, "a" is in slot 15495 (n3), "b" in 3300, "f" in 3168, "hello" in 866 and "somekey" in 11058 (n3).
var slotKeys = []string{"a", "b", "f", "hello", "somekey"}

func moving(t *testing.T, prepare func(f *slotFake), check func(t *testing.T, f *slotFake, err error), slots int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newSlotFake(t, slotKeys...)
		prepare(f)
		check(t, f, f.run(t.Context(), Schedule{After(s, MigrateSlots(Shard(1).Master(), Shard(2).Master(), slots))}))
	})
}

func TestSlotsMoveWithTheirKeys(t *testing.T) {
	moving(t, func(*slotFake) {}, func(t *testing.T, f *slotFake, err error) {
		require.NoError(t, err)
		r := f.last[1]
		complete(t, r)
		require.Equal(t, "move 4 slots from n1 to n2", r.Text)
		require.Equal(t, []int32{0, 1}, r.Targets)
		require.Equal(t, "4 slots (0 866 3168 3300) moved from n1 to n2, with 3 keys", r.Proof)
		require.Equal(t, "n1, n2, n3 name n2 as the owner of 4 slots (0 866 3168 3300)", r.HealProof)
		require.Empty(t, f.keys[0])
		require.Len(t, f.keys[1], 3)
		require.True(t, f.sent("n2 CLUSTER SETSLOT 866 IMPORTING id0"))
		require.True(t, f.sent("n1 CLUSTER SETSLOT 866 MIGRATING id1"))
		require.False(t, f.sent("n1 CLUSTER SETSLOT 1 "))
	}, 4)
}

// What cannot go on ends there, and says so; the slot that was on its way is brought to its end.
func TestSlotThatWasOnItsWayComesToItsEnd(t *testing.T) {
	refused := 0
	moving(t, func(f *slotFake) {
		f.refuse = func(node int, args []string) string {
			if args[0] == "MIGRATE" && slices.Contains(args, "f") && refused < 3 {
				refused++
				return "IOERR error or timeout"
			}
			return ""
		}
	}, func(t *testing.T, f *slotFake, err error) {
		require.NoError(t, err)
		r := f.last[1]
		complete(t, r)
		require.Equal(t, "slot 866 moved from n1 to n2, with 1 keys; then it ended: send MIGRATE to n1: IOERR error or timeout; slot 3168 was on its way", r.Proof)
		require.Contains(t, r.HealProof, "2 slots (866 3168)")
		require.Equal(t, map[string]bool{"b": true}, f.keys[0], "the rest stays where it is")
	}, 3)
}

// A server that imports a slot does not learn of its new owner: it is told to forget the import first.
func TestSlotOfADeadOwnerIsAnnouncedAnew(t *testing.T) {
	moving(t, func(f *slotFake) {
		f.refuse = func(node int, args []string) string {
			if args[0] == "MIGRATE" && len(f.commands) < 12 {
				f.stale[history.SlotOf("hello")] = true
			}
			return ""
		}
	}, func(t *testing.T, f *slotFake, err error) {
		require.NoError(t, err)
		complete(t, f.last[1])
		require.Contains(t, f.last[1].Proof, "no slot moved")
		require.True(t, f.sent("n2 CLUSTER SETSLOT 866 STABLE"))
		require.Equal(t, 1, f.owner[866])
		require.True(t, f.keys[1]["hello"])
	}, 1)
}

func TestSlotsThatCannotMove(t *testing.T) {
	moving(t, func(*slotFake) {}, func(t *testing.T, f *slotFake, err error) {
		require.NoError(t, err)
		require.Contains(t, f.last[1].Err, "not injected: n1 owns 5462 slots, not 6000")
		require.False(t, f.sent("n1 CLUSTER SETSLOT"))
	}, 6000)
}

// The run is interrupted in the midst of it: no slot is left half moved.
func TestInterruptWhileSlotsMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newSlotFake(t, slotKeys...)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		f.refuse = func(_ int, args []string) string {
			if args[0] == "MIGRATE" && slices.Contains(args, "f") {
				cancel()
				f.refuse = nil
				return "IOERR error or timeout"
			}
			return ""
		}
		require.ErrorIs(t, f.run(ctx, Schedule{After(s, MigrateSlots("n1", "n2", 3))}), context.Canceled)
		require.Empty(t, f.importing[1])
		require.Equal(t, 1, f.owner[3168])
		require.True(t, f.keys[1]["f"])
		require.True(t, f.keys[0]["b"])
	})
}
