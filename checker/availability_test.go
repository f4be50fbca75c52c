package checker

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

// wroteAt is an operation that node acknowledged, called at (ms).
type wroteAt struct {
	node int32
	at   int64
	f    history.F
	in   int64
	want standing
}

// standingsRun is a run of n1 and n2 with a load from 0.5 to 20 s. The writes of a register are blind; what the final master holds at the
// end is last.
func standingsRun(ws []wroteAt, last []int64, samples ...[]history.Sample) *history.History {
	var ops []history.Op
	for _, w := range ws {
		out := none
		if w.f != history.FWrite {
			out = 1
		}
		ops = append(ops, onNode(op(2, w.f, w.in, out, w.at*1e6, w.at*1e6+1e6), w.node))
	}
	h := history.FromOps(ops, []string{"k"})
	h.Run.Nodes = []history.Node{{Name: "n1", Kind: history.Server, Addr: "1:1"}, {Name: "n2", Kind: history.Server, Addr: "2:1"}, {Name: "w1", Kind: history.Worker}}
	h.Run.Promises = json.RawMessage("[]")
	for _, s := range samples {
		h.Samples = append(h.Samples, s...)
	}
	slices.SortStableFunc(h.Samples, func(a, b history.Sample) int { return int(min(1, max(-1, a.Call-b.Call))) })
	for _, p := range []struct {
		name string
		t    int64
	}{{history.PhaseLoad, vSecond / 2}, {history.PhaseLoadEnd, 20 * vSecond}, {history.PhaseBarrier, 29 * vSecond}, {history.PhaseFinalEnd, 30 * vSecond}} {
		h.Events = append(h.Events, history.Event{Node: history.NoNode, T: p.t, Kind: history.EvPhase, Name: p.name})
	}
	kind := "string"
	if ws[0].f != history.FWrite {
		kind = "set"
	}
	for n := range int32(2) {
		h.Dumps = append(h.Dumps, history.Dump{Node: n, Key: "k", Type: kind, Digest: 1, ExpireAt: -1, Elems: slices.Clone(last), Last: true})
	}
	h.End = 30 * vSecond
	return h
}

func TestStandings(t *testing.T) {
	const master, replica = history.RoleMaster, history.RoleReplica
	write := func(node int32, at int64, want standing) wroteAt { return wroteAt{node, at, history.FWrite, at, want} }
	follows := func(looks ...look) []history.Sample {
		return sampled(1, append([]look{{role: replica, run: "b", repl: "A", master: "1:1", grown: -1}}, looks...)...)
	}
	restart := func(l look) []history.Sample {
		l.from, l.role, l.run, l.repl, l.grown = 10300e6, master, "a2", "A2", -1
		return sampled(0, look{role: master, run: "a", repl: "A", grown: -1}, look{from: 10e9}, l)
	}
	// n2 is promoted at 5 s, while n1 goes on or is gone.
	promoted := look{from: 5e9, role: master, run: "b", repl: "B", repl2: "A", fork: 4500, base: 4500, grown: -1}
	for _, tt := range []struct {
		name    string
		samples [][]history.Sample
		writes  []wroteAt
		last    int64
	}{
		{"one master for all time", [][]history.Sample{sampled(0, look{role: master, run: "a", repl: "A", grown: -1}), follows()},
			[]wroteAt{write(0, 9000, firm), write(0, 9980, firm), write(0, 12000, firm)}, 12000},
		{"a restart with what it had at its last sample, perhaps not with the last write",
			[][]history.Sample{restart(look{repl2: "A", fork: 9950, base: 9950}), follows()},
			[]wroteAt{write(0, 9000, firm), write(0, 9980, mayStay), write(0, 12000, firm), write(0, 13000, firm)}, 13000},
		{"a restart that does not say what it had", [][]history.Sample{restart(look{}), follows()},
			[]wroteAt{write(0, 9000, mayStay), write(0, 9980, mayStay), write(0, 12000, firm), write(0, 13000, firm)}, 13000},
		{"a deposed master", [][]history.Sample{sampled(0, look{role: master, run: "a", repl: "A", grown: -1}, look{from: 9e9, role: replica, run: "a", repl: "B", master: "2:1", grown: -1}), follows(promoted)},
			[]wroteAt{write(0, 3000, mayStay), write(0, 6000, aside), write(1, 8000, firm), write(1, 12000, firm)}, 12000},
		{"a deposed master whose data is taken again",
			[][]history.Sample{restart(look{}), follows(promoted, look{from: 12e9, role: replica, run: "b", repl: "A2", master: "1:1", grown: -1})},
			[]wroteAt{write(0, 6000, mayStay), write(1, 8000, mayStay), write(0, 11000, firm), write(0, 13000, firm), write(0, 14000, firm)}, 14000},
		{"a deposed master that was promoted just now", [][]history.Sample{
			sampled(0, look{role: master, run: "a", repl: "A", grown: -1}, look{from: 8e9, role: replica, run: "a", repl: "B", master: "2:1", grown: -1},
				look{from: 12e9, role: master, run: "a", repl: "C", repl2: "B", fork: 11500, base: 11500, grown: -1}),
			follows(promoted, look{from: 13e9, role: replica, run: "b", repl: "C", master: "1:1", grown: -1})},
			[]wroteAt{write(0, 11980, mayStay), write(0, 12010, firm), write(0, 14000, firm)}, 14000},
		{"what a deposed master gave and took away again, and what it had before", [][]history.Sample{
			sampled(0, look{role: master, run: "a", repl: "A", grown: -1}, look{from: 9e9, role: replica, run: "a", repl: "B", master: "2:1", grown: -1}), follows(promoted)},
			[]wroteAt{{0, 3000, history.FAdd, 1, firm}, {0, 3500, history.FAdd, 2, firm}, {0, 4000, history.FRemove, 2, mayStay},
				{0, 6000, history.FAdd, 3, mayStay}, {0, 6500, history.FRemove, 3, aside}}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := standingsRun(tt.writes, []int64{tt.last}, tt.samples...)
			a, err := Check(h, Options{})
			require.NoError(t, err)
			x := newExtra(h, a, ModelOptions{})
			std := newStandings(&check{h: h, x: x, s: x.s, fin: x.fin, a: a})
			for i, w := range tt.writes {
				require.Equal(t, w.want, std.of(i), "write at %d ms on n%d, fate %d", w.at, w.node+1, a.Fate[i])
			}
		})
	}
}

// A write that a restart may have thrown away ends the shorter of the gaps, and not the longer one.
func TestGapOverARestart(t *testing.T) {
	h := standingsRun([]wroteAt{{0, 4000, history.FWrite, 1, firm}, {0, 9980, history.FWrite, 2, mayStay}, {0, 15000, history.FWrite, 3, firm}, {0, 19500, history.FWrite, 4, firm}},
		[]int64{4}, sampled(0, look{role: history.RoleMaster, run: "a", repl: "A", grown: -1}, look{from: 10e9},
			look{from: 10300e6, role: history.RoleMaster, run: "a2", repl: "A2", repl2: "A", fork: 9950, base: 9950, grown: -1}))
	gap := judged(t, h).Availability.WriteS
	require.InDeltaSlice(t, []float64{5.979, 11.001}, []float64{gap.Lo, gap.Hi}, 1e-6)
}
