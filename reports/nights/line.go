package nights

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/sentences"
)

// LineVersion is the version of a line. A line of a newer one is kept as it is, and not read.
const LineVersion = 1

// Line is what is remembered of one run. All text in it has no control characters.
type Line struct {
	Version  int    `json:"v"`
	Run      string `json:"run"` // the run's ID, by which lines are the same
	Scenario string `json:"scenario"`
	Why      string `json:"why,omitempty"`
	// Server is what was asked for ("redis:7.0", or an image), Name what ran, for people ("redis 7.0.15").
	Server string `json:"server"`
	Name   string `json:"name,omitempty"`
	// Release and Build are what the server says of itself, Image is its image's name, Digest the image's.
	Release string `json:"release,omitempty"`
	Build   string `json:"build,omitempty"`
	Image   string `json:"image,omitempty"`
	Digest  string `json:"digest,omitempty"`
	Schism  string `json:"schism,omitempty"` // schism's version
	// Machine is where it ran: harness, engine, kernel, CPUs, memory.
	Machine []history.KV `json:"machine,omitempty"`
	// Night is the night's name, empty for a run by hand; URL is that of the job that ran it.
	Night   string `json:"night,omitempty"`
	URL     string `json:"url,omitempty"`
	Seed    int64  `json:"seed"`
	Started string `json:"started"` // wall clock, RFC 3339
	Judged  string `json:"judged"`  // when this was written; of two lines of one run the later one holds
	// Dir is the run's folder, relative to that of history.jsonl, with slashes. The folder may be gone.
	Dir     string `json:"dir,omitempty"`
	Command string `json:"command,omitempty"`

	Verdict    result.Verdict `json:"verdict"`
	Weakness   bool           `json:"weakness,omitempty"`
	Exit       int            `json:"exit"`
	Incomplete string         `json:"incomplete,omitempty"`
	// Unfinished: there is no result. The run's process died before it wrote one.
	Unfinished bool     `json:"unfinished,omitempty"`
	Headline   string   `json:"headline"`
	Sub        string   `json:"sub,omitempty"`
	Reasons    []string `json:"reasons,omitempty"` // at most three
	Broken     []Held   `json:"broken,omitempty"`
	Undecided  []Held   `json:"undecided,omitempty"`
	Kept       []string `json:"kept,omitempty"` // their keys
	Shows      []Held   `json:"shows,omitempty"`
	// Number is the figure that the scenario exists for, nil where it was not measured.
	Number *Figure `json:"number,omitempty"`
}

// Held is a promise, or something that a scenario shows, against what was measured.
type Held struct {
	Key      string `json:"key"` // what makes it the same promise: measure, limit and window
	Text     string `json:"text"`
	By       string `json:"by,omitempty"`
	Limit    string `json:"limit,omitempty"`
	Measured string `json:"measured,omitempty"` // with its unit
	Why      string `json:"why,omitempty"`
	Shown    bool   `json:"shown,omitempty"` // of Shows
	// Value is in the measure's unit: seconds, bytes, shares of 1, or counted.
	Value result.Value `json:"value"`
}

// Figure is a measure's value, in the measure's unit.
type Figure struct {
	Measure string       `json:"measure"`
	Noun    string       `json:"noun"`
	Text    string       `json:"text"` // with its unit
	Value   result.Value `json:"value"`
}

// LineOf is the line of a run that was judged at a moment; dir is its folder, as in Line.Dir.
func LineOf(run *history.Run, f *sentences.File, dir string, judged time.Time) Line {
	l := ofRun(run, dir, judged)
	r := &f.Result
	l.Verdict, l.Weakness, l.Exit = r.Verdict, r.Weakness, exitOf(run, r.Verdict)
	l.Headline, l.Sub = clean(f.Headline), clean(f.Sub)
	for _, s := range r.Reasons[:min(3, len(r.Reasons))] {
		l.Reasons = append(l.Reasons, clean(s))
	}
	for _, p := range r.Promises {
		h := heldOf(p)
		switch {
		case r.Verdict == result.Error: // with records missing nothing is judged
			l.Undecided = append(l.Undecided, h)
		case p.Status == result.Broken:
			l.Broken = append(l.Broken, h)
		case p.Status == result.Kept:
			l.Kept = append(l.Kept, h.Key)
		default:
			l.Undecided = append(l.Undecided, h)
		}
	}
	if r.Verdict == result.Violation && len(l.Broken) == 0 {
		l.Broken = []Held{{Key: "verdict", Text: l.Headline}}
	}
	if r.Verdict == result.Error {
		l.Weakness = false
		return l
	}
	for _, p := range r.Shows {
		h := heldOf(p)
		h.Shown = p.Status == result.Broken
		l.Shows = append(l.Shows, h)
	}
	l.Number = figureOf(r)
	return l
}

// unfinished is the line of a run that left no result.
func unfinished(run *history.Run, dir string, judged time.Time) Line {
	l := ofRun(run, dir, judged)
	l.Verdict, l.Exit, l.Unfinished = result.Error, 3, true
	l.Headline = "Not finished: the run's process ended before it was judged."
	if l.Incomplete != "" {
		l.Headline = "Not judged: " + strings.TrimSuffix(l.Incomplete, ".") + "."
	}
	return l
}

