package sentences

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// loss is a run whose greatest loss was caused so.
func loss(kind string, split bool, edit func(r *result.Result, c *result.Cause, f *history.Fault)) *result.Result {
	r := resultOf(result.Pass, 1074)
	c := result.Cause{Kind: kind, Node: 0, Winner: 1, T: 12e9, Trigger: 1, Lost: 1074, First: 10e9, Last: 11e9}
	f := history.Fault{ID: 1, Kind: "kill", Effect: 11e9, Healed: 20e9}
	if split {
		c.Last = 22e9
		r.Loss.SplitBrain = 1000
	}
	r.Counts.Errors = map[string]int64{}
	if edit != nil {
		edit(r, &c, &f)
	}
	r.Loss.First, r.Loss.Last = c.First, c.Last
	r.Loss.Causes, r.Faults = []result.Cause{c}, []history.Fault{f}
	return r
}

func cutOff(_ *result.Result, _ *result.Cause, f *history.Fault) {
	f.Kind, f.Links = "partition", [][2]int32{{0, 1}, {1, 0}}
}

func refusing(r *result.Result, c *result.Cause, f *history.Fault) {
	cutOff(r, c, f)
	r.Counts.Errors["NOREPLICAS"] = 2314
}

func heldBack(r *result.Result, c *result.Cause, f *history.Fault) { c.Enablers = []int{2} }

// Every advice has a run that it fits and one that contradicts it.
func TestAdviceRestsOnWhatWasMeasured(t *testing.T) {
	set := history.KV{K: "min-replicas-to-write", V: "1"}
	none := []history.KV{{K: "appendonly", V: "no"}, {K: "save", V: `""`}}
	aof := []history.KV{{K: "appendonly", V: "yes"}, {K: "appendfsync", V: "always"}, {K: "save", V: `""`}}
	named := map[string]bool{}
	for _, c := range []struct {
		name     string
		says     string
		fits     *result.Result
		config   []history.KV
		not      *result.Result
		notConf  []history.KV
		nextText string // what is said there instead
	}{
		{"refusals came", "2,314 writes were refused with NOREPLICAS; the last lost one was acknowledged 11 s after the fault took effect", loss("promotion", true, refusing), []history.KV{set},
			loss("promotion", true, cutOff), []history.KV{set}, "yet no write was refused with NOREPLICAS"},
		{"refusals did not come", "yet no write was refused with NOREPLICAS", loss("promotion", true, cutOff), []history.KV{set}, loss("promotion", true, refusing), []history.KV{set}, "2,314 writes were refused"},
		{"refusals would help a cut-off master", "min-replicas-to-write was 0 on n1", loss("promotion", true, cutOff), nil, loss("promotion", true, cutOff), []history.KV{set}, "is set on n1"},
		{"demotion ends it", "2 s after n1 had come back", loss("promotion", true, nil), nil,
			loss("promotion", true, func(_ *result.Result, _ *result.Cause, f *history.Fault) { f.Healed = 0 }), nil, ""},
		{"refusals would help a returned master", "which was 0, with min-replicas-max-lag", loss("promotion", true, nil), nil, loss("promotion", true, nil), []history.KV{set}, "is set on n1"},
		{"asynchronous", "Replication is asynchronous", loss("promotion", false, nil), nil, loss("restart", false, nil), none, "Persistence on the master"},
		{"WAIT tells", "WAIT tells how many", loss("promotion", false, nil), nil,
			loss("promotion", false, func(r *result.Result, _ *result.Cause, _ *history.Fault) {
				r.Findings = []result.Finding{{Class: "wait_impossible", Count: 3, Bugs: 3}}
			}), nil, "Replication is asynchronous"},
		{"refusals would help a master without replicas", "refuses writes when replicas fall silent", loss("promotion", false, heldBack), nil, loss("promotion", false, heldBack), []history.KV{set}, "Replication is asynchronous"},
		{"persistence", "n1 kept nothing on disk. Persistence on the master", loss("restart", false, nil), none, loss("restart", false, nil), aof, ""},
		{"who may send REPLICAOF", "REPLICAOF asks nothing", loss("resync", false, func(_ *result.Result, _ *result.Cause, f *history.Fault) { f.Kind = "replicaof" }), nil,
			loss("resync", false, nil), nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			named[c.name] = true
			require.Contains(t, Of(nodesOf(c.config...), c.fits).Bounds, c.says)
			got := Of(nodesOf(c.notConf...), c.not).Bounds
			require.NotContains(t, got, c.says)
			require.Contains(t, got, c.nextText)
			if c.nextText == "" {
				require.NotContains(t, got, "keeps")
			}
		})
	}
	for _, a := range advice() {
		require.True(t, named[a.name], "no runs for %q", a.name)
	}
}

func TestWhySaysWhatHappened(t *testing.T) {
	for _, c := range []struct {
		name  string
		r     *result.Result
		run   *history.Run
		want  string
		never string
	}{
		{"cut off", loss("promotion", true, cutOff), nodesOf(), "n1 was cut off from n2. Sentinel promoted n2, while n1 went on answering OK to the clients on its side for 10 s. When n1 rejoined as a replica of n2, it threw its own copy away.", ""},
		{"came back", loss("promotion", true, nil), nodesOf(), "n1 did not answer for a while, and Sentinel promoted n2. When n1 came back it still took itself for the master and acknowledged writes, the last one 10 s after the promotion.", ""},
		{"killed for good", loss("promotion", false, func(_ *result.Result, _ *result.Cause, f *history.Fault) { f.Permanent, f.Healed = true, 0 }), nodesOf(), "n2 did not have them yet. Sentinel promoted n2 without them.", "rejoined"},
		{"no sentinels", loss("promotion", false, nil), &history.Run{Nodes: nodesOf().Nodes[:3]}, "n2 was promoted without them.", "Sentinel"},
		{"held back", loss("promotion", false, heldBack), nodesOf(), "n1 acknowledged them while a fault held back its link to n2.", ""},
		{"restart", loss("restart", false, nil), nodesOf(), "n1 was started anew and came back without data that it had acknowledged.", "replicas copied"},
		{"resync", loss("resync", false, nil), nodesOf(), "n1 made a full resynchronization from n2, and replaced its own data with what it found there.", "was told"},
		{"nothing known", &result.Result{Verdict: result.Pass, Writes: account(3, 3), Loss: &result.Loss{}}, nodesOf(), "", "n1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			why := Of(c.run, c.r).Why
			require.Contains(t, why, c.want)
			if c.never != "" {
				require.NotContains(t, why, c.never)
			}
		})
	}
}
