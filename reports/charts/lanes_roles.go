package charts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/sentences"
)

// reign is a time in which a node was seen in one state.
type reign struct {
	from, to int64
	state    string // master, deposed, replica, loading, down, frozen, silent, unknown
	text     string
}

var stateClass = map[string]string{"master": "r-m", "deposed": "r-x", "replica": "r-r", "loading": "r-d", "down": "r-d", "frozen": "r-d", "silent": "r-d", "unknown": "r-d"}

// roles are the states of one server, from its samples.
func (t *Timeline) roles(node int32) []reign {
	var out []reign
	for i := range t.h.Samples {
		s := &t.h.Samples[i]
		if s.Node != node || s.Call > t.t1 {
			continue
		}
		state, text := t.state(s)
		if n := len(out); n > 0 {
			out[n-1].to = max(s.Call, t.t0)
			if out[n-1].state == state && out[n-1].text == text {
				out[n-1].to = min(s.Return, t.t1)
				continue
			}
		}
		if s.Return >= t.t0 {
			out = append(out, reign{from: max(s.Call, t.t0), to: min(s.Return, t.t1), state: state, text: text})
		}
	}
	if n := len(out); n > 0 && out[n-1].to > t.t1-1e9 {
		out[n-1].to = t.t1
	}
	return t.split(node, out)
}

func (t *Timeline) state(s *history.Sample) (state, text string) {
	switch {
	case !s.Up:
		return "down", "down"
	case s.Frozen:
		return "frozen", "frozen"
	case !s.Answered:
		return "silent", "no answer"
	case s.Loading:
		return "loading", "loading"
	case s.Role == history.RoleMaster:
		return "master", "master"
	case s.Role == history.RoleReplica:
		text = "replica"
		if m := t.h.Run.NodeByAddr(s.MasterAddr); m >= 0 {
			text += " of " + t.h.Run.Nodes[m].Name
		}
		if !s.LinkUp && s.SyncRunning {
			return "loading", "full sync"
		}
		return "replica", text
	}
	return "unknown", "unknown"
}

// split marks the time in which a master was one no longer rightfully.
func (t *Timeline) split(node int32, in []reign) []reign {
	var out []reign
	for _, r := range in {
		if r.state != "master" {
			out = append(out, r)
			continue
		}
		for _, s := range t.a.Result.Masters.Spans {
			if s.Node != node || s.Rightful || s.To <= r.from || s.From >= r.to {
				continue
			}
			if s.From > r.from {
				out = append(out, reign{r.from, s.From, "master", "master"})
			}
			to := min(s.To, r.to)
			if r.to-to < 200e6 { // the last sample before the change belongs to this reign
				to = r.to
			}
			out = append(out, reign{max(s.From, r.from), to, "deposed", "still master, though deposed"})
			r.from = to
		}
		if r.to > r.from {
			out = append(out, r)
		}
	}
	return out
}

// view is what one or more sentinels say who is master.
type view struct {
	names []string
	spans []reign
}

func (t *Timeline) sentinelViews() []view {
	run := &t.h.Run
	first := ""
	for _, n := range run.Nodes {
		if n.Kind == history.Server && n.Role == history.RoleMaster && !n.Stranger {
			first = n.Name
			break
		}
	}
	var views []view
	for i, n := range run.Nodes {
		if n.Kind != history.Sentinel || first == "" {
			continue
		}
		v := view{names: []string{n.Name}, spans: []reign{{from: t.t0, text: first}}}
		for _, e := range t.h.Events {
			f := strings.Fields(e.Text)
			if e.Kind != history.EvSentinel || e.Node != int32(i) || e.Name != "+switch-master" || len(f) < 5 || e.T < t.t0 || e.T > t.t1 {
				continue
			}
			who := f[3] + ":" + f[4]
			if m := run.NodeByAddr(who); m >= 0 {
				who = run.Nodes[m].Name
			}
			v.spans[len(v.spans)-1].to = e.T
			v.spans = append(v.spans, reign{from: e.T, text: who})
		}
		v.spans[len(v.spans)-1].to = t.t1
		views = joinView(views, v)
	}
	return views
}

// joinView puts sentinels that said the same at about the same time into one row.
func joinView(views []view, v view) []view {
	for i := range views {
		same := len(views[i].spans) == len(v.spans)
		for k := 0; same && k < len(v.spans); k++ {
			d := views[i].spans[k].from - v.spans[k].from
			same = views[i].spans[k].text == v.spans[k].text && d < 150e6 && d > -150e6
		}
		if same {
			views[i].names = append(views[i].names, v.names...)
			return views
		}
	}
	return append(views, v)
}

