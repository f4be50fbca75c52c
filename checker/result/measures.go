package result

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/schismtest/schism/internal/words"
)

// Unit is what a measure counts.
type Unit uint8

const (
	Number Unit = iota // how many
	Timed              // seconds
	Share              // 0 to 1; high is good
	Size               // bytes
	Part               // 0 to 1; low is good
)

// Measure is something a promise can be made about.
type Measure struct {
	Name string
	Unit Unit
	text string // the promise in words, %s its limit
	zero string // the same where the limit is 0; empty: text serves
	noun string // what Shows call it
}

// Measures are all measures that a promise can name: those below, and the count of every class.
func Measures() []Measure {
	ms := []Measure{
		{"lost", Number, "at most %s acknowledged writes are lost", "no acknowledged write is lost", "lost acknowledged writes"},
		{"lost_outside", Number, "at most %s acknowledged writes are lost outside the window", "no acknowledged write is lost outside the window", "writes lost outside the window"},
		{"lost_elsewhere", Number, "at most %s lost writes were acknowledged by other nodes than a deposed master", "only a deposed master loses writes", "writes lost elsewhere"},
		{"split_brain_lost", Number, "at most %s writes are lost to split brain", "no write is lost to split brain", "split-brain loss"},
		{"converge", Timed, "all nodes hold the same data %s after the heal", "", "time to converge"},
		{"rta", Timed, "writable again within %s", "", "RTA: fault to writable again"},
		{"write_gap", Timed, "never longer than %s without an ok write", "", "longest write gap"},
		{"read_gap", Timed, "never longer than %s without an ok read", "", "longest read gap"},
		{"two_masters", Timed, "two masters for at most %s", "one writable master at a time", "two masters at once"},
		{"lost_other_shards", Number, "at most %s acknowledged writes are lost by shards that no fault hit", "only a shard that a fault hit loses writes", "writes lost by shards that no fault hit"},
		{"unserved", Part, "at most %s of the slots are served by nobody at once", "every slot is served all the time", "slots that nobody served"},
		{"unserved_for", Timed, "every slot is served again within %s", "every slot is served all the time", "time in which slots were served by nobody"},
		{"master_conflicts", Number, "at most %s conflicts of master reads", "master reads are linearizable", "conflicts of master reads"},
		{"all_conflicts", Number, "at most %s conflicts of all reads", "all reads are linearizable", "conflicts of all reads"},
		{"staleness", Timed, "no read is staler than %s", "no read is stale", "staleness of reads"},
		{"staleness_surviving", Timed, "no read is staler than %s, lost writes left out", "no read is stale, lost writes left out", "staleness of reads, lost writes left out"},
		{"stale_reads", Number, "at most %s reads are stale", "no read is stale", "stale reads"},
		{"version_lag", Number, "no read misses more than %s versions", "no read misses a version", "versions missed by reads"},
		{"lag", Size, "no replica lags by more than %s", "no replica lags", "replication lag"},
		{"lag_time", Timed, "no replica lags by more than %s", "no replica lags", "replication lag"},
		{"other_reads", Share, "at least %s of replica reads are answered by the other replicas", "", "share of reads that the other replicas answered"},
		{"visible_100ms", Share, "%s of writes are visible on a replica after 100 ms", "", "writes visible after 100 ms"},
		{"visibility_latency", Timed, "every write that was not lost is visible on a replica within %s", "", "time until writes are visible on replicas"},
		{ReadYourWrites, Number, "at most %s reads miss the session's own write", "sessions read their own writes", "reads that missed the session's own write"},
		{MonotonicReads, Number, "at most %s reads go back in time", "reads never go back in time", "reads that went back in time"},
		{MonotonicWrites, Number, "at most %s reads show a session's later element without its earlier one", "sessions' writes are seen in order", "reads that showed a session's later write without its earlier one"},
		{WritesFollowReads, Number, "at most %s reads show an element without what its session had read", "writes are seen after what their session had read", "reads that showed a write without what its session had read"},
		{"expired_worst", Timed, "no value is read more than %s after its time to live", "", "time past the end of a life"},
		{"refused", Part, "at most %s of the tried writes are refused", "no write is refused", "refused writes"},
		{"wait_short", Part, "at most %s of the WAITs count fewer replicas than asked for", "no WAIT counts fewer replicas than asked for", "WAITs that counted fewer than asked for"},
		{"evicted", Number, "at most %s keys are evicted", "no key is evicted", "evicted keys"},
		{"full_syncs", Number, "at most %s full resyncs", "no replica needs a full resync", "full resyncs"},
		{"resyncs", Number, "at most %s resyncs, full or partial", "no replica needs a resync", "resyncs, full or partial"},
		{"buffer_disconnects", Number, "at most %s connections are closed over their output buffer", "no connection is closed over its output buffer", "connections closed over their output buffer"},
		{"txn_anomalies", Number, "at most %s anomalies of transactions", "transactions are strictly serializable", "anomalies of transactions"},
	}
	for _, c := range Classes() {
		ms = append(ms, c.Measure())
	}
	return ms
}

// Measure is the count of a class as a measure.
func (c Class) Measure() Measure {
	return Measure{c.Name, Number, "at most %s " + c.Noun, c.Promise, c.Noun}
}

// MeasureOf finds a measure by name.
func MeasureOf(name string) (Measure, bool) {
	for _, m := range Measures() {
		if m.Name == name {
			return m, true
		}
	}
	if c, ok := ClassOf(name); ok {
		return c.Measure(), true
	}
	words := strings.ReplaceAll(name, "_", " ")
	return Measure{Name: name, zero: "no " + words, text: "at most %s " + words, noun: words}, false
}

