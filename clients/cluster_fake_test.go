package clients

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

// fakeNode is a server of a Cluster of words: it answers what the test says and counts what it was sent.
type fakeNode struct {
	addr string
	l    net.Listener
	// answer is the reply to a command, in RESP; empty: the connection is closed; "silence": nothing is said. Nil: +OK.
	answer func(cmd []string) string
	slots  func() string // of CLUSTER SLOTS

	mu   sync.Mutex
	sent []string // commands, but for those of the connection and of the slots
	maps int      // how often the slots were asked for
}

func startFake(t *testing.T) *fakeNode {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	n := &fakeNode{addr: l.Addr().String(), l: l}
	var open sync.WaitGroup
	t.Cleanup(func() { l.Close(); open.Wait() })
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { n.serve(t.Context(), c) })
		}
	})
	return n
}

func (n *fakeNode) serve(ctx context.Context, c net.Conn) {
	defer context.AfterFunc(ctx, func() { c.Close() })()
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		cmd, err := readCommand(r)
		if err != nil {
			return
		}
		switch reply := n.reply(cmd); reply {
		case "":
			return
		case "silence":
		default:
			io.WriteString(c, reply)
		}
	}
}

func (n *fakeNode) reply(cmd []string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch cmd[0] {
	case "hello":
		return "*2\r\n$5\r\nproto\r\n:2\r\n"
	case "ping":
		return "+PONG\r\n"
	case "readonly":
		return "+OK\r\n"
	case "cluster":
		n.maps++
		return n.slots()
	}
	n.sent = append(n.sent, strings.Join(cmd, " "))
	if n.answer == nil || cmd[0] == "asking" {
		return "+OK\r\n"
	}
	return n.answer(cmd)
}

func (n *fakeNode) commands() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string{}, n.sent...)
}

func (n *fakeNode) askedForSlots() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.maps
}

func readCommand(r *bufio.Reader) ([]string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	if err != nil {
		return nil, err
	}
	out := make([]string, n)
	for i := range out {
		if line, err = r.ReadString('\n'); err != nil {
			return nil, err
		}
		size, err := strconv.Atoi(strings.TrimSpace(line[1:]))
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		out[i] = string(b[:size])
	}
	out[0] = strings.ToLower(out[0])
	return out, nil
}

// slotsReply is CLUSTER SLOTS with one range for each of the nodes, in even shares.
func slotsReply(owners ...*fakeNode) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(owners))
	for i, n := range owners {
		host, port, _ := net.SplitHostPort(n.addr)
		fmt.Fprintf(&b, "*3\r\n:%d\r\n:%d\r\n*3\r\n$%d\r\n%s\r\n:%s\r\n$40\r\n%040d\r\n", i*history.Slots/len(owners), (i+1)*history.Slots/len(owners)-1,
			len(host), host, port, i+1)
	}
	return b.String()
}

// fakeCluster is two masters, nodes 0 and 1, of half the slots each.
func fakeCluster(t *testing.T) (nodes []*fakeNode, opt Options) {
	t.Helper()
	nodes = []*fakeNode{startFake(t), startFake(t)}
	opt = Options{Timeout: testTimeout, DialTimeout: testTimeout, WaitTimeout: testTimeout, Nodes: map[string]int32{}}
	for i, n := range nodes {
		n.slots = func() string { return slotsReply(nodes...) }
		opt.Nodes[n.addr] = int32(i)
		opt.Cluster = append(opt.Cluster, n.addr)
	}
	return nodes, opt
}

func dialCluster(t *testing.T, opt Options) *session {
	t.Helper()
	c, err := Dial(t.Context(), opt)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c.(*session)
}

// k0 and k1 lie in the first and the second half of the slots.
func halves(t *testing.T) (k0, k1 string) {
	t.Helper()
	k0, k1 = "r:2", "r:0"
	require.Less(t, history.SlotOf(k0), 8192)
	require.GreaterOrEqual(t, history.SlotOf(k1), 8192)
	return k0, k1
}

func TestClusterRouting(t *testing.T) {
	nodes, opt := fakeCluster(t)
	k0, k1 := halves(t)
	c := dialCluster(t, opt)
	require.EqualValues(t, history.NoNode, c.Node())
	for range 3 {
		op := write(c, k0, 7)
		require.Equal(t, history.OK, op.Outcome)
		require.EqualValues(t, 0, op.Node)
		require.EqualValues(t, 1, write(c, k1, 7).Node)
	}
	require.Equal(t, []string{"set r:2 7", "set r:2 7", "set r:2 7"}, nodes[0].commands())
	require.Len(t, nodes[1].commands(), 3)
	require.EqualValues(t, history.NoNode, c.Node(), "between operations it is connected to nobody in particular")
}

