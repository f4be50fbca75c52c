package charts

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// Series is one measured value over time, binned coarsely for the page and finely for the script. NaN is "nothing there".
type Series struct {
	key    string
	unit   string // "rate" (a count a bin), "ms" (values in µs), "bytes", "count"
	max    float64
	coarse []float64
	fine   []float64
	step   int64 // of fine, ns
}

// points are values at times, to be binned.
type points struct {
	t []int64
	v []int64
}

func (p *points) add(t, v int64) { p.t, p.v = append(p.t, t), append(p.v, v) }

// quantile bins points and takes the q-quantile of each bin.
func (t *Timeline) quantile(p *points, step int64, q float64) []float64 {
	n := t.bins(step)
	start := make([]int32, n+1)
	for _, x := range p.t {
		if i := t.bin(x, step, n); i >= 0 {
			start[i+1]++
		}
	}
	for i := range n {
		start[i+1] += start[i]
	}
	sorted := make([]int64, start[n])
	next := slices.Clone(start)
	for k, x := range p.t {
		if i := t.bin(x, step, n); i >= 0 {
			sorted[next[i]] = p.v[k]
			next[i]++
		}
	}
	out := make([]float64, n)
	for i := range n {
		b := sorted[start[i]:start[i+1]]
		if len(b) == 0 {
			out[i] = math.NaN()
			continue
		}
		slices.Sort(b)
		out[i] = float64(b[min(len(b)-1, int(math.Ceil(q*float64(len(b))))-1+boolInt(q == 0))])
	}
	return out
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// tally counts points a bin.
func (t *Timeline) tally(times []int64, step int64) []float64 {
	n := t.bins(step)
	out := make([]float64, n)
	for _, x := range times {
		if i := t.bin(x, step, n); i >= 0 {
			out[i]++
		}
	}
	return out
}

func (t *Timeline) bins(step int64) int { return int((t.t1-t.t0+step-1)/step) + 1 }

func (t *Timeline) bin(x, step int64, n int) int {
	if x < t.t0 {
		return -1
	}
	i := int((x - t.t0) / step)
	if i >= n {
		return -1
	}
	return i
}

func (t *Timeline) counts(key, unit string, times []int64) *Series {
	return &Series{key: key, unit: unit, coarse: t.tally(times, t.coarse), fine: t.tally(times, t.fine), step: t.fine, max: float64(len(times))}
}

// quantiles makes a series of a quantile; values are ns in points, µs in the series.
func (t *Timeline) quantiles(key string, p *points, q float64) *Series {
	s := &Series{key: key, unit: "ms", coarse: t.quantile(p, t.coarse, q), fine: t.quantile(p, t.fine, q), step: t.fine}
	for _, vs := range [][]float64{s.coarse, s.fine} {
		for i := range vs {
			vs[i] /= 1e3
		}
	}
	for _, v := range p.v {
		s.max = max(s.max, float64(v))
	}
	return s
}

// gathered is everything of the operations that the lanes draw, in one pass.
type gathered struct {
	survived, lost, untold, acked []int64 // returns of ok writes: untold may be lost or not; acked have no fate, or none is known
	info, fail                    []int64
	latency                       points
	stale                         map[int8]*points
	answered                      map[answerKey]*answers
}

type answerKey struct {
	worker int8
	write  bool
}

// answers are one worker's ok replies of one kind, and the span of its attempts.
type answers struct {
	t           []int64
	state       []byte // 0 answered, 1 lost, 2 stale
	first, last int64
}

func (t *Timeline) gather() *gathered {
	g := &gathered{stale: map[int8]*points{}, answered: map[answerKey]*answers{}}
	c := &t.h.Ops
	known := t.a.Result.Writes.Known
	for i := range c.Len() {
		write := c.F[i].IsWrite()
		ak := answerKey{c.Worker[i], write}
		w := g.answered[ak]
		if w == nil {
			w = &answers{first: c.Call[i], last: c.Call[i]}
			g.answered[ak] = w
		}
		w.first, w.last = min(w.first, c.Call[i]), max(w.last, c.Call[i])
		switch c.Outcome[i] {
		case history.Info:
			if write {
				g.info = append(g.info, c.Call[i])
			}
			continue
		case history.Fail:
			if write {
				g.fail = append(g.fail, c.Return[i])
			}
			continue
		}
		state := byte(0)
		if write {
			g.latency.add(c.Return[i], c.Return[i]-c.Call[i])
			switch f := t.fate(i); {
			case f == result.FateLost:
				g.lost = append(g.lost, c.Return[i])
				state = 1
			case f == result.FateSurvived && known:
				g.survived = append(g.survived, c.Return[i])
			case f == result.FateMasked && known:
				g.untold = append(g.untold, c.Return[i])
			default:
				g.acked = append(g.acked, c.Return[i])
			}
		} else if s := t.staleness(i); s >= 0 {
			p := g.stale[c.Node[i]]
			if p == nil {
				p = &points{}
				g.stale[c.Node[i]] = p
			}
			p.add(c.Call[i], s)
			if s > 0 {
				state = 2
			}
		}
		w.t, w.state = append(w.t, c.Return[i]), append(w.state, state)
	}
	return g
}

// fate is that of an operation, also when the analysis has none.
func (t *Timeline) fate(i int) result.Fate {
	if i < len(t.a.Fate) {
		return t.a.Fate[i]
	}
	return result.FateNone
}

// pack writes values for the script: three digits each, nothing for NaN, v*n for n equal ones.
func pack(vs []float64) string {
	for len(vs) > 0 && (math.IsNaN(vs[len(vs)-1])) {
		vs = vs[:len(vs)-1]
	}
	var b strings.Builder
	for i := 0; i < len(vs); {
		tok := token(vs[i])
		n := 1
		for i+n < len(vs) && token(vs[i+n]) == tok {
			n++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(tok)
		if n > 1 {
			b.WriteByte('*')
			b.WriteString(strconv.Itoa(n))
		}
		i += n
	}
	return b.String()
}

func token(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	if a := math.Abs(v); a >= 1000 {
		p := 0
		for a >= 1000 {
			a /= 10
			p++
		}
		return strconv.FormatFloat(math.Round(a), 'f', 0, 64) + "e" + strconv.Itoa(p)
	}
	if v == math.Trunc(v) || v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return words.Trim(strconv.FormatFloat(v, 'f', 1, 64))
}

func sortInts(v []int64) { slices.Sort(v) }