// Format writes a value in the measure's unit.
func (m Measure) Format(v float64) string {
	switch m.Unit {
	case Timed:
		return words.Span(ns(v))
	case Share, Part:
		return fmt.Sprintf("%.3g %%", v*100)
	case Size:
		return words.Size(int64(v))
	}
	return words.Count(int64(v))
}

// Interval writes a value: "68", "at least 350", "5,072 to 5,078"; a dash where nothing is known of it.
func (m Measure) Interval(v Value) string {
	switch {
	case v.Point():
		return m.Format(v.Lo)
	case !v.Measured() || (m.Unit == Share || m.Unit == Part) && v.Lo == 0 && v.Hi == 1:
		return "–"
	case math.IsInf(v.Hi, 1):
		return "at least " + m.Format(v.Lo)
	}
	lo, hi := m.Format(v.Lo), m.Format(v.Hi)
	if lo == hi {
		return lo
	}
	return lo + " to " + hi
}

// Sentence is the promise in words, with its limit.
func (m Measure) Sentence(limit float64) string {
	if limit == 0 && m.zero != "" {
		return m.zero
	}
	if !strings.Contains(m.text, "%s") {
		return m.text
	}
	return fmt.Sprintf(m.text, m.Format(limit))
}

// ErrPromise is wrapped by the errors of ParsePromise.
var ErrPromise = errors.New("promise")

// Promisable says what a promise of the measure with its Example says; false where only scenarios promise it.
func (m Measure) Promisable() (string, bool) {
	if m.Name == "lost_outside" { // its window cannot be written in a flag
		return "", false
	}
	limit, _ := m.parse(m.Example()) // it is one that can be read
	return m.Sentence(limit), true
}

// ParsePromise reads a promise of the user's: measure=limit, as in lost=0, rta=10s, lag=1MB or other_reads=99%.
func ParsePromise(text string) (Promise, error) {
	name, value, ok := strings.Cut(text, "=")
	name, value = NameToday(strings.TrimSpace(name)), strings.TrimSpace(value)
	m, known := MeasureOf(name)
	if known {
		_, known = m.Promisable()
	}
	switch {
	case !known:
		return Promise{}, fmt.Errorf("a %w is MEASURE=LIMIT, and no measure is called %q%s; -promise help lists them", ErrPromise, name, words.DidYouMean(name, promisable()))
	case !ok:
		return Promise{}, fmt.Errorf("a %w is MEASURE=LIMIT, such as %s=%s", ErrPromise, name, m.Example())
	}
	limit, err := m.parse(value)
	if err != nil || math.IsNaN(limit) || limit < 0 || limit > m.most() {
		return Promise{}, fmt.Errorf("the limit of a %w about %s is %s", ErrPromise, name, m.limits())
	}
	return Promise{Measure: name, Limit: limit, By: "flag"}, nil
}

// promisable are the names that ParsePromise takes.
func promisable() []string {
	var names []string
	for _, m := range Measures() {
		if _, ok := m.Promisable(); ok {
			names = append(names, m.Name)
		}
	}
	return names
}

// most is the largest limit that means something, in the measure's unit: it still fits in the integers it is compared in.
func (m Measure) most() float64 {
	switch m.Unit {
	case Share:
		return 1
	case Timed:
		return 1e9 // 30 years
	}
	return 1e18
}

func (m Measure) parse(v string) (float64, error) {
	switch m.Unit {
	case Timed:
		if v == "0" {
			return 0, nil
		}
		d, err := time.ParseDuration(v)
		return d.Seconds(), err
	case Share, Part:
		if p, ok := strings.CutSuffix(v, "%"); ok {
			f, err := strconv.ParseFloat(p, 64)
			return f / 100, err
		}
	case Size:
		for suffix, f := range map[string]float64{"kB": 1e3, "MB": 1e6, "GB": 1e9} {
			if n, ok := strings.CutSuffix(v, suffix); ok {
				x, err := strconv.ParseFloat(n, 64)
				return x * f, err
			}
		}
		v = strings.TrimSuffix(v, "B")
	case Number:
		n, err := strconv.ParseUint(v, 10, 62)
		return float64(n), err
	}
	return strconv.ParseFloat(v, 64)
}

// Example is a limit as ParsePromise takes it.
func (m Measure) Example() string {
	switch m.Unit {
	case Timed:
		return "10s"
	case Share:
		return "99.9%"
	case Size:
		return "64kB"
	}
	return "0"
}

// limits says what limits there are.
func (m Measure) limits() string {
	switch m.Unit {
	case Timed:
		return "a time such as 10s or 250ms"
	case Share:
		return "a share such as 99.9%"
	case Part:
		return "a share such as 1%"
	case Size:
		return "a size such as 64kB"
	}
	return "a whole number"
}

// MasterReads and AllReads are the scopes of Linear and SessionCheck.
const (
	MasterReads = "master reads"
	AllReads    = "all reads"
)

// The session guarantees, in the order they are shown.
const (
	ReadYourWrites    = "read_your_writes"
	MonotonicReads    = "monotonic_reads"
	MonotonicWrites   = "monotonic_writes"
	WritesFollowReads = "writes_follow_reads"
)

// ns is a number of seconds in ns.
func ns(seconds float64) int64 { return int64(math.Round(seconds * 1e9)) }
