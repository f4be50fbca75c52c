package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

// What a promotion left out is gone only if the node that had it never became what the others copied.
func TestWhatAPromotionLeftOutMayComeBack(t *testing.T) {
	h := &history.History{Run: history.Run{Nodes: []history.Node{{Name: "n1", Kind: history.Server}, {Name: "n2", Kind: history.Server}}}}
	l := newLineage(&check{h: h, s: newStates(h), x: &extra{}})
	promoted := branchEnd{kind: endPromotion, t: 10, loser: 0, winner: 1, replID: "A", fork: 100, next: "B"}
	back := func(fork int64) branchEnd {
		return branchEnd{kind: endRestart, t: 20, loser: 0, winner: 0, replID: "A", fork: fork, next: "C"}
	}
	copied := branchEnd{kind: endResync, t: 30, loser: 1, winner: 0, replID: "B", fork: -1, next: "C"}
	follows := branchEnd{kind: endResync, t: 30, loser: 0, winner: 1, replID: "C", fork: -1, next: "B"}
	wiped := branchEnd{kind: endRestart, t: 40, loser: 0, winner: 0, replID: "C", fork: 10, next: "D"}
	for name, c := range map[string]struct {
		ends []branchEnd
		want []int64 // when what may have killed it was
	}{
		"it follows":                {[]branchEnd{promoted, follows}, []int64{10}},
		"it stays away":             {[]branchEnd{promoted}, []int64{10}},
		"back, and wiped":           {[]branchEnd{promoted, back(200), copied, wiped}, []int64{40}},
		"back with less":            {[]branchEnd{promoted, back(120), copied, wiped}, []int64{10}},
		"perhaps back, and wiped":   {[]branchEnd{promoted, back(155), copied, wiped}, []int64{10, 40}},
		"back, and nothing after":   {[]branchEnd{promoted, back(200), copied}, []int64{10}},
		"copied before it was seen": {[]branchEnd{promoted, copied, {kind: endRestart, t: 35, loser: 0, winner: 0, replID: "A", fork: 120, next: "C"}}, []int64{10}},
		"wiped before anyone came":  {[]branchEnd{promoted, back(200), {kind: endRestart, t: 25, loser: 0, winner: 0, replID: "C", fork: 10, next: "D"}, copied}, []int64{10}},
	} {
		t.Run(name, func(t *testing.T) {
			var at []int64
			for _, e := range l.killers(place{node: 0, ids: []string{"A"}, lo: 150, hi: 160, most: -1}, c.ends, 0) {
				at = append(at, e.t)
			}
			require.Equal(t, c.want, at)
		})
	}
}

// What ended on another branch, before the write or behind it killed nothing.
func TestWhatKilledNothing(t *testing.T) {
	h := &history.History{Run: history.Run{Nodes: []history.Node{{Name: "n1", Kind: history.Server}, {Name: "n2", Kind: history.Server}}}}
	l := newLineage(&check{h: h, s: newStates(h), x: &extra{}})
	promotion := func(at int64, winner int32, id string, fork int64, next string) branchEnd {
		return branchEnd{kind: endPromotion, t: at, loser: 1 - winner, winner: winner, replID: id, fork: fork, next: next}
	}
	wiped := func(at int64) branchEnd {
		return branchEnd{kind: endRestart, t: at, loser: 0, winner: 0, replID: "Y", fork: -1, next: "Z"}
	}
	for name, c := range map[string]struct {
		ends []branchEnd
		want []int64 // when what may have killed it was
	}{
		"another was promoted without it":        {[]branchEnd{promotion(10, 1, "A", 100, "B")}, []int64{10}},
		"another was promoted on another branch": {[]branchEnd{promotion(10, 1, "Y", 100, "B")}, nil},
		"its own node was promoted":              {[]branchEnd{promotion(10, 0, "A", 100, "B")}, nil},
		"another was promoted with it":           {[]branchEnd{promotion(10, 1, "A", 200, "B")}, nil},
		"perhaps with it":                        {[]branchEnd{promotion(10, 1, "A", 155, "B")}, []int64{10}},
		"with it, then a third without it":       {[]branchEnd{promotion(10, 1, "A", 200, "B"), promotion(20, 0, "B", 120, "C")}, []int64{20}},
		"its node was wiped":                     {[]branchEnd{wiped(10)}, []int64{10}},
		"its node was wiped before it":           {[]branchEnd{wiped(4)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var at []int64
			for _, e := range l.killers(place{node: 0, since: 5, ids: []string{"A"}, lo: 150, hi: 160, most: -1}, c.ends, 0) {
				at = append(at, e.t)
			}
			require.Equal(t, c.want, at)
		})
	}
}

// Which of two processes of a node acknowledged a write tells only a look that found none between them.
func TestPlaceOfAWriteAroundARestart(t *testing.T) {
	look := func(call int64, run, repl string) history.Sample {
		return history.Sample{Call: call, Return: call + 1, Answered: run != "", Up: run != "", Role: history.RoleMaster, RunID: run, ReplID: repl, Offset: call}
	}
	for name, c := range map[string]struct {
		looks []history.Sample
		ids   []string
		run   string
	}{
		"before it":  {[]history.Sample{look(0, "a", "A"), look(30, "", ""), look(40, "b", "B")}, []string{"A"}, "a"},
		"after it":   {[]history.Sample{look(0, "a", "A"), look(5, "", ""), look(40, "b", "B")}, []string{"B"}, "b"},
		"not told":   {[]history.Sample{look(0, "a", "A"), look(40, "b", "B")}, []string{"A", "B"}, ""},
		"no restart": {[]history.Sample{look(0, "a", "A"), look(40, "a", "A")}, []string{"A"}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			h := history.FromOps([]history.Op{{F: history.FAdd, In: 1, Call: 10, Return: 20}}, []string{"k"})
			h.Run.Nodes = []history.Node{{Name: "n1", Kind: history.Server}}
			h.Samples = c.looks
			p := newLineage(&check{h: h, s: newStates(h), x: &extra{}}).place(0)
			require.Equal(t, c.ids, p.ids)
			require.Equal(t, c.run, p.run)
		})
	}
}
