package checker

import (
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// setFull says what became of each element as whole reads tell it (Jepsen's set-full). An element is known from the return of
// its addition or of the first read that held it.
type setFull struct {
	elements int64
	stable   int64   // every read after some moment held it
	stale    int64   // part of stable: missed by a read that began after it was known
	lost     int64   // known, held by reads or acknowledged, and missing from the last ones
	never    int64   // no read held it, and none can tell that it is lost
	twice    int64   // some read held it more than once
	delays   []int64 // ns from known to stable, of the stable ones
	losses   []int64 // ns from known to the last read that held it, of the lost ones
}

func (f *setFull) add(o setFull) {
	f.elements += o.elements
	f.stable += o.stable
	f.stale += o.stale
	f.lost += o.lost
	f.never += o.never
	f.twice += o.twice
	f.delays = append(f.delays, o.delays...)
	f.losses = append(f.losses, o.losses...)
}

// report writes the statistics as one row of the kind.
func (f *setFull) report(x *extra, kind string) {
	if f.elements == 0 {
		return
	}
	x.a.Result.Collections = append(x.a.Result.Collections, result.Collection{Kind: kind, Elements: f.elements, Stable: f.stable, Stale: f.stale, Lost: f.lost,
		NeverRead: f.never, Duplicated: f.twice, StableP50: quantile(f.delays, 0.5), StableP99: quantile(f.delays, 0.99), StableMax: quantile(f.delays, 1),
		LostMax: quantile(f.losses, 1)})
}

// quantile sorts vs and returns its q-quantile, 0 when it is empty.
func quantile(vs []int64, q float64) int64 {
	if len(vs) == 0 {
		return 0
	}
	slices.Sort(vs)
	return vs[min(int(q*float64(len(vs))), len(vs)-1)]
}

// full classes every element. Reads from replicas lag, so they count only where there are no others.
func (s *collection) full() setFull {
	reads, master := s.fullReads()
	f := setFull{}
	known := make([]int64, len(s.elems))
	missed := make([]int32, len(s.elems)) // how many of the last reads, without a gap, held it
	held := make([]int32, len(s.elems))   // the last read that held it, from 1 up; 0: none
	twice := make([]bool, len(s.elems))
	last := make([]int32, len(s.elems))
	for n := range s.elems {
		known[n] = s.elems[n].ret
	}
	for m := len(reads) - 1; m >= 0; m-- {
		n := reads[m]
		for _, e := range s.read(n) {
			if e < 0 {
				continue
			}
			if last[e] == int32(m+1) {
				twice[e] = true
				continue
			}
			last[e] = int32(m + 1)
			held[e] = max(held[e], int32(m+1))
			known[e] = min(known[e], s.c.Return[s.reads[n]])
			if int(missed[e]) == len(reads)-1-m {
				missed[e]++
			}
		}
	}
	for n := range s.elems {
		if !s.elems[n].tried {
			continue
		}
		f.elements++
		if twice[n] {
			f.twice++
		}
		absent := len(reads) - 1 - int(missed[n]) // the last read that lacked it, -1: none
		f.class(s, reads, known[n], absent, int(held[n])-1)
	}
	if !master { // the last read of a replica that lags tells nothing of loss
		f.never, f.lost, f.losses = f.never+f.lost, 0, nil
	}
	return f
}

func (s *collection) fullReads() (reads []int, master bool) {
	var all []int
	for n, i := range s.reads {
		all = append(all, n)
		if masterRead(s.c, i) {
			reads = append(reads, n)
		}
	}
	if len(reads) > 0 {
		return reads, true
	}
	return all, false
}

// class counts one element, known since then, last missing from read absent and last held by read present.
func (f *setFull) class(s *collection, reads []int, known int64, absent, present int) {
	call := func(m int) int64 { return s.c.Call[s.reads[reads[m]]] }
	switch {
	case present >= 0 && absent < present:
		f.stable++
		delay := int64(0)
		if absent >= 0 {
			delay = max(0, call(absent)-known)
		}
		if delay > 0 {
			f.stale++
		}
		f.delays = append(f.delays, delay)
	case known != history.Inf && absent >= 0 && call(absent) > known:
		f.lost++
		gone := int64(0)
		if present >= 0 {
			gone = max(0, call(present)-known)
		}
		f.losses = append(f.losses, gone)
	default:
		f.never++
	}
}
