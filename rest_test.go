package schism

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

// three is a master and two replicas, level and at rest.
func three() ([]history.Node, []int32, map[int32]history.Sample) {
	nodes := []history.Node{{Name: "n1"}, {Name: "n2"}, {Name: "n3"}}
	s := history.Sample{Call: 100, Return: 101, Answered: true, Up: true, RunID: "a", ReplID: "x", Offset: 500, LinkUp: true, Role: history.RoleReplica,
		Rest: history.Rest{Known: true, Changes: 7, LastSave: 3, Expired: 4}}
	m := s
	m.Role, m.LinkUp, m.Rest.Changes = history.RoleMaster, false, 9
	return nodes, []int32{0, 1, 2}, map[int32]history.Sample{0: m, 1: s, 2: s}
}

// edit changes one node's sample.
func edit(in map[int32]history.Sample, node int32, f func(*history.Sample)) {
	s := in[node]
	f(&s)
	in[node] = s
}

func TestWhatIsRest(t *testing.T) {
	for name, c := range map[string]struct {
		node int32
		f    func(*history.Sample)
		want string
	}{
		"rest":                 {0, func(*history.Sample) {}, ""},
		"silence":              {1, func(s *history.Sample) { s.Answered = false }, "n2 does not answer"},
		"loading":              {1, func(s *history.Sample) { s.Loading = true }, "n2 still loads its data"},
		"saving":               {2, func(s *history.Sample) { s.Rest.Saving = true }, "n3 is saving its data"},
		"two masters":          {1, func(s *history.Sample) { s.Role = history.RoleMaster }, "n1 and n2 both say they are master"},
		"no master":            {0, func(s *history.Sample) { s.Role = history.RoleReplica }, "no node says it is master"},
		"no link":              {1, func(s *history.Sample) { s.LinkUp = false }, "n2 has no link to its master"},
		"another history":      {1, func(s *history.Sample) { s.ReplID = "y" }, "n2 has another replication id than n1"},
		"one byte behind":      {2, func(s *history.Sample) { s.Offset-- }, "n3 is at offset 499, n1 at 500"},
		"changes of its own":   {2, func(s *history.Sample) { s.Rest.Changes += 1000 }, ""}, // never compared between nodes
		"servers of few words": {2, func(s *history.Sample) { s.Rest = history.Rest{} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			nodes, servers, samples := three()
			edit(samples, c.node, c.f)
			require.Equal(t, c.want, restless(nodes, servers, samples))
		})
	}
	nodes, servers, samples := three()
	delete(samples, 2)
	require.Equal(t, "n3 was never sampled", restless(nodes, servers, samples))
	require.Empty(t, restless(nodes, []int32{0, 1}, samples), "a node that is left out keeps nobody from rest")
}

// Only samples that were called after the moment count, and it takes two of every node.
func TestRestTakesTwoSamplesSinceTheMoment(t *testing.T) {
	nodes, servers, samples := three()
	w := restWatch{nodes: nodes, servers: servers, since: 100}
	at := func(node int32, call int64) { edit(samples, node, func(s *history.Sample) { s.Call = call }) }
	require.False(t, w.look(samples))
	require.Equal(t, "n1 was not sampled since", w.why)
	at(0, 110)
	at(1, 110)
	require.False(t, w.look(samples), "n3's is from before")
	at(2, 101)
	require.False(t, w.look(samples), "the first of each")
	at(0, 120)
	at(1, 120)
	require.False(t, w.look(samples), "n3's second is to come")
	edit(samples, 1, func(s *history.Sample) { s.Offset++ })
	at(2, 120)
	require.False(t, w.look(samples), "n2 went on alone")
	edit(samples, 1, func(s *history.Sample) { s.Offset-- })
	require.False(t, w.look(samples), "they begin anew")
	for i := range servers {
		at(int32(i), 130)
	}
	require.True(t, w.look(samples))
	require.Equal(t, int64(130), w.second[2].Call)
}

