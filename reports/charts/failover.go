package charts

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/sentences"
)

// FailoverView is the section that tells each failover step by step.
type FailoverView struct {
	Note string
	List []FailoverTable
}

// FailoverTable is one failover: its bars and its steps.
type FailoverTable struct {
	Title string
	Bars  template.HTML
	Steps []StepRow
	Two   bool // there were two masters
}

// StepRow is one step of it.
type StepRow struct {
	Rail, Time, Since, Text, Detail string
	Key                             bool
}

// Failover tells every failover, nil where there was none.
func (t *Timeline) Failover() *FailoverView {
	r := &t.a.Result
	if len(r.Failovers) == 0 {
		return nil
	}
	v := &FailoverView{}
	if r.Availability.RTA >= 0 {
		v.Note = "RTA " + words.Duration(r.Availability.RTA)
	}
	if r.Loss != nil && r.Loss.RPA >= 0 && r.Writes.Lost > 0 {
		v.Note += fmt.Sprintf(", RPA %s in a loss window of %s", words.Duration(r.Loss.RPA), words.Duration(r.Loss.Last-r.Loss.First))
		if r.Loss.BytesThrownAway > 0 {
			v.Note += ", " + words.Size(r.Loss.BytesThrownAway) + " thrown away"
		}
	}
	if v.Note != "" {
		v.Note = strings.TrimPrefix(v.Note, ", ") + "."
	}
	for i, f := range r.Failovers {
		ft := FailoverTable{Bars: t.failoverBars(f)}
		if len(r.Failovers) > 1 {
			ft.Title = fmt.Sprintf("Failover %d: from %s to %s", i+1, sentences.Node(&t.h.Run, f.Old), sentences.Node(&t.h.Run, f.New))
		}
		if f.Shard > 0 {
			ft.Title = fmt.Sprintf("Shard %d: from %s to %s", f.Shard, sentences.Node(&t.h.Run, f.Old), sentences.Node(&t.h.Run, f.New))
		}
		for k, s := range f.Steps {
			row := StepRow{Rail: fmt.Sprintf("m%d", min(max(s.Masters, 0), 2)), Time: words.At(s.T), Text: words.Capital(s.Text), Detail: s.Detail, Key: s.Key}
			if k > 0 {
				row.Since = "+" + words.At(s.T-f.Steps[k-1].T)
			}
			ft.Two = ft.Two || s.Masters > 1
			ft.Steps = append(ft.Steps, row)
		}
		v.List = append(v.List, ft)
	}
	return v
}

// piece is one stretch of a bar, named by the step that ends it.
type piece struct {
	from, to int64
	name     string
}

func pieces(steps []result.Step, from, to int64) []piece {
	var out []piece
	prev := from
	for _, s := range steps {
		if s.T <= prev || s.T > to {
			continue
		}
		out = append(out, piece{prev, s.T, shortStep(s)})
		prev = s.T
	}
	if prev < to {
		out = append(out, piece{prev, to, ""})
	}
	// What ends within a hundredth of the bar's end is that end.
	for n := len(out); n > 1 && out[n-1].to-out[n-1].from < (to-from)/100; n = len(out) {
		out[n-2].to, out[n-2].name = to, out[n-1].name
		out = out[:n-1]
	}
	if len(out) == 1 {
		out[0].name = ""
	}
	return out
}

// shortStep is the first words of a step.
func shortStep(step result.Step) string {
	for _, w := range strings.Fields(step.Detail + " " + step.Text) {
		if len(w) > 3 && w[0] == '+' { // Sentinel's own word for it
			return strings.Trim(w, ":,.")
		}
	}
	s := step.Text
	for _, cut := range []string{":", ",", " by ", " ("} {
		if i := strings.Index(s, cut); i > 0 {
			s = s[:i]
		}
	}
	return words.Clip(s, 24)
}