func (t *Timeline) roleLane() Lane {
	type row struct {
		node  int32
		spans []reign
	}
	var rows []row
	seen := map[string]bool{}
	for i, n := range t.h.Run.Nodes {
		if n.Kind != history.Server {
			continue
		}
		if spans := t.roles(int32(i)); len(spans) > 0 {
			rows = append(rows, row{int32(i), spans})
			for _, s := range spans {
				seen[s.state] = true
			}
		}
	}
	views := t.sentinelViews()
	if len(rows) == 0 {
		return Lane{}
	}
	const rowH, viewH = 42.0, 27.0
	h := 10 + rowH*float64(len(rows)) + viewH*float64(len(views)) + 6
	s := newSVG(h, t.roleSentence(rows[0].spans, func(yield func(string, []reign)) {
		for _, r := range rows {
			yield(sentences.Node(&t.h.Run, r.node), r.spans)
		}
	}))
	t.ground(s, h)
	var ys []ylabel
	tops := map[int32]float64{}
	for i, r := range rows {
		y := 12 + rowH*float64(i)
		tops[r.node] = y
		ys = append(ys, ylabel{y + 12, sentences.Node(&t.h.Run, r.node)})
		for _, sp := range r.spans {
			t.roleBar(s, sp, y)
		}
	}
	t.twoMasters(s, tops)
	for i, v := range views {
		y := 12 + rowH*float64(len(rows)) + viewH*float64(i)
		ys = append(ys, ylabel{y + 15, words.Clip(strings.Join(v.names, ", "), 7)})
		for k, sp := range v.spans {
			cls := "v-0"
			if k > 0 {
				cls = "v-1"
			}
			t.span(s, sp.from, sp.to, y+14, 4, cls)
			t.within(s, sp.from, sp.to, y+10, "halo", "says "+sp.text+" is master")
		}
	}
	by := "by its own agent"
	if t.h.Run.Attached != nil {
		by = "asked over the network"
	}
	l := Lane{ID: "roles", Title: "Roles", Note: "what each node says it is, " + by, Y: yaxis(h, ys), Plot: s.done()}
	if len(views) > 0 {
		l.Note += "; below, what the sentinels say"
	}
	for _, k := range [][3]string{{"master", "r-m", "master"}, {"deposed", "r-x", "deposed, still master"}, {"replica", "r-r", "replica"}} {
		if seen[k[0]] {
			l.Legend = append(l.Legend, Legend{Swatch: Swatch(k[1]), Label: k[2]})
		}
	}
	if seen["down"] || seen["frozen"] || seen["silent"] || seen["loading"] || seen["unknown"] {
		l.Legend = append(l.Legend, Legend{Swatch: Swatch("r-d"), Label: "down, frozen or loading"})
	}
	return l
}

// roleBar is thick for a master, thin for a replica, hatched otherwise.
func (t *Timeline) roleBar(s *svg, r reign, y float64) {
	cls := stateClass[r.state]
	switch r.state {
	case "master", "deposed":
		txt := "onm"
		if r.state == "deposed" {
			txt = "onx"
		}
		t.span(s, r.from, r.to, y, 20, cls)
		t.within(s, r.from, r.to, y+14, txt, r.text)
	case "replica":
		t.span(s, r.from, r.to, y+7, 7, cls)
		t.within(s, r.from, r.to, y+4, "halo", r.text)
	default:
		t.span(s, r.from, r.to, y+1, 18, cls)
		t.within(s, r.from, r.to, y+14, "halo", r.text)
	}
}

// twoMasters puts a box over both rows where two nodes were master at once.
func (t *Timeline) twoMasters(s *svg, tops map[int32]float64) {
	m := &t.a.Result.Masters
	for i, w := range m.Windows {
		if len(m.Pairs) == 0 {
			return
		}
		p := m.Pairs[min(i, len(m.Pairs)-1)]
		a, okA := tops[p.A]
		b, okB := tops[p.B]
		if !okA || !okB {
			continue
		}
		top, bottom := min(a, b)-4, max(a, b)+24
		t.span(s, w.From, w.To, top, bottom-top, "two")
		t.within(s, w.From, w.To, max(a, b)-6, "red halo", fmt.Sprintf("two masters, %s", words.Duration(w.Len())))
	}
}

func (t *Timeline) roleSentence(_ []reign, each func(func(string, []reign))) string {
	var parts []string
	each(func(name string, spans []reign) {
		var p []string
		for _, s := range spans {
			if len(p) == 8 {
				p = append(p, "and more")
				break
			}
			p = append(p, fmt.Sprintf("%s from %s", s.text, words.At(s.from)))
		}
		parts = append(parts, name+": "+strings.Join(p, ", "))
	})
	if two := t.a.Result.Masters.TwoWritable; two > 0 {
		parts = append(parts, "two masters for "+words.Duration(two))
	}
	return strings.Join(slices.Compact(parts), ". ") + "."
}