func TestWhatMoved(t *testing.T) {
	type change struct {
		node int32
		f    func(*history.Sample)
	}
	changes := func(node int32, by int64) change {
		return change{node, func(s *history.Sample) { s.Rest.Changes += by }}
	}
	removed := func(by int64) change { return change{0, func(s *history.Sample) { s.Rest.Expired += by }} }
	for name, c := range map[string]struct {
		changes []change
		want    string // empty: at rest
	}{
		"nothing":                     {nil, ""},
		"what sentinels publish":      {[]change{{0, func(s *history.Sample) { s.Offset += 450 }}, {1, func(s *history.Sample) { s.Offset += 450 }}}, ""},
		"one write":                   {[]change{changes(0, 1), changes(1, 1), changes(2, 1)}, "n1 took +1 changes, n2 took +1 changes, of which"},
		"a write to a replica":        {[]change{changes(1, 1)}, "n2 took +1 changes, of which its master's expiry and eviction explain 0"},
		"keys that expired":           {[]change{removed(3), changes(1, 3), changes(2, 2)}, ""},
		"keys that were evicted":      {[]change{{0, func(s *history.Sample) { s.Rest.Evicted++ }}, changes(1, 1)}, ""},
		"more than expired":           {[]change{removed(3), changes(1, 4)}, "n2 took +4 changes, of which its master's expiry and eviction explain 3"},
		"expired on a replica only":   {[]change{{1, func(s *history.Sample) { s.Rest.Expired++ }}, changes(1, 1)}, "n2 took +1"},
		"a count set back":            {[]change{changes(2, -7)}, "n3 took -7"},
		"a save":                      {[]change{{0, func(s *history.Sample) { s.Rest.LastSave++ }}}, "n1 saved its data"},
		"a save that runs":            {[]change{{1, func(s *history.Sample) { s.Rest.Saving = true }}}, "n2 saved its data"},
		"a restart":                   {[]change{{1, func(s *history.Sample) { s.RunID = "b" }}}, "n2 was restarted"},
		"another role":                {[]change{{1, func(s *history.Sample) { s.Role = history.RoleMaster }}}, "n2 was a replica and is a master"},
		"another history":             {[]change{{1, func(s *history.Sample) { s.ReplID = "y" }}}, "n2 changed its replication id"},
		"another history before that": {[]change{{1, func(s *history.Sample) { s.ReplID2 = "y" }}}, "n2 changed its replication id"},
		"it tells no more":            {[]change{{1, func(s *history.Sample) { s.Rest = history.Rest{} }}}, ""},
		"nor is it where it was":      {[]change{{1, func(s *history.Sample) { s.Rest, s.Offset = history.Rest{}, s.Offset+60 }}}, "n2 moved by +60 bytes, which is no PING"},
		"a PING, and nothing is told": {[]change{{1, func(s *history.Sample) { s.Rest, s.Offset = history.Rest{}, s.Offset+14 }}}, ""},
		"two, which could be a write": {[]change{{1, func(s *history.Sample) { s.Rest, s.Offset = history.Rest{}, s.Offset+28 }}}, "n2 moved by +28"},
		"back, and nothing is told":   {[]change{{1, func(s *history.Sample) { s.Rest, s.Offset = history.Rest{}, s.Offset-14 }}}, "n2 moved by -14"},
	} {
		t.Run(name, func(t *testing.T) {
			nodes, servers, before := three()
			_, _, after := three()
			for _, ch := range c.changes {
				edit(after, ch.node, ch.f)
			}
			err := moved(nodes, servers, before, after)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestWhoIsDownForGood(t *testing.T) {
	kill := history.Fault{ID: 1, Kind: "kill", Text: "kill n2", Targets: []int32{1}, Permanent: true, Injected: 50}
	with := func(f func(*history.Fault)) history.Fault {
		k := kill
		f(&k)
		return k
	}
	for name, c := range map[string]struct {
		fault history.Fault
		up    bool
		want  bool
	}{
		"killed for good":      {kill, false, true},
		"stopped for good":     {with(func(f *history.Fault) { f.Kind = "stop" }), false, true},
		"it runs nevertheless": {kill, true, false},
		"it will be healed":    {with(func(f *history.Fault) { f.Permanent = false }), false, false},
		"never injected":       {with(func(f *history.Fault) { f.Injected = 0 }), false, false},
		"not sampled since":    {with(func(f *history.Fault) { f.Injected = 500 }), false, false},
		"a restart has no end": {with(func(f *history.Fault) { f.Kind = "restart" }), false, false},
		"it follows another":   {with(func(f *history.Fault) { f.Kind = "replicaof" }), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, samples := three()
			edit(samples, 1, func(s *history.Sample) { s.Up, s.Answered = c.up, c.up })
			got := downForGood(map[int]history.Fault{1: c.fault}, samples)
			if !c.want {
				require.Empty(t, got)
				return
			}
			require.Equal(t, map[int32]string{1: "fault 1 (kill n2) holds it down for good"}, got)
		})
	}
}

// Behind a replica that is down for good nothing arrives any more; a replica of the master itself may yet be led elsewhere.
func TestWhoIsCutOffForGood(t *testing.T) {
	run := &history.Run{Nodes: []history.Node{{Name: "n1", Addr: "a:1", Role: history.RoleMaster}, {Name: "n2", Addr: "b:1", Role: history.RoleReplica},
		{Name: "n3", Addr: "c:1", Role: history.RoleReplica}, {Name: "n4", Addr: "d:1", Role: history.RoleReplica}}}
	replica := func(up string, link bool) history.Sample {
		return history.Sample{Answered: true, Role: history.RoleReplica, MasterAddr: up, LinkUp: link}
	}
	for name, c := range map[string]struct {
		down   int32
		n3, n4 history.Sample
		want   []int32
	}{
		"the middle of a chain":  {1, replica("b:1", false), replica("c:1", false), []int32{1, 2, 3}},
		"one of two branches":    {1, replica("b:1", false), replica("a:1", true), []int32{1, 2}},
		"it was led elsewhere":   {1, replica("a:1", true), replica("c:1", true), []int32{1}},
		"it hears it still":      {1, replica("b:1", true), replica("a:1", true), []int32{1}},
		"the master is the dead": {0, replica("a:1", false), replica("a:1", false), []int32{0}},
		"it became a master":     {1, history.Sample{Answered: true, Role: history.RoleMaster}, replica("a:1", true), []int32{1}},
	} {
		t.Run(name, func(t *testing.T) {
			down := cutOff(run, map[int32]string{c.down: "fault 1 (kill) holds it down for good"}, map[int32]history.Sample{2: c.n3, 3: c.n4})
			var got []int32
			for i := range down {
				got = append(got, i)
			}
			require.ElementsMatch(t, c.want, got)
			if name == "the middle of a chain" {
				require.Equal(t, "it follows n3, and it follows n2, and fault 1 (kill) holds it down for good", down[3])
			}
		})
	}
}

// Of a Cluster each shard comes to rest by itself, and replicas are level with the master that they follow, whatever shard that was once.
func TestWhatIsRestInACluster(t *testing.T) {
	for name, c := range map[string]struct {
		node int32
		f    func(*history.Sample)
		want string
	}{
		"rest":                   {0, func(*history.Sample) {}, ""},
		"a replica that moved":   {2, func(s *history.Sample) { s.MasterAddr, s.ReplID, s.Offset = "b", "y", 900 }, ""},
		"a master too many":      {2, func(s *history.Sample) { s.Role = history.RoleMaster }, "3 nodes say they are master, of 2 shards: n1 and n3 of shard 1"},
		"a master too few":       {1, func(s *history.Sample) { s.Role = history.RoleReplica }, "1 nodes say they are master, of 2 shards: none of shard 2"},
		"behind its own":         {3, func(s *history.Sample) { s.Offset = 500 }, "n4 is at offset 500, n2 at 900"},
		"who follows a stranger": {3, func(s *history.Sample) { s.MasterAddr = "z" }, "n4 follows z, which does not say it is master"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, samples := three()
			nodes := []history.Node{{Name: "n1", Shard: 1, Addr: "a"}, {Name: "n2", Shard: 2, Addr: "b"}, {Name: "n3", Shard: 1, Addr: "c"}, {Name: "n4", Shard: 2, Addr: "d"}}
			samples[3] = samples[2]
			samples[1] = samples[0]
			edit(samples, 1, func(s *history.Sample) { s.ReplID, s.Offset = "y", 900 })
			edit(samples, 2, func(s *history.Sample) { s.MasterAddr = "a" })
			edit(samples, 3, func(s *history.Sample) { s.MasterAddr, s.ReplID, s.Offset = "b", "y", 900 })
			edit(samples, c.node, c.f)
			require.Equal(t, c.want, restless(nodes, []int32{0, 1, 2, 3}, samples))
		})
	}
}