// failoverBars say on one scale where the time went: from the fault until the new master takes writes, and from the heal until the old one gives way.
func (t *Timeline) failoverBars(f result.Failover) template.HTML {
	type bar struct {
		title  string
		pieces []piece
		cls    [2]string
		txt    string
	}
	var bars []bar
	a := &t.a.Result.Availability
	effect, healed, hit := int64(0), int64(0), int64(0)
	for _, x := range t.h.Faults {
		if x.ID == a.RTAFault {
			hit = x.Effect
		}
		if x.ID == f.Fault {
			effect, healed = x.Effect, x.Healed
		}
	}
	if len(f.Steps) == 0 {
		return ""
	}
	if effect == 0 {
		effect = f.Steps[0].T
	}
	end := f.T
	first, last := "fault", "last ok write after the fault"
	if t.h.Run.Attached != nil {
		first, last = "first sign", "last ok write"
	}
	title := fmt.Sprintf("From the %s until %s is promoted: ", first, sentences.Node(&t.h.Run, f.New))
	switch {
	case a.RTA > 0 && a.Outage.From <= f.T && a.Outage.To >= f.T: // from its own fault, which need not be the one told with the failover
		effect, end = a.Outage.To-a.RTA, a.Outage.To
	case a.RTA > 0 && a.Outage.To == 0 && a.RTAFault == f.Fault && effect+a.RTA >= f.T: // results of before there were outages
		end = effect + a.RTA
	}
	if end > f.T {
		from := first
		if hit != 0 && effect > hit || a.RTAFault == result.NoFault {
			from = last // the fault stopped nobody at once
		}
		title = fmt.Sprintf("From the %s until %s takes writes that last: ", from, sentences.Node(&t.h.Run, f.New))
	}
	effect, end = t.clamp(effect), t.clamp(end)
	if end > effect {
		bars = append(bars, bar{title + words.Duration(end-effect), pieces(f.Steps, effect, end), [2]string{"d1", "d2"}, "k"})
	}
	for _, r := range t.a.Result.Masters.Spans {
		if r.Node == f.Old && !r.Rightful && r.From <= f.T+1e9 && r.To > f.T {
			from, what := f.T, fmt.Sprintf("From the promotion until %s gives way: ", sentences.Node(&t.h.Run, f.Old))
			if healed > f.T && healed < r.To {
				from, what = healed, fmt.Sprintf("From the heal until %s gives way: ", sentences.Node(&t.h.Run, f.Old))
			}
			from, to := t.clamp(from), t.clamp(r.To)
			if to > from {
				bars = append(bars, bar{what + words.Duration(to-from), pieces(f.Steps, from, to), [2]string{"r-x", "r-l2"}, "onx"})
			}
			break
		}
	}
	longest := int64(0)
	var say []string
	for _, b := range bars {
		longest = max(longest, b.pieces[len(b.pieces)-1].to-b.pieces[0].from)
		var p []string
		for _, x := range b.pieces {
			p = append(p, strings.TrimSpace(words.Duration(x.to-x.from)+" "+x.name))
		}
		say = append(say, b.title+": "+strings.Join(p, ", "))
	}
	if longest == 0 {
		return ""
	}
	const width, barH = 980.0, 56.0
	h := barH*float64(len(bars)) + 24
	s := newSVG(h, strings.Join(say, ". ")+".")
	scale := 92 / float64(longest)
	for i, b := range bars {
		y := barH * float64(i)
		s.text(0, y+12, label{cls: "k"}, b.title)
		x, rest := 0.0, []string{}
		for k, p := range b.pieces {
			w := float64(p.to-p.from) * scale
			s.rect(x, w, y+20, 22, b.cls[k%2])
			txt := strings.TrimSpace(p.name + " " + words.Duration(p.to-p.from))
			switch {
			case px(txt) < w/100*width:
				cls := b.txt
				if b.cls[k%2] == "r-l2" {
					cls = "k"
				}
				if px(txt) > w/100*360 {
					cls += " wide"
				}
				s.text(x, y+35, label{cls: cls, dx: 6}, txt)
			case p.to-p.from > longest/400:
				rest = append(rest, txt)
				if d := words.Duration(p.to - p.from); px(d) < w/100*width {
					s.text(x, y+35, label{cls: b.txt + " wide", dx: 6}, d)
				}
			}
			x += w
		}
		for len(rest) > 1 && px(strings.Join(rest, ", ")) > (100-x)/100*width {
			rest = rest[1:]
		}
		if txt := strings.Join(rest, ", "); txt != "" && px(txt) < (100-x)/100*width {
			s.text(x, y+35, label{cls: "wide", dx: 8}, txt)
		}
	}
	s.hline(h-20, "base")
	step := nice(longest/5, 1e6)
	for v := int64(0); v <= longest; v += step {
		l := label{anchor: "middle"}
		if v == 0 {
			l.anchor = ""
		}
		s.text(float64(v)*scale, h-5, l, tick(v))
	}
	return s.done()
}
