package checker

import (
	"cmp"
	"math"
	"slices"

	"github.com/schismtest/schism/history"
)

// visEdges are the bounds of the bins of t, ns: 1, 2, 5 a decade from 100 µs to 10 s.
func visEdges() []int64 {
	edges := []int64{0}
	for d := int64(100_000); d < int64(10e9); d *= 10 {
		edges = append(edges, d, 2*d, 5*d)
	}
	return append(edges, int64(10e9), history.Inf)
}

// visAcc collects one node's bins.
type visAcc struct{ n, fresh []int64 }

// measureVisibility measures how likely a replica read that begins t after the acknowledgement of the newest write returns that
// write or a newer one (PBS, Bailis et al. 2012). Probes on a schedule count where there are any: a client that reads in a closed
// loop would meet the moments of its own making.
func measureVisibility(h *history.History, a *Analysis) {
	ops := &h.Ops
	probes := false
	for i, f := range ops.Flags {
		if f&history.FlagProbe != 0 && ops.F[i] == history.FRead {
			probes = true
			break
		}
	}
	keys := registerKeys(h)
	edges := visEdges()
	accs := map[rowKey]*visAcc{}
	for i := range keys.of {
		is := keys.ops(i)
		n := len(is)
		if is == nil {
			n = ops.Len()
		}
		visKey(h, is, n, probes, edges, accs)
	}
	for row, acc := range accs {
		v := Visibility{Node: row.node, Window: row.window, At: [4]int64{-1, -1, -1, -1}, P50: -1, P99: -1}
		for b := range acc.n {
			if acc.n[b] == 0 {
				continue
			}
			p, lo, hi := wilson(acc.fresh[b], acc.n[b])
			v.Bins = append(v.Bins, VisBin{From: edges[b], To: edges[b+1], N: acc.n[b], Fresh: acc.fresh[b], P: p, Lo: lo, Hi: hi})
		}
		for q, want := range []float64{0.5, 0.9, 0.99, 0.999} {
			for b := len(v.Bins) - 1; b >= 0 && v.Bins[b].P >= want; b-- { // from there on it stays visible
				v.At[q] = v.Bins[b].From
			}
		}
		a.Result.Visibility = append(a.Result.Visibility, v)
	}
	slices.SortFunc(a.Result.Visibility, func(x, y Visibility) int { return cmp.Or(cmp.Compare(x.Node, y.Node), cmp.Compare(x.Window, y.Window)) })
}

func visKey(h *history.History, is []int32, n int, probes bool, edges []int64, accs map[rowKey]*visAcc) {
	ops := &h.Ops
	type ack struct{ ret, call, value int64 }
	var acks []ack
	var reads []int32
	knownAt := map[int64]int64{history.Nil: minTime}
	for j := range n {
		i := int32(j)
		if is != nil {
			i = is[j]
		}
		if ops.Outcome[i] != history.OK {
			continue
		}
		v := ops.Out[i]
		if ops.F[i] == history.FWrite {
			v = ops.In[i]
			acks = append(acks, ack{ops.Return[i], ops.Call[i], v})
		} else if ops.Flags[i]&history.FlagReplicaRead != 0 && (ops.Flags[i]&history.FlagProbe != 0) == probes {
			reads = append(reads, i)
		}
		if k, ok := knownAt[v]; !ok || ops.Return[i] < k {
			knownAt[v] = ops.Return[i]
		}
	}
	slices.SortFunc(acks, func(a, b ack) int { return cmp.Compare(a.ret, b.ret) })
	for _, i := range reads {
		at, _ := slices.BinarySearchFunc(acks, ops.Call[i], func(a ack, t int64) int { return cmp.Compare(a.ret, t) })
		if at == 0 {
			continue
		}
		w := acks[at-1]
		t := ops.Call[i] - w.ret
		fresh := knownAt[ops.Out[i]] >= w.call // what was known before the write was asked for is older
		b, exact := slices.BinarySearch(edges, t)
		if !exact {
			b--
		}
		for _, row := range rowsOf(h, i, true) {
			acc := accs[row]
			if acc == nil {
				acc = &visAcc{make([]int64, len(edges)-1), make([]int64, len(edges)-1)}
				accs[row] = acc
			}
			acc.n[b]++
			if fresh {
				acc.fresh[b]++
			}
		}
	}
}

// wilson is the share and its 95 % score interval (Wilson 1927).
func wilson(k, n int64) (p, lo, hi float64) {
	const z = 1.959964
	f := float64(n)
	p = float64(k) / f
	mid := (p + z*z/(2*f)) / (1 + z*z/f)
	half := z * math.Sqrt(p*(1-p)/f+z*z/(4*f*f)) / (1 + z*z/f)
	return p, max(0, mid-half), min(1, mid+half)
}