// What a server answers, what becomes of the operation, and that it was executed at most once: the second node executes what it is sent.
func TestClusterRedirections(t *testing.T) {
	k0, _ := halves(t)
	slot := history.SlotOf(k0)
	set := "set " + k0 + " 7"
	for name, tt := range map[string]struct {
		first, second string // %s is the other node; empty: the connection is closed
		outcome       history.Outcome
		err           history.ErrCode
		node          int32
		redirects     uint8
		sent          []string // to the second
		maps          bool     // the slots were read again
	}{
		"moved":              {first: "-MOVED %d %s\r\n", second: "+OK\r\n", node: 1, redirects: 1, sent: []string{set}, maps: true},
		"ask":                {first: "-ASK %d %s\r\n", second: "+OK\r\n", node: 1, redirects: 1, sent: []string{"asking", set}, maps: true},
		"moved twice":        {first: "-MOVED %d %s\r\n", second: "-MOVED %d %s\r\n", outcome: history.Fail, err: history.ErrMoved, node: 1, redirects: 1, sent: []string{set}, maps: true},
		"moved, then closed": {first: "-MOVED %d %s\r\n", second: "", outcome: history.Info, err: history.ErrEOF, node: 1, redirects: 1, sent: []string{set}, maps: true},
		"ask, then silence":  {first: "-ASK %d %s\r\n", second: "silence", outcome: history.Info, err: history.ErrTimeout, node: 1, redirects: 1, sent: []string{"asking", set}, maps: true},
		"ask, then tryagain": {first: "-ASK %d %s\r\n", second: "-TRYAGAIN Multiple keys request during rehashing of slot\r\n", outcome: history.Fail, err: history.ErrCrossSlot, node: 1, redirects: 1, sent: []string{"asking", set}, maps: true},
		"clusterdown":        {first: "-CLUSTERDOWN The cluster is down\r\n", outcome: history.Fail, err: history.ErrClusterDown},
		"tryagain":           {first: "-TRYAGAIN x\r\n", outcome: history.Fail, err: history.ErrCrossSlot},
		"crossslot":          {first: "-CROSSSLOT x\r\n", outcome: history.Fail, err: history.ErrCrossSlot},
		"masterdown":         {first: "-MASTERDOWN x\r\n", outcome: history.Fail, err: history.ErrMasterDown},
		"readonly":           {first: "-READONLY x\r\n", outcome: history.Fail, err: history.ErrReadOnly, maps: true},
		"closed":             {first: "", outcome: history.Info, err: history.ErrEOF},
		"silence":            {first: "silence", outcome: history.Info, err: history.ErrTimeout},
		"moved to nowhere":   {first: "-MOVED 5 ?:0\r\n", outcome: history.Fail, err: history.ErrMoved, maps: true},
	} {
		t.Run(name, func(t *testing.T) {
			nodes, opt := fakeCluster(t)
			for i, reply := range []string{tt.first, tt.second} {
				if strings.Contains(reply, "%d") {
					reply = fmt.Sprintf(reply, slot, nodes[1-i].addr)
				}
				nodes[i].answer = func([]string) string { return reply }
			}
			c := dialCluster(t, opt)
			loaded := nodes[0].askedForSlots() + nodes[1].askedForSlots()
			op := write(c, k0, 7)
			require.Equal(t, tt.err.String(), op.Err.String())
			require.Equal(t, tt.outcome, op.Outcome)
			require.Equal(t, tt.node, op.Node)
			require.Equal(t, tt.redirects, op.Redirects)
			require.Equal(t, []string{set}, nodes[0].commands(), "sent once")
			require.Equal(t, tt.sent, append([]string(nil), nodes[1].commands()...))
			again := func() bool { return nodes[0].askedForSlots()+nodes[1].askedForSlots() > loaded }
			if tt.maps {
				require.Eventually(t, again, muchLater, time.Millisecond)
			} else {
				require.False(t, again())
			}
		})
	}
}

// One MOVED and one ASK of the same operation are both followed.
func TestClusterMovedThenAsk(t *testing.T) {
	k0, _ := halves(t)
	nodes, opt := fakeCluster(t)
	third := startFake(t)
	third.slots = nodes[0].slots
	opt.Nodes[third.addr] = 2
	nodes[0].answer = func([]string) string { return fmt.Sprintf("-MOVED 1 %s\r\n", nodes[1].addr) }
	nodes[1].answer = func([]string) string { return fmt.Sprintf("-ASK 1 %s\r\n", third.addr) }
	op := write(dialCluster(t, opt), k0, 7)
	require.Equal(t, history.OK, op.Outcome)
	require.EqualValues(t, 2, op.Redirects)
	require.EqualValues(t, 2, op.Node)
	require.Equal(t, []string{"asking", "set r:2 7"}, third.commands())
}

