package checker

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/schismtest/schism/history"
)

// unit is what a measure counts.
type unit uint8

const (
	number unit = iota // how many
	timed              // seconds
	share              // 0 to 1; high is good
	size               // bytes
)

// Measure is something a promise can be made about.
type Measure struct {
	Name string
	unit unit
	text string // the promise in words, %s its limit
	zero string // the same where the limit is 0; empty: text serves
	noun string // what Shows call it
}

// Measures are all measures that a promise can name, besides the classes that are always a bug.
func Measures() []Measure {
	return append([]Measure{
		{"lost", number, "at most %s acknowledged writes are lost", "no acknowledged write is lost", "lost acknowledged writes"},
		{"lost_outside", number, "at most %s acknowledged writes are lost outside the window", "no acknowledged write is lost outside the window", "writes lost outside the window"},
		{"lost_elsewhere", number, "at most %s lost writes were acknowledged by other nodes than a deposed master", "only a deposed master loses writes", "writes lost elsewhere"},
		{"split_brain_lost", number, "at most %s writes are lost to split brain", "no write is lost to split brain", "split-brain loss"},
		{"converge", timed, "all nodes hold the same data %s after the heal", "", "time to converge"},
		{"rta", timed, "writable again within %s", "", "RTA: fault to writable again"},
		{"write_gap", timed, "never longer than %s without an ok write", "", "longest write gap"},
		{"read_gap", timed, "never longer than %s without an ok read", "", "longest read gap"},
		{"two_masters", timed, "two masters for at most %s", "one writable master at a time", "two masters at once"},
		{"master_conflicts", number, "at most %s conflicts of master reads", "master reads are linearizable", "conflicts of master reads"},
		{"all_conflicts", number, "at most %s conflicts of all reads", "all reads are linearizable", "conflicts of all reads"},
		{"staleness", timed, "no read is staler than %s", "no read is stale", "staleness of reads"},
		{"stale_reads", number, "at most %s reads are stale", "no read is stale", "stale reads"},
		{"version_lag", number, "no read misses more than %s versions", "no read misses a version", "versions missed by reads"},
		{"lag", size, "no replica lags by more than %s", "no replica lags", "replication lag"},
		{"lag_time", timed, "no replica lags by more than %s", "no replica lags", "replication lag"},
		{"other_reads", share, "at least %s of replica reads are answered by the other replicas", "", "share of reads that the other replicas answered"},
		{"visible_100ms", share, "%s of writes are visible on a replica after 100 ms", "", "writes visible after 100 ms"},
		{"read_your_writes", number, "at most %s reads miss the session's own write", "sessions read their own writes", "reads that missed the session's own write"},
		{"monotonic_reads", number, "at most %s reads go back in time", "reads never go back in time", "reads that went back in time"},
	}, collectionMeasures()...)
}

// alwaysBug are the classes that are a bug in any setup (checkers.md, "What is expected where"): measure and text.
func alwaysBug() []Measure {
	return []Measure{
		{"phantom", number, "", "no read returns what was never written", "phantom reads"},
		{"aborted_read", number, "", "no refused write is visible", "visible refused writes"},
		{"duplicated", number, "", "no write takes effect twice", "duplicated writes"},
		{"divergent", number, "", "all nodes hold the same data after the barrier", "divergent keys"},
		{"holes", number, "", "loss has no holes", "holes in the log"},
		{"crash", number, "", "no server crashes by itself", "server crashes"},
	}
}

func measureOf(name string) (Measure, bool) {
	for _, m := range append(Measures(), alwaysBug()...) {
		if m.Name == name {
			return m, true
		}
	}
	return Measure{Name: name, zero: "no " + strings.ReplaceAll(name, "_", " "), text: "at most %s " + strings.ReplaceAll(name, "_", " "), noun: strings.ReplaceAll(name, "_", " ")}, false
}

// format writes a value in the measure's unit.
func (m Measure) format(v float64) string {
	switch m.unit {
	case timed:
		return Words(ns(v))
	case share:
		return fmt.Sprintf("%.3g %%", v*100)
	case size:
		return Size(int64(v))
	}
	return Count(int64(v))
}

// Words is the promise in words, with its limit.
func (m Measure) words(limit float64) string {
	if limit == 0 && m.zero != "" {
		return m.zero
	}
	if !strings.Contains(m.text, "%s") {
		return m.text
	}
	return fmt.Sprintf(m.text, m.format(limit))
}