func ofRun(run *history.Run, dir string, judged time.Time) Line {
	l := Line{Version: LineVersion, Run: clean(cmp.Or(run.ID, dir)), Scenario: clean(run.Scenario), Why: words.Clip(clean(run.Why), 300),
		Server: clean(cmp.Or(run.Server, run.Image)), Name: clean(sentences.Server(run)), Image: clean(run.Image), Digest: clean(run.ImageID), Night: clean(run.Night),
		URL: clean(run.NightURL), Seed: run.Seed, Started: clean(run.Started), Judged: judged.UTC().Format(time.RFC3339), Dir: dir, Command: clean(run.Again()),
		Incomplete: clean(run.Incomplete)}
	for _, n := range run.Nodes {
		if n.Kind == history.Server {
			l.Release, l.Build = clean(n.Version), clean(n.Build)
			break
		}
	}
	for _, kv := range run.Host {
		switch kv.K {
		case "schism":
			l.Schism = clean(kv.V)
		case "harness", "engine", "kernel", "CPUs", "memory":
			l.Machine = append(l.Machine, history.KV{K: kv.K, V: clean(kv.V)})
		}
	}
	return l
}

// clean makes text from servers, users and files fit for every place that a line reaches.
func clean(s string) string {
	return strings.TrimSpace(words.Clean(s))
}

func heldOf(p result.PromiseResult) Held {
	return Held{Key: keyOf(p.Promise), Text: clean(p.Text), By: clean(p.Promise.By), Limit: clean(p.Limit), Measured: clean(p.Measured), Why: words.Clip(clean(p.Why), 300), Value: finite(p.Value)}
}

// finite is a value that JSON can hold: what is no number says nothing.
func finite(v result.Value) result.Value {
	if math.IsNaN(v.Lo) || math.IsInf(v.Lo, 0) || math.IsNaN(v.Hi) || math.IsInf(v.Hi, -1) {
		v = result.Unmeasured(v.Why)
	}
	v.Why = words.Clip(clean(v.Why), 300)
	return v
}

// keyOf tells promises apart, whoever makes them and however they are worded: lost=0, rta=10, lost_outside=0[effect 1 -0.5..heal 1 +12].
func keyOf(p result.Promise) string {
	key := fmt.Sprintf("%s=%g", result.NameToday(p.Measure), p.Limit)
	if w := p.Within; w != nil {
		key += "[" + anchorKey(w.From) + ".." + anchorKey(w.To) + "]"
	}
	return clean(key)
}

func anchorKey(a result.Anchor) string {
	s := a.At
	if a.Fault != 0 {
		s += fmt.Sprintf(" %d", a.Fault)
	}
	if a.Offset != 0 {
		s += fmt.Sprintf(" %+g", a.Offset.Seconds())
	}
	return s
}

// figureOf is the figure that a scenario exists for: the first thing that it shows, else its lost writes, else its longest gap in writes.
func figureOf(r *result.Result) *Figure {
	if len(r.Shows) > 0 {
		s := r.Shows[0]
		v := s.Value
		for _, m := range r.Measures {
			if m.Name == s.Promise.Measure {
				v = m.Value
			}
		}
		f := newFigure(s.Promise.Measure, v)
		switch {
		case f != nil:
			f.Noun = clean(cmp.Or(s.Text, f.Noun))
			return f
		case s.Promise.Measure == "lost" && r.Writes.Known: // a result of an earlier schism
		case s.Measured != "" && s.Measured != words.Dash:
			return &Figure{Measure: s.Promise.Measure, Noun: clean(s.Text), Text: clean(s.Measured), Value: result.Unmeasured("")}
		default:
			return nil
		}
	}
	if r.Writes.Known {
		f := newFigure("lost", result.Between(float64(r.Writes.Lost), float64(max(r.Writes.Lost, r.Writes.LostMost)), r.Writes.MaskedWhy))
		f.Noun = "lost writes"
		return f
	}
	if gap := r.Availability.LongestWrite.Len(); gap > 0 {
		return newFigure("write_gap", result.Exactly(float64(gap)/1e9))
	}
	return nil
}

// newFigure is a measure's value for people, nil where nothing is known of it.
func newFigure(measure string, v result.Value) *Figure {
	m, _ := result.MeasureOf(result.NameToday(measure))
	v = finite(v)
	text := m.Interval(v)
	if text == words.Dash {
		return nil
	}
	return &Figure{Measure: measure, Noun: result.Promise{Measure: measure}.Noun(), Text: text, Value: v}
}

// Cell is what runs are compared within: a scenario on a server.
type Cell struct{ Scenario, Server string }

func (c Cell) compare(o Cell) int {
	return cmp.Or(cmp.Compare(c.Scenario, o.Scenario), cmp.Compare(c.Server, o.Server))
}

// Cell is the line's.
func (l *Line) Cell() Cell { return Cell{l.Scenario, l.Server} }

// keys are the promises of one kind.
func keys(hs []Held) []string {
	var out []string
	for _, h := range hs {
		out = append(out, h.Key)
	}
	return out
}

// promised tells whether the run was held against a promise.
func (l *Line) promised(key string) bool {
	return slices.Contains(l.Kept, key) || slices.Contains(keys(l.Broken), key) || slices.Contains(keys(l.Undecided), key)
}

// WasShown tells whether the run showed something of what its scenario is for.
func (l *Line) WasShown() bool {
	return slices.ContainsFunc(l.Shows, func(h Held) bool { return h.Shown })
}

// encode is the line as it stands in the file, with its end.
func (l *Line) encode() ([]byte, error) {
	b, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("write line of run %s: %w", l.Run, err)
	}
	return append(b, '\n'), nil
}
