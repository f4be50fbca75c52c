package sentences

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// What must not go by unsaid stands in the first sentence, whatever the verdict.
func TestCausesAreInTheHeadline(t *testing.T) {
	causes := func(c result.Causes) func(v result.Verdict, lost int64) Sentences {
		return func(v result.Verdict, lost int64) Sentences {
			r := resultOf(v, lost)
			r.Causes = c
			if v == result.Unknown {
				r.Reasons = []string{"no barrier: the links are down"}
			}
			return Of(nodesOf(), r)
		}
	}
	for _, tt := range []struct {
		name string
		c    result.Causes
		want string // empty: nothing is said of it
	}{
		{"one in a hundred", result.Causes{Tried: 100, Refused: []result.Refusal{{Reason: "OOM", Writes: 1}}}, ""},
		{"refused for one reason", result.Causes{Tried: 4542, Refused: []result.Refusal{{Reason: "NOREPLICAS", Writes: 2177}}}, "2,177 of 4,542 tried writes (47.9 %) were refused with NOREPLICAS."},
		{"refused with OOM", result.Causes{Tried: 100, Refused: []result.Refusal{{Reason: "OOM", Writes: 40}, {Reason: "READONLY", Writes: 2}}, Servers: []result.Counters{{Node: 0, OOM: 40, MaxMemory: 10e6}}},
			"42 of 100 tried writes (42.0 %) were refused: 40 OOM and 2 READONLY; n1 is limited to 10.00 MB."},
		{"evicted", result.Causes{Servers: []result.Counters{{Node: 0, Evicted: 5657, MaxMemory: 10e6, Policy: "allkeys-lru"}}}, "n1 evicted 5,657 keys to stay within 10.00 MB (allkeys-lru)"},
		{"a loop", result.Causes{Loop: &result.SyncLoop{Node: 0, Full: 70, From: 1e9, To: 25e9, Disconnects: 69}},
			"Replicas resynchronized in a loop: n1 began 70 full resyncs within 24 s, and closed 69 connections over their output buffer."},
		{"nobody was promoted", result.Causes{Takeover: &result.Takeover{T: 65e9, Fault: 1, Missed: "the failover is done", Waited: 60e9, Said: "failover-abort-no-good-slave", Did: []result.Deed{{Fault: 1, Kind: "kill", Nodes: []int32{0}}}}},
			"Nobody was promoted in 60 s (Sentinel: failover-abort-no-good-slave); schism then restarted n1. What came after that is not judged."},
		{"another step", result.Causes{Takeover: &result.Takeover{T: 65e9, Fault: 2, Missed: "200 writes are acknowledged", Waited: 60e9, Did: []result.Deed{{Fault: 1, Kind: "partition"}, {Fault: 2, Kind: "pause", Nodes: []int32{0, 1}}}}},
			"What the schedule waited for (200 writes are acknowledged) did not happen in 60 s; schism then healed fault 1 and let n1 and n2 go on."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, lost := range []int64{0, 1074} {
				for _, v := range []result.Verdict{result.Pass, result.Violation, result.Unknown} {
					plain, got := causes(result.Causes{})(v, lost), causes(tt.c)(v, lost)
					if tt.want == "" {
						require.Equal(t, plain, got)
						continue
					}
					require.Contains(t, got.Headline, tt.want)
					require.Contains(t, got.Headline+" "+got.Sub, plain.Headline, "what is said anyway is said still")
				}
			}
		})
	}
}

// What was done to the setup is told by the fault's kind, and what a node kept by its settings in effect.
func TestTheMechanismIsThatOfTheFault(t *testing.T) {
	kind := func(kind string, healed int64) func(r *result.Result, c *result.Cause, f *history.Fault) {
		return func(r *result.Result, _ *result.Cause, f *history.Fault) {
			r.Masters.TwoWritable = 1e9
			f.Kind, f.Text, f.Healed = kind, "ask s1 for a failover", healed
		}
	}
	s := Of(nodesOf(), loss("promotion", true, kind("sentinel-failover", 11e9)))
	require.Contains(t, s.Sub, "The switchover was asked for (ask s1 for a failover); the old master went on acknowledging for 10 s after the promotion.")
	require.Contains(t, s.Why, "A switchover was asked for, with nothing broken")
	for _, said := range []string{"came back", "the heal", "did not answer"} {
		require.NotContains(t, s.Sub+s.Why+s.Bounds, said, "nothing was broken or healed")
	}
	require.Contains(t, Of(nodesOf(), loss("promotion", false, kind("replicaof", 0))).Why, "without the last writes that n1 had acknowledged")

	s = Of(nodesOf(), loss("promotion", true, kind("pause", 20e9)))
	require.Contains(t, s.Sub, "came back and acknowledged writes until")
	require.Contains(t, s.Why, "did not answer for a while")
	s = Of(nodesOf(), loss("promotion", true, kind("heal", 0)))
	require.NotContains(t, s.Sub+s.Why, "came back")

	spec := []history.KV{{K: "appendonly", V: "yes"}, {K: "appendfsync", V: "everysec"}, {K: "save", V: `""`}}
	run := nodesOf(spec...)
	require.Contains(t, Of(run, loss("restart", false, nil)).Why, "Its settings: appendonly yes, appendfsync everysec.")
	require.NotContains(t, Of(run, loss("restart", false, nil)).Bounds, "kept nothing on disk")
	run.Nodes[0].Settings = []history.KV{{K: "appendonly", V: "no"}, {K: "save", V: ""}} // what CONFIG GET said
	require.Contains(t, Of(run, loss("restart", false, nil)).Why, "Its settings: appendonly no, no save points.")
	require.Contains(t, Of(run, loss("restart", false, nil)).Bounds, "n1 kept nothing on disk")
}