// ErrPromise is wrapped by the errors of ParsePromise.
var ErrPromise = errors.New("promise")

// ParsePromise reads a promise of the user's: measure=limit, as in lost=0, rta=10s, lag=1MB or other_reads=99%.
func ParsePromise(text string) (Promise, error) {
	name, value, ok := strings.Cut(text, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	m, known := measureOf(name)
	if !ok || !known || name == "lost_outside" {
		var names []string
		for _, m := range Measures() {
			if m.Name != "lost_outside" {
				names = append(names, m.Name)
			}
		}
		slices.Sort(names)
		return Promise{}, fmt.Errorf("-promise %s: a %w is MEASURE=LIMIT with a measure of %s", text, ErrPromise, strings.Join(names, ", "))
	}
	limit, err := m.parse(value)
	if err != nil || limit < 0 {
		return Promise{}, fmt.Errorf("-promise %s: the limit of a %w about %s is %s", text, ErrPromise, name, m.example())
	}
	return Promise{Measure: name, Limit: limit, By: "flag"}, nil
}

func (m Measure) parse(v string) (float64, error) {
	switch m.unit {
	case timed:
		if v == "0" {
			return 0, nil
		}
		d, err := time.ParseDuration(v)
		return d.Seconds(), err
	case share:
		if p, ok := strings.CutSuffix(v, "%"); ok {
			f, err := strconv.ParseFloat(p, 64)
			return f / 100, err
		}
	case size:
		for suffix, f := range map[string]float64{"kB": 1e3, "MB": 1e6, "GB": 1e9} {
			if n, ok := strings.CutSuffix(v, suffix); ok {
				x, err := strconv.ParseFloat(n, 64)
				return x * f, err
			}
		}
		v = strings.TrimSuffix(v, "B")
	case number:
		n, err := strconv.ParseUint(v, 10, 62)
		return float64(n), err
	}
	return strconv.ParseFloat(v, 64)
}

func (m Measure) example() string {
	switch m.unit {
	case timed:
		return "a time such as 10s or 250ms"
	case share:
		return "a share such as 99.9%"
	case size:
		return "a size such as 64kB"
	}
	return "a whole number"
}

// measures fills in every promisable measure that is not there yet.
func (c *check) measures() {
	r := &c.a.Result
	set := func(name string, v float64, known bool, why string) {
		for i := range r.Measures {
			if r.Measures[i].Name == name {
				return // the measure's own checker has said it
			}
		}
		r.Measures = append(r.Measures, MeasureValue{Name: name, Value: v, Known: known, Why: why})
	}
	count := func(name string, v int64, known bool, why string) { set(name, float64(v), known, why) }
	seconds := func(name string, v int64, known bool, why string) { set(name, float64(v)/1e9, known && v >= 0, why) }
	held, _, why := barrier(c.h)
	lostKnown := r.Writes.Known && r.Writes.Acked > 0
	lostWhy := why
	switch {
	case !held:
	case !r.Writes.Known:
		lostWhy = "what became of this workload's writes is not counted one by one"
	case r.Writes.Acked == 0:
		lostWhy = "no write was acknowledged"
	}
	var split int64
	if r.Loss != nil {
		split = r.Loss.SplitBrain
	}
	count("lost", r.Writes.Lost, lostKnown, lostWhy)
	count("split_brain_lost", split, lostKnown, lostWhy)
	count("lost_elsewhere", c.lostElsewhere(), lostKnown, lostWhy)
	convWhy := why
	if r.Convergence.Divergent > 0 {
		convWhy = "the nodes still differ"
	}
	seconds("converge", r.Convergence.Took, held && r.Convergence.Divergent == 0, convWhy)
	rtaWhy := "no fault took effect"
	if r.Availability.RTAFault != 0 {
		rtaWhy = "writes never lasted again"
	}
	seconds("rta", r.Availability.RTA, true, rtaWhy)
	tried := r.Counts.Ops > 0
	seconds("write_gap", r.Availability.LongestWriteS.Len(), r.Counts.Writes > 0, "no write was tried")
	seconds("read_gap", r.Availability.LongestRead.Len(), r.Counts.Reads > 0, "no read was tried")
	seconds("two_masters", r.Masters.TwoWritable, len(c.h.Samples) > 0, "no server was sampled")
	c.staleMeasures(count, seconds)
	c.registerMeasures(count)
	c.otherReads(set)
	for _, s := range r.Sessions {
		if s.Scope == "all reads" {
			count(s.Name, s.Breaks, s.Checked > 0, "nothing to compare was read")
		}
	}
	count("aborted_read", r.Writes.AbortedRead+anomaly(r, "aborted_read"), tried, "nothing was tried")
	count("phantom", r.Writes.Unexpected+anomaly(r, "phantom")+anomaly(r, "unexpected"), tried, "nothing was tried")
	count("duplicated", r.Writes.Duplicated+anomaly(r, "duplicated"), tried, "nothing was tried")
	count("divergent", r.Convergence.Divergent, held, why)
	var holes int64
	if r.Loss != nil {
		holes = r.Loss.Holes
	}
	count("holes", holes, lostKnown || held, lostWhy)
	count("crash", anomaly(r, "crash")+anomaly(r, "assertion")+anomaly(r, "sanitizer"), true, "")
}

func anomaly(r *Result, class string) int64 {
	var n int64
	for _, a := range r.Anomalies {
		if a.Class == class {
			n += a.Count
		}
	}
	return n
}

func (c *check) staleMeasures(count, seconds func(string, int64, bool, string)) {
	all := Staleness{Max: -1, LagBytes: -1, LagTime: -1}
	for _, s := range c.a.Result.Staleness {
		if s.Node == history.NoNode && s.Window == "" {
			all = s
		}
	}
	why := "no replica was read"
	count("stale_reads", all.Stale, all.Reads > 0, why)
	seconds("staleness", all.Max, all.Reads > 0, why)
	count("version_lag", all.Versions, all.Reads > 0, why)
	count("lag", all.LagBytes, all.LagBytes >= 0, "no replica's lag was sampled")
	seconds("lag_time", all.LagTime, all.LagTime >= 0, "no replica's lag was sampled")
	for _, v := range c.a.Result.Visibility {
		if v.Node != history.NoNode || v.Window != "" {
			continue
		}
		var n, fresh int64
		for _, b := range v.Bins {
			if b.From <= int64(100e6) && int64(100e6) < b.To {
				n, fresh = b.N, b.Fresh
			}
		}
		if n > 0 {
			c.a.Result.Measures = append(c.a.Result.Measures, MeasureValue{Name: "visible_100ms", Value: float64(fresh) / float64(n), Known: true})
		}
	}
}

func (c *check) registerMeasures(count func(string, int64, bool, string)) {
	for _, l := range c.a.Result.Registers {
		name := "all_conflicts"
		if l.Scope == MasterReads {
			name = "master_conflicts"
		}
		count(name, l.Conflicts+l.Forks+l.Cycles+l.Future, l.Undecided == "" && l.Values > 0, l.Undecided)
	}
	for _, name := range []string{"master_conflicts", "all_conflicts"} {
		count(name, 0, false, "no register was read")
	}
}

// MasterReads and AllReads are the scopes of Linear and SessionCheck.
const (
	MasterReads = "master reads"
	AllReads    = "all reads"
)

// otherReads is the share of ok replica reads, while a fault held on a replica, that other nodes answered.
func (c *check) otherReads(set func(string, float64, bool, string)) {
	ops := &c.h.Ops
	var all, other float64
	for i := range ops.Len() {
		if ops.F[i].IsWrite() || ops.Flags[i]&history.FlagReplicaRead == 0 || ops.Outcome[i] != history.OK {
			continue
		}
		for j := range c.h.Faults {
			f := &c.h.Faults[j]
			if f.Effect == 0 || ops.Call[i] < f.Effect || f.Healed != 0 && ops.Call[i] > f.Healed {
				continue
			}
			all++
			if !slices.Contains(f.Targets, int32(ops.Node[i])) {
				other++
			}
			break
		}
	}
	if all == 0 {
		set("other_reads", 0, false, "no replica was read while a fault held")
		return
	}
	set("other_reads", other/all, true, "")
}

// lostElsewhere counts lost writes that were not acknowledged by a master which was deposed at some time.
func (c *check) lostElsewhere() int64 {
	deposed := map[int32]bool{}
	for _, p := range c.s.promoted {
		deposed[p.old] = true
	}
	var n int64
	for i, f := range c.a.Fate {
		if f == FateLost && !deposed[int32(c.h.Ops.Node[i])] {
			n++
		}
	}
	return n
}