// When the slots are read again, by what the user asked for.
func TestClusterReload(t *testing.T) {
	k0, _ := halves(t)
	for mode, again := range map[string]bool{ReloadAfterDial: true, ReloadByLibrary: false, "20ms": true} {
		t.Run(mode, func(t *testing.T) {
			nodes, opt := fakeCluster(t)
			opt.Reload = mode
			c := dialCluster(t, opt)
			require.Equal(t, history.OK, write(c, k0, 7).Outcome)
			nodes[0].l.Close()
			c.links[nodes[0].addr].cur.Load().Close()
			nodes[1].mu.Lock()
			nodes[1].slots = func() string { return slotsReply(nodes[1]) } // it has taken over
			nodes[1].mu.Unlock()
			op := write(c, k0, 7)
			require.Equal(t, history.ErrDialRefused.String(), op.Err.String())
			require.EqualValues(t, history.NoNode, op.Node)
			moved := func() bool { op := write(c, k0, 7); return op.Outcome == history.OK && op.Node == 1 }
			if again {
				require.Eventually(t, moved, muchLater, time.Millisecond)
				return
			}
			for range 20 {
				require.False(t, moved(), "go-redis reads the slots again after 60 s")
			}
		})
	}
}

// A transaction that is aborted by a redirection is issued again whole.
func TestClusterTransactionsAreRedirectedWhole(t *testing.T) {
	nodes, opt := fakeCluster(t)
	slot := history.SlotOf("t:{2}")
	from, to := nodes[slot/8192], nodes[1-slot/8192]
	from.answer = func(cmd []string) string {
		switch cmd[0] {
		case "multi":
			return "+OK\r\n"
		case "exec":
			return "-EXECABORT Transaction discarded because of previous errors.\r\n"
		}
		return fmt.Sprintf("-ASK %d %s\r\n", slot, to.addr)
	}
	to.answer = func(cmd []string) string {
		return map[string]string{"multi": "+OK\r\n", "rpush": "+QUEUED\r\n", "exec": "*2\r\n:1\r\n:1\r\n"}[cmd[0]]
	}
	c := dialCluster(t, opt)
	key := int64(2) << 32
	op := history.Op{F: history.FTxn, List: history.EncodeMops([]history.Mop{{F: history.FAppend, Key: key, In: 5}, {F: history.FAppend, Key: key | 1, In: 6}})}
	c.Do(t.Context(), history.TxnGroup(2), &op)
	require.Equal(t, history.OK, op.Outcome)
	require.EqualValues(t, 1, op.Redirects)
	require.Equal(t, []string{"asking", "multi", "rpush t:{2}:0 5", "rpush t:{2}:1 6", "exec"}, to.commands())
}

// A compare-and-set reads and writes on the connection that watches; after ASK every command of it says so.
func TestClusterWatchAfterAsk(t *testing.T) {
	nodes, opt := fakeCluster(t)
	slot := history.SlotOf("a:1")
	from, to := nodes[slot/8192], nodes[1-slot/8192]
	from.answer = func([]string) string { return fmt.Sprintf("-ASK %d %s\r\n", slot, to.addr) }
	to.answer = func(cmd []string) string {
		return map[string]string{"watch": "+OK\r\n", "get": "$1\r\n3\r\n", "multi": "+OK\r\n", "set": "+QUEUED\r\n", "exec": "*1\r\n+OK\r\n", "unwatch": "+OK\r\n"}[cmd[0]]
	}
	c := dialCluster(t, opt)
	op := history.Op{F: history.FCAS, In: 3, Arg: 4, Out: history.None}
	c.Do(t.Context(), "a:1", &op)
	require.Equal(t, history.OK, op.Outcome)
	require.EqualValues(t, 1, op.Out)
	require.Equal(t, []string{"watch a:1"}, from.commands())
	require.Equal(t, []string{"asking", "watch a:1", "asking", "get a:1", "asking", "multi", "set a:1 4", "exec"}, to.commands())
}

// A reader of replicas goes to that of the shard which owns the slot, and to the owner itself where the replica has left its shard.
func TestWhereReplicaReadsGo(t *testing.T) {
	k0, _ := halves(t)
	nodes, opt := fakeCluster(t)
	replicas := []*fakeNode{startFake(t), startFake(t)}
	for i, r := range replicas {
		r.slots, opt.Nodes[r.addr] = nodes[0].slots, int32(2+i)
	}
	opt.Nth = 1
	opt.ReplicasOf = map[string][]string{nodes[0].addr: {replicas[0].addr}, nodes[1].addr: {replicas[1].addr}}
	replicas[1].answer = func([]string) string { return "$1\r\n5\r\n" }
	nodes[0].answer = replicas[1].answer
	named := nodes[1]
	replicas[0].answer = func([]string) string { return fmt.Sprintf("-MOVED %d %s\r\n", history.SlotOf(k0), named.addr) }
	c := dialCluster(t, opt)
	op := do(c, history.FRead, k0, history.None)
	require.Equal(t, history.OK, op.Outcome, op.Err.String())
	require.EqualValues(t, 3, op.Node, "the replica of the shard that has the slot now")
	require.EqualValues(t, 1, op.Redirects)
	replicas[0].mu.Lock()
	named = nodes[0]
	replicas[0].mu.Unlock()
	op = do(c, history.FRead, k0, history.None)
	require.Equal(t, history.OK, op.Outcome, op.Err.String())
	require.EqualValues(t, 0, op.Node, "it follows another master now")
	require.Empty(t, nodes[1].commands())
}
