package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/charts"
	"github.com/schismtest/schism/reports/frame"
	"github.com/schismtest/schism/reports/sentences"
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

// time gives a figure the number of a measure in seconds, with both its ends. What was not measured, as in results of older versions, leaves
// the figure as it is.
func (f *figure) time(r *result.Result, measure string) *figure {
	i := slices.IndexFunc(r.Measures, func(m result.MeasureValue) bool { return m.Name == measure })
	if i < 0 || !r.Measures[i].Value.Measured() {
		return f
	}
	v, hi := r.Measures[i].Value, int64(-1)
	if !math.IsInf(v.Hi, 1) {
		hi = int64(v.Hi * 1e9)
	}
	f.N, f.Unit = words.BetweenUnit(int64(v.Lo*1e9), hi)
	return f
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
func figures(h *history.History, a *result.Analysis) []figure {
	r := &a.Result
	var out []figure
	add := func(f *figure) {
		if f != nil && len(out) < 5 {
			out = append(out, *f)
		}
	}
	if r.Verdict == result.Error { // with records missing, what is counted of the rest is no measure of the servers
		add(operationsFigure(r))
		return out
	}
	add(lossFigure(r))
	add(windowFigure(r))
	add(mastersFigure(h, r))
	add(rtaFigure(h, r))
	add(slotFigure(r))
	add(watchedLag(h, a))
	add(convergeFigure(r))
	add(gapFigure(r, "Longest gap in writes", "write_gap", r.Availability.LongestWriteS, r.Counts.Writes))
	add(staleFigure(r))
	add(gapFigure(r, "Longest gap in reads", "read_gap", r.Availability.LongestRead, r.Counts.Reads))
	add(operationsFigure(r))
	return out
}

func operationsFigure(r *result.Result) *figure {
	c := &r.Counts
	if c.Ops == 0 {
		return nil
	}
	return &figure{Label: "Operations", N: words.Count(c.Ops), Lines: lines(frame.Esc(fmt.Sprintf("%s ok, %s not executed, %s unknown", words.Count(c.OK), words.Count(c.Fail), words.Count(c.Info))),
		frame.Esc(words.Plural(c.Keys, "key", "keys")))}
}

func lossFigure(r *result.Result) *figure {
	w, loss := &r.Writes, r.Loss
	if w.Acked == 0 {
		return nil
	}
	if !w.Known {
		why := "What became of them is not known: no final read after a barrier."
		if r.Convergence.Barrier {
			why = "Not told one by one: these operations are judged by rules of their own, under Consistency."
		}
		return &figure{Label: "Acknowledged writes", N: words.Count(w.Acked), Unit: "of " + words.Count(w.Attempted) + " attempted", Lines: lines(why)}
	}
	f := &figure{Label: "Lost acknowledged writes", N: lostRange(w), Unit: "of " + words.Count(w.Acked), Bad: w.Lost > 0}
	if w.Lost > 0 && w.LostMost <= w.Lost {
		f.Unit += ", " + words.Share(w.Lost, w.Acked)
	}
	var parts []charts.Part
	if loss != nil {
		parts = append(parts, charts.Part{N: loss.SplitBrain, Class: "r-x", Text: "split brain: acknowledged by the deposed master after the promotion"},
			charts.Part{N: loss.ReplicationLag, Class: "a-st", Text: "replication lag: acknowledged before the promotion, not yet copied"},
			charts.Part{N: loss.Other, Class: "r-x", Text: "neither: a restart, a wipe, a foreign data set"})
	} else {
		parts = append(parts, charts.Part{N: w.Lost, Class: "r-x", Text: "lost"})
	}
	for _, p := range parts {
		if p.N > 0 {
			f.Legend = append(f.Legend, legendLine{charts.Swatch(p.Class), words.Count(p.N), p.Text})
		}
	}
	f.Legend = append(f.Legend, legendLine{charts.Swatch("r-r"), words.Count(w.Survived), "survived"})
	if w.Masked > 0 {
		f.Legend = append(f.Legend, legendLine{charts.Swatch("r-d"), words.Count(w.Masked), "cannot be told one by one"})
	}
	slices.Reverse(parts)
	f.Bar = charts.Bar(fmt.Sprintf("Of %s acknowledged writes %s survived and %s were lost", words.Count(w.Acked), words.Count(w.Survived), words.Count(w.Lost)), w.Acked,
		append([]charts.Part{{N: w.Survived, Class: "r-r"}, {N: w.Masked, Class: "r-d"}}, parts...))
	return f
}

// windowFigure never shows RPA without the loss window: 4 ms alone would read as harmless beside 30 s of lost acks.
func windowFigure(r *result.Result) *figure {
	l := r.Loss
	if l == nil || r.Writes.Lost == 0 {
		return nil
	}
	n, unit := words.DurationUnit(l.Last - l.First)
	f := &figure{Label: "Loss window", N: n, Unit: unit, Lines: lines(frame.Esc(fmt.Sprintf("first lost ack at %s, last at %s", words.At(l.First), words.At(l.Last))))}
	if l.RPA >= 0 {
		f.Lines = append(f.Lines, template.HTML("<b>RPA "+frame.Esc(words.Duration(l.RPA))+"</b>: from the earliest lost ack to the last on the dead branch"))
	}
	if l.BytesThrownAway > 0 {
		f.Lines = append(f.Lines, template.HTML("<b>"+frame.Esc(words.Size(l.BytesThrownAway))+"</b> of the log thrown away"))
	}
	return f
}

func mastersFigure(h *history.History, r *result.Result) *figure {
	m := &r.Masters
	if len(m.Spans) == 0 || (len(r.Failovers) == 0 && m.TwoWritable == 0) {
		return nil
	}
	n, unit := words.DurationUnit(m.TwoWritable)
	f := (&figure{Label: "Two masters at once", N: n, Unit: unit, Bad: m.TwoWritable > 0}).time(r, "two_masters")
	if len(m.Windows) > 0 {
		f.Lines = lines(frame.Esc(fmt.Sprintf("%s to %s", words.At(m.Windows[0].From), words.At(m.Windows[0].To))))
		if len(m.Pairs) > 0 {
			f.Lines[0] += template.HTML(frame.Esc(fmt.Sprintf(", %s and %s", sentences.Node(&h.Run, m.Pairs[0].A), sentences.Node(&h.Run, m.Pairs[0].B))))
		}
		if k := len(m.Windows) - 1; k > 0 {
			f.Lines = append(f.Lines, template.HTML(frame.Esc(words.Plural(int64(k), "more window", "more windows"))))
		}
		if m.DualAcks > 0 {
			f.Lines = append(f.Lines, template.HTML("<b>"+words.Count(m.DualAcks)+"</b> acks by the deposed one"))
		}
	} else {
		f.Lines = lines("never two that took writes")
	}
	return f
}

func rtaFigure(h *history.History, r *result.Result) *figure {
	a := &r.Availability
	if len(h.Faults) == 0 && a.RTAFault != result.NoFault {
		return nil
	}
	n, unit := words.DurationUnit(a.RTA)
	f := (&figure{Label: "RTA: fault to writable again", N: n, Unit: unit}).time(r, "rta")
	if a.RTAShard > 0 {
		f.Label = fmt.Sprintf("RTA of shard %d, the longest", a.RTAShard)
	}
	if a.RTAFault == result.NoFault {
		f.Label, f.Lines = "RTA: last ok write to writable again", lines("around a promotion that was no doing of schism’s")
	} else if a.RTA < 0 {
		f.Lines = lines("no lasting ok write after the fault")
	} else if a.RTAFault > 0 {
		from := fmt.Sprintf("the effect of fault %d", a.RTAFault)
		for _, x := range h.Faults {
			if x.ID == a.RTAFault && a.Outage.From > x.Effect && x.Effect > 0 {
				from = fmt.Sprintf("the last ok write after fault %d", a.RTAFault) // it stopped nobody at once
			}
		}
		f.Lines = lines(frame.Esc("from " + from + " to the first ok write that lasts"))
	}
	for _, w := range a.ByWorker {
		if g := w.LongestWrite; len(a.ByWorker) > 1 && g.Len() > 0 {
			f.Lines = append(f.Lines, template.HTML("<b>"+frame.Esc(words.Duration(g.Len()))+"</b> the longest gap for "+frame.Esc(sentences.Node(&h.Run, w.Worker))))
		}
	}
	if len(a.ByWorker) <= 1 && a.LongestWriteS.Len() > 0 {
		f.Lines = append(f.Lines, template.HTML("<b>"+frame.Esc(words.Duration(a.LongestWriteS.Len()))+"</b> the longest gap in writes that last"))
	}
	return f
}

// slotFigure is the share of a Cluster's slots that nobody served, nil without one.
func slotFigure(r *result.Result) *figure {
	if r.Slots == nil || r.Slots.Views == 0 {
		return nil
	}
	f := &figure{Label: "Slots served by nobody", N: "none", Lines: lines("every slot was served all the time")}
	for _, m := range r.Measures {
		switch v := m.Value; {
		case m.Name == "unserved" && v.Hi > 0 && v.Measured():
			lo, hi := words.Share(int64(v.Lo*history.Slots), history.Slots), words.Share(int64(v.Hi*history.Slots), history.Slots)
			f.N, f.Unit, f.Lines = words.Ends(lo, hi), "of them at once", nil
			if v.Lo == 0 { // between two looks
				f.N, f.Unit, f.Lines = "none seen", "", lines(frame.Esc("at most "+words.Plural(int64(v.Hi*history.Slots), "slot", "slots")+" between two looks"))
			}
		case m.Name == "unserved_for" && v.Hi > 0 && v.Measured():
			n, _ := result.MeasureOf(m.Name)
			f.Lines = append(f.Lines, template.HTML("<b>"+frame.Esc(n.Interval(v))+"</b> the longest time"))
		}
	}
	return f
}

func convergeFigure(r *result.Result) *figure {
	c := &r.Convergence
	if c.Nodes == 0 {
		return nil
	}
	if !c.Barrier {
		return &figure{Label: "Divergence at the end", N: words.Dash, Lines: lines("the barrier did not hold: the nodes cannot be compared")}
	}
	f := &figure{Label: "Divergence after the barrier", N: words.Count(c.Divergent), Unit: "of " + words.Plural(c.Keys, "key", "keys"), Bad: c.Divergent > 0}
	if c.Divergent == 0 {
		f.Lines = lines(fmt.Sprintf("%s hold the same data", words.Plural(int64(c.Nodes), "node", "nodes")))
	} else {
		f.Lines = lines("nodes hold different data")
	}
	if c.Took >= 0 {
		took := figure{}
		took.N, took.Unit = words.DurationUnit(c.Took)
		took.time(r, "converge")
		f.Lines = append(f.Lines, template.HTML("<b>"+frame.Esc(took.N+" "+took.Unit)+"</b> until they agreed"))
	}
	return f
}

func gapFigure(r *result.Result, name, measure string, g result.Gap, ops int64) *figure {
	if ops == 0 || g.Len() <= 0 {
		return nil
	}
	n, unit := words.DurationUnit(g.Len())
	f := &figure{Label: name, N: n, Unit: unit, Lines: lines(frame.Esc(fmt.Sprintf("from %s to %s", words.At(g.From), words.At(g.To))))}
	return f.time(r, measure)
}

func staleFigure(r *result.Result) *figure {
	s := sentences.Overall(r)
	if s == nil || s.Reads == 0 || s.Max < 0 {
		return nil
	}
	n, unit := words.DurationUnit(s.Max)
	f := &figure{Label: "Stalest read of a replica", N: n, Unit: unit, Lines: lines(frame.Esc(fmt.Sprintf("%s of %s reads were stale", words.Ends(words.Share(s.Stale, s.Reads), words.Share(s.StaleMost, s.Reads)), words.Count(s.Reads))), frame.Esc("p99 "+words.Between(s.P99, s.P99Most)))}
	return f.time(r, "staleness")
}

// lostRange writes the interval of lost writes in few words: "13,652", "at least 350", "5,072 to 5,078", "up to 68".
func lostRange(w *result.Account) string {
	switch {
	case w.LostMost <= w.Lost:
		return words.Count(w.Lost)
	case w.Lost == 0:
		return "up to " + words.Count(w.LostMost)
	case w.LostMost >= w.Acked:
		return "at least " + words.Count(w.Lost)
	}
	return words.Count(w.Lost) + " to " + words.Count(w.LostMost)
}

// accountNote stands under the account of writes: what cannot be told, and what caused the loss.
func accountNote(h *history.History, r *result.Result) string {
	var out []string
	if w := &r.Writes; w.Known && w.Masked > 0 {
		why := w.MaskedWhy
		if why == "" {
			why = "overwritten, and no predecessor replies"
		}
		out = append(out, fmt.Sprintf("The fate of %s cannot be told one by one: %s.", words.Plural(w.Masked, "acknowledged write", "acknowledged writes"), why))
	}
	if w := &r.Writes; w.Known && w.LostMost > w.Lost {
		out = append(out, fmt.Sprintf("Lost in all: %s.", lostRange(w)))
	}
	if s := lossSums(h, r); s != "" {
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// lossSums closes the account: who acknowledged what was lost, and what caused it.
func lossSums(h *history.History, r *result.Result) string {
	l := r.Loss
	if l == nil || r.Writes.Lost == 0 {
		return ""
	}
	var parts []string
	for _, c := range l.Causes {
		s := fmt.Sprintf("%s of %s: %s", c.Kind, sentences.Node(&h.Run, c.Winner), words.Count(c.Lost))
		if c.Winner < 0 {
			s = fmt.Sprintf("%s of %s: %s", c.Kind, sentences.Node(&h.Run, c.Node), words.Count(c.Lost))
		}
		if c.Shard > 0 {
			s = fmt.Sprintf("shard %d, %s", c.Shard, s)
		}
		if c.Trigger > 0 {
			s += fmt.Sprintf(", by fault %d", c.Trigger)
		}
		parts = append(parts, s)
	}
	return fmt.Sprintf("Lost by cause: %s. Ambiguous %s, unattributed %s.", strings.Join(parts, "; "), words.Count(l.Ambiguous), words.Count(l.Unattributed))
}
