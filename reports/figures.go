package reports

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/history"
)

// figure is one key figure: a number with its unit or its whole, and what it means.
type figure struct {
	Label, N, Unit string
	Bad            bool
	Bar            template.HTML
	Legend         []legendLine
	Lines          []template.HTML
}

type legendLine struct {
	Swatch template.HTML
	N      string
	Text   string
}

func lines(format ...string) []template.HTML {
	var out []template.HTML
	for _, f := range format {
		if f != "" {
			out = append(out, template.HTML(f))
		}
	}
	return out
}

// figures are the first five numbers that matter for this run.
func (t *timeline) figures() []figure {
	r := &t.a.Result
	var out []figure
	add := func(f *figure) {
		if f != nil && len(out) < 5 {
			out = append(out, *f)
		}
	}
	add(t.lossFigure())
	add(windowFigure(r))
	add(mastersFigure(t.h, r))
	add(rtaFigure(t.h, r))
	add(convergeFigure(r))
	add(gapFigure("Longest gap in writes", r.Availability.LongestWriteS, r.Counts.Writes))
	add(staleFigure(r))
	add(gapFigure("Longest gap in reads", r.Availability.LongestRead, r.Counts.Reads))
	if len(out) < 5 && r.Counts.Ops > 0 {
		add(&figure{Label: "Operations", N: num(r.Counts.Ops), Lines: lines(esc(fmt.Sprintf("%s ok, %s not executed, %s unknown", num(r.Counts.OK), num(r.Counts.Fail), num(r.Counts.Info))),
			esc(plural(r.Counts.Keys, "key", "keys")))})
	}
	return out
}

func (t *timeline) lossFigure() *figure {
	w, loss := &t.a.Result.Writes, t.a.Result.Loss
	if w.Acked == 0 {
		return nil
	}
	if !w.Known {
		why := "What became of them is not known: no final read after a barrier."
		if t.a.Result.Convergence.Barrier {
			why = "Not told one by one: these operations are judged by rules of their own, under Consistency."
		}
		return &figure{Label: "Acknowledged writes", N: num(w.Acked), Unit: "of " + num(w.Attempted) + " attempted", Lines: lines(why)}
	}
	f := &figure{Label: "Lost acknowledged writes", N: num(w.Lost), Unit: "of " + num(w.Acked), Bad: w.Lost > 0}
	if w.Lost > 0 {
		f.Unit += ", " + share(w.Lost, w.Acked)
	}
	type part struct {
		n         int64
		cls, text string
	}
	var parts []part
	if loss != nil {
		parts = append(parts, part{loss.SplitBrain, "r-x", "split brain: acknowledged by the deposed master after the promotion"},
			part{loss.ReplicationLag, "a-st", "replication lag: acknowledged before the promotion, not yet copied"},
			part{loss.Other, "r-x", "neither: a restart, a wipe, a foreign data set"})
	} else {
		parts = append(parts, part{w.Lost, "r-x", "lost"})
	}
	s := newSVG(14, fmt.Sprintf("Of %s acknowledged writes %s survived and %s were lost", num(w.Acked), num(w.Survived), num(w.Lost)))
	at := share100(w.Survived, w.Acked)
	s.rect(0, at, 0, 14, "r-r")
	for i := len(parts) - 1; i >= 0; i-- {
		if n := share100(parts[i].n, w.Acked); n > 0 {
			s.rect(at, max(n, 0.4), 0, 14, parts[i].cls)
			at += n
		}
	}
	for _, p := range parts {
		if p.n > 0 {
			f.Legend = append(f.Legend, legendLine{swatch(p.cls), num(p.n), p.text})
		}
	}
	f.Legend = append(f.Legend, legendLine{swatch("r-r"), num(w.Survived), "survived"})
	if w.Masked > 0 {
		f.Legend = append(f.Legend, legendLine{swatch("r-d"), num(w.Masked), "cannot be told: overwritten, and no predecessor replies"})
	}
	f.Bar = s.done()
	return f
}

func share100(n, of int64) float64 {
	if of <= 0 {
		return 0
	}
	return float64(n) / float64(of) * 100
}

// windowFigure never shows RPA without the loss window: 4 ms alone would read as harmless beside 30 s of lost acks.
func windowFigure(r *checker.Result) *figure {
	l := r.Loss
	if l == nil || r.Writes.Lost == 0 {
		return nil
	}
	n, unit := wordsUnit(l.Last - l.First)
	f := &figure{Label: "Loss window", N: n, Unit: unit, Lines: lines(esc(fmt.Sprintf("first lost ack at %s, last at %s", at(l.First), at(l.Last))))}
	if l.RPA >= 0 {
		f.Lines = append(f.Lines, template.HTML("<b>RPA "+esc(words(l.RPA))+"</b>: from the earliest lost ack to the last on the dead branch"))
	}
	if l.BytesThrownAway > 0 {
		f.Lines = append(f.Lines, template.HTML("<b>"+esc(size(l.BytesThrownAway))+"</b> of the log thrown away"))
	}
	return f
}