func TestWaitsOfWhatWasLost(t *testing.T) {
	r := loss("promotion", false, nil)
	require.NotContains(t, Of(nodesOf(), r).Sub, "WAIT")
	r.Causes.Waits = []result.WaitCount{{Acked: 0, Writes: 1000, Lost: 1064}, {Acked: 1, Writes: 2000, Lost: 10}, {Acked: 2, Writes: 3000}}
	require.Contains(t, Of(nodesOf(), r).Sub, "Of the lost writes WAIT had counted no replica for 1,064 and 1 replica for 10.")
}

// Where the harness took over, that is the reason of all that could not be judged, and stands first.
func TestTheHarnessIsNamedFirst(t *testing.T) {
	r := resultOf(result.Unknown, 0)
	r.Reasons = []string{"fault 2 never took effect (not injected: 3 s after the failover is done: it did not happen within 1 min)"}
	r.Causes.Takeover = &result.Takeover{T: 65e9, Fault: 2, Missed: "the failover is done", Waited: 60e9, Did: []result.Deed{{Fault: 1, Kind: "kill", Nodes: []int32{0}}}}
	require.Equal(t, "Nobody was promoted in 60 s; schism then restarted n1. What came after that is not judged. Not decided: fault 2 never took effect.",
		Of(nodesOf(), r).Headline)
}

// A headline stays one: of several causes the rest stands below it, and so does a long reason.
func TestOneCauseInTheHeadline(t *testing.T) {
	r := resultOf(result.Unknown, 0)
	r.Reasons = []string{"not decided: master reads are linearizable (n1 evicted 88 keys (maxmemory-policy allkeys-lru): what was evicted shows the same)", "not decided: another"}
	r.Causes = result.Causes{Tried: 100, Refused: []result.Refusal{{Reason: "OOM", Writes: 40}}, Servers: []result.Counters{{Node: 0, OOM: 40, MaxMemory: 10e6, Evicted: 88, Policy: "allkeys-lru"}}}
	s := Of(nodesOf(), r)
	require.Equal(t, "Not decided: master reads are linearizable. 40 of 100 tried writes (40.0 %) were refused with OOM; n1 is limited to 10.00 MB.", s.Headline)
	require.Equal(t, "n1 evicted 88 keys to stay within 10.00 MB (allkeys-lru): what was evicted is no loss. And for 1 more reason, listed below.", s.Sub)
}

// Short WAITs are said once: by the scenario that shows them, else at the end.
func TestShortWaitsAreSaidOnce(t *testing.T) {
	r := resultOf(result.Pass, 0)
	r.Causes.Waited = &result.Waited{Command: "WAIT 2", Waits: 1200, Short: 300}
	const text = "WAIT 2 counted fewer than asked for in 300 of 1,200 replies (25.0 %)."
	require.Equal(t, text, ShortWaits(r.Causes.Waited))
	require.True(t, strings.HasSuffix(Of(nodesOf(), r).Sub, text), Of(nodesOf(), r).Sub)
	r.Shows = []result.PromiseResult{{Promise: result.ShortWaits, Status: result.Broken, Text: result.ShortWaits.Noun(), Measured: "25 %"}}
	s := Of(nodesOf(), r)
	require.Contains(t, s.Headline+s.Sub, "WAITs that counted fewer than asked for: 25 %")
	require.NotContains(t, s.Headline+s.Sub, text)
	require.Empty(t, ShortWaits(nil))
	require.Empty(t, ShortWaits(&result.Waited{Command: "WAIT 2", Waits: 5}))
}

// What WAITAOF had counted of the lost writes names the master's own file too.
func TestWhatWaitAOFHadCountedOfTheLost(t *testing.T) {
	r := resultOf(result.Pass, 3)
	r.Causes.Waits = []result.WaitCount{{Acked: 0, Writes: 1, Lost: 1}, {Acked: 1, Local: true, Writes: 2, Lost: 2}}
	tl := &teller{nodesOf(), r}
	require.Equal(t, "Of the lost writes WAIT had counted no replica for 1 and 1 replica and the master's own file for 2.", tl.waited())
}
