// Command check measures the register checker: its time against that of sorting the same call stamps, its memory, its growth from
// one to ten million operations, and its verdict and time beside porcupine's on the same histories in the same run.
package main

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

func main() {
	small := flag.Bool("small", false, "a tenth of the size")
	bound := flag.Duration("porcupine", 30*time.Second, "time bound of porcupine")
	flag.Parse()
	million := 1_000_000
	if *small {
		million /= 10
	}
	fmt.Printf("%d CPUs, %s\n\n", runtime.GOMAXPROCS(0), runtime.Version())
	oneKey(million, false)
	oneKey(million, true)
	beside("100 keys, 20 clients, 1 % unknown, one stale read", shape{ops: million, keys: 100, clients: 20, unknown: 0.01, stale: true}, *bound)
	beside("10,000 keys, 20 clients, valid", shape{ops: million, keys: 10_000, clients: 20}, *bound)
	growth(million)
}

// median of n runs of f, and the largest heap that was seen after one.
func median(n int, f func()) time.Duration {
	ts := make([]time.Duration, n)
	for i := range ts {
		runtime.GC()
		t := time.Now()
		f()
		ts[i] = time.Since(t)
	}
	slices.Sort(ts)
	return ts[n/2]
}

// oneKey interleaves sorting and checking, so that both meet the same machine.
func oneKey(n int, made bool) {
	h := shape{ops: n, keys: 1, clients: 20, unknown: 0.05, made: made}.make(1)
	how := "as real runs are: batches by client, SET..GET"
	if made {
		how = "values in the order of their effects, no replies"
	}
	const runs = 9
	sorts, checks := make([]time.Duration, runs), make([]time.Duration, runs)
	var before, after runtime.MemStats
	var peak uint64
	for i := range runs {
		stamps := slices.Clone(h.Ops.Call)
		runtime.GC()
		t := time.Now()
		slices.Sort(stamps)
		sorts[i] = time.Since(t)
		runtime.GC()
		runtime.ReadMemStats(&before)
		t = time.Now()
		l := checker.SweepRegisters(h)
		checks[i] = time.Since(t)
		runtime.ReadMemStats(&after)
		peak = max(peak, after.TotalAlloc-before.TotalAlloc)
		if l.Conflicts != 0 {
			panic("a valid history was refused")
		}
	}
	slices.Sort(sorts)
	slices.Sort(checks)
	fmt.Printf("1 key, 20 clients, 5 %% unknown, %d operations, %s (file order, decoded columns, medians of %d)\n", h.Ops.Len(), how, runs)
	fmt.Printf("  check %s, sort of the call stamps %s, ratio %.2f; allocated in all %d MB\n\n", checks[runs/2].Round(time.Microsecond), sorts[runs/2].Round(time.Microsecond),
		float64(checks[runs/2])/float64(sorts[runs/2]), peak>>20)
}

// beside checks one history with both.
func beside(name string, s shape, bound time.Duration) {
	h := s.make(2)
	var l result.Linear
	ours := median(3, func() { l = checker.SweepRegisters(h) })
	fmt.Printf("%s, %d operations\n  schism    %-12s %d conflicts\n", name, h.Ops.Len(), ours.Round(time.Microsecond), l.Conflicts)
	ops := make([]porcupine.Operation, 0, h.Ops.Len())
	for i := range h.Ops.Len() {
		o := h.Ops.At(i)
		ops = append(ops, porcupine.Operation{ClientId: int(o.Process), Input: input{o.F == history.FWrite, o.Flags&history.FlagPred != 0, o.Key, o.In}, Output: o.Out, Call: o.Call, Return: o.Return})
	}
	runtime.GC()
	stop := make(chan struct{})
	heap := watchHeap(stop)
	t := time.Now()
	res := porcupine.CheckOperationsTimeout(model(), ops, bound)
	took := time.Since(t)
	close(stop)
	fmt.Printf("  porcupine %-12s %s, heap up to %d MB (time bound %s); %.1f times schism's time\n\n", took.Round(time.Millisecond), res, <-heap>>20, bound, float64(took)/float64(ours))
}

// watchHeap samples the heap until stop and sends the largest size.
func watchHeap(stop chan struct{}) chan uint64 {
	out := make(chan uint64, 1)
	go func() {
		var most uint64
		t := time.NewTicker(50 * time.Millisecond)
		defer t.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-stop:
				out <- most
				return
			case <-t.C:
			}
		}
	}()
	return out
}

type input struct {
	write bool
	pred  bool // the output is what it replaced
	key   uint32
	value int64
}

func model() porcupine.Model {
	return porcupine.Model{
		Partition: func(ops []porcupine.Operation) [][]porcupine.Operation {
			by := map[uint32][]porcupine.Operation{}
			for _, o := range ops {
				k := o.Input.(input).key
				by[k] = append(by[k], o)
			}
			out := make([][]porcupine.Operation, 0, len(by))
			for _, p := range by {
				out = append(out, p)
			}
			return out
		},
		Init: func() any { return history.Nil },
		Step: func(state, in, out any) (bool, any) {
			i := in.(input)
			if i.write {
				return !i.pred || state == out, i.value
			}
			return state == out, state
		},
	}
}

// growth checks ten times as many operations.
func growth(n int) {
	s := shape{ops: n, keys: 1, clients: 20, unknown: 0.05}
	h := s.make(3)
	one := median(5, func() { checker.SweepRegisters(h) })
	s.ops *= 10
	h = s.make(3)
	ten := median(3, func() { checker.SweepRegisters(h) })
	fmt.Printf("growth, 1 key: %d operations %s, %d operations %s, %.1f times\n", n, one.Round(time.Millisecond), 10*n, ten.Round(time.Millisecond), float64(ten)/float64(one))
}