func mastersFigure(h *history.History, r *checker.Result) *figure {
	m := &r.Masters
	if len(m.Spans) == 0 || (len(r.Failovers) == 0 && m.TwoWritable == 0) {
		return nil
	}
	n, unit := wordsUnit(m.TwoWritable)
	f := &figure{Label: "Two masters at once", N: n, Unit: unit, Bad: m.TwoWritable > 0}
	if len(m.Windows) > 0 {
		f.Lines = lines(esc(fmt.Sprintf("%s to %s", at(m.Windows[0].From), at(m.Windows[0].To))))
		if len(m.Pairs) > 0 {
			f.Lines[0] += template.HTML(esc(fmt.Sprintf(", %s and %s", nodeName(&h.Run, m.Pairs[0].A), nodeName(&h.Run, m.Pairs[0].B))))
		}
		if k := len(m.Windows) - 1; k > 0 {
			f.Lines = append(f.Lines, template.HTML(esc(plural(int64(k), "more window", "more windows"))))
		}
		if m.DualAcks > 0 {
			f.Lines = append(f.Lines, template.HTML("<b>"+num(m.DualAcks)+"</b> acks by the deposed one"))
		}
	} else {
		f.Lines = lines("never two that took writes")
	}
	return f
}

func rtaFigure(h *history.History, r *checker.Result) *figure {
	if len(h.Faults) == 0 {
		return nil
	}
	a := &r.Availability
	n, unit := wordsUnit(a.RTA)
	f := &figure{Label: "RTA: fault to writable again", N: n, Unit: unit}
	if a.RTA < 0 {
		f.Lines = lines("no lasting ok write after the fault")
	} else if a.RTAFault > 0 {
		f.Lines = lines(esc(fmt.Sprintf("from the effect of fault %d to the first ok write that lasts", a.RTAFault)))
	}
	for _, w := range a.ByWorker {
		if g := w.LongestWrite; len(a.ByWorker) > 1 && g.Len() > 0 {
			f.Lines = append(f.Lines, template.HTML("<b>"+esc(words(g.Len()))+"</b> the longest gap for "+esc(nodeName(&h.Run, w.Worker))))
		}
	}
	if len(a.ByWorker) <= 1 && a.LongestWriteS.Len() > 0 {
		f.Lines = append(f.Lines, template.HTML("<b>"+esc(words(a.LongestWriteS.Len()))+"</b> the longest gap in writes that last"))
	}
	return f
}

func convergeFigure(r *checker.Result) *figure {
	c := &r.Convergence
	if c.Nodes == 0 {
		return nil
	}
	if !c.Barrier {
		return &figure{Label: "Divergence at the end", N: dash, Lines: lines("the barrier did not hold: the nodes cannot be compared")}
	}
	f := &figure{Label: "Divergence after the barrier", N: num(c.Divergent), Unit: "of " + plural(c.Keys, "key", "keys"), Bad: c.Divergent > 0}
	if c.Divergent == 0 {
		f.Lines = lines(fmt.Sprintf("%s hold the same data", plural(int64(c.Nodes), "node", "nodes")))
	} else {
		f.Lines = lines("nodes hold different data")
	}
	if c.Took >= 0 {
		f.Lines = append(f.Lines, template.HTML("<b>"+esc(words(c.Took))+"</b> until they agreed"))
	}
	return f
}

func gapFigure(name string, g checker.Gap, ops int64) *figure {
	if ops == 0 || g.Len() <= 0 {
		return nil
	}
	n, unit := wordsUnit(g.Len())
	return &figure{Label: name, N: n, Unit: unit, Lines: lines(esc(fmt.Sprintf("from %s to %s", at(g.From), at(g.To))))}
}

func staleFigure(r *checker.Result) *figure {
	s := overall(r)
	if s == nil || s.Reads == 0 || s.Max < 0 {
		return nil
	}
	n, unit := wordsUnit(s.Max)
	return &figure{Label: "Stalest read of a replica", N: n, Unit: unit, Lines: lines(esc(fmt.Sprintf("%s of %s reads were stale", ends(share(s.Stale, s.Reads), share(s.StaleMost, s.Reads)), num(s.Reads))), esc("p99 "+between(s.P99, s.P99Most)+", at most "+words(s.MaxMost)))}
}

// lossSums closes the account: who acknowledged what was lost, and what caused it.
func lossSums(h *history.History, r *checker.Result) string {
	l := r.Loss
	if l == nil || r.Writes.Lost == 0 {
		return ""
	}
	var parts []string
	for _, c := range l.Causes {
		s := fmt.Sprintf("%s of %s: %s", c.Kind, nodeName(&h.Run, c.Winner), num(c.Lost))
		if c.Winner < 0 {
			s = fmt.Sprintf("%s of %s: %s", c.Kind, nodeName(&h.Run, c.Node), num(c.Lost))
		}
		if c.Trigger > 0 {
			s += fmt.Sprintf(", by fault %d", c.Trigger)
		}
		parts = append(parts, s)
	}
	return fmt.Sprintf("Lost by cause: %s. Ambiguous %s, unattributed %s.", strings.Join(parts, "; "), num(l.Ambiguous), num(l.Unattributed))
}
