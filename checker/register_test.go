package checker

import (
	"fmt"
	"math/rand"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// scaled is n, or as many as the long proof asks for.
func rScaled(n, long int) int {
	if os.Getenv("SCHISM_PROVE") != "" {
		return long
	}
	return n
}

func rWrite(v, call, ret int64) history.Op {
	return history.Op{F: history.FWrite, In: v, Out: history.None, Arg: history.None, Acked: -1, Call: call, Intended: call, Return: ret}
}

func rSwap(v, pred, call, ret int64) history.Op {
	o := rWrite(v, call, ret)
	o.Out, o.Flags = pred, history.FlagPred
	return o
}

func rRead(v, call, ret int64) history.Op {
	return history.Op{F: history.FRead, In: history.None, Out: v, Arg: history.None, Acked: -1, Call: call, Intended: call, Return: ret}
}

func rUnknown(o history.Op) history.Op {
	o.Outcome, o.Err, o.Return = history.Info, history.ErrTimeout, history.Inf
	o.Out = history.None
	return o
}

func rRefused(o history.Op) history.Op {
	o.Outcome, o.Err, o.Out = history.Fail, history.ErrReadOnly, history.None
	return o
}

func rBad(l result.Linear) int64 {
	return l.Conflicts + l.Forks + l.Cycles + l.Phantoms + l.Future + l.Aborted
}

func sweepOps(ops []history.Op) result.Linear {
	return SweepRegisters(history.FromOps(ops, []string{"r"}))
}

func TestRegisterFindings(t *testing.T) {
	for _, tt := range []struct {
		name string
		ops  []history.Op
		want result.Linear
	}{
		{"empty register", []history.Op{rRead(history.Nil, 1, 2)}, result.Linear{}},
		{"read after write", []history.Op{rWrite(1, 1, 2), rRead(1, 3, 4)}, result.Linear{}},
		{"concurrent, either order", []history.Op{rWrite(1, 1, 9), rWrite(2, 1, 9), rRead(2, 2, 3), rRead(1, 4, 5)}, result.Linear{}},
		{"intervals that touch are concurrent", []history.Op{rWrite(1, 1, 2), rWrite(2, 3, 4), rRead(1, 4, 5)}, result.Linear{}},
		{"stale read", []history.Op{rWrite(1, 1, 2), rWrite(2, 3, 4), rRead(1, 5, 6)}, result.Linear{Conflicts: 2}},
		{"nothing after a write", []history.Op{rWrite(1, 1, 2), rRead(history.Nil, 3, 4)}, result.Linear{Conflicts: 2}},
		{"a, b, a", []history.Op{rWrite(1, 1, 9), rWrite(2, 1, 9), rRead(1, 2, 3), rRead(2, 4, 5), rRead(1, 6, 7)}, result.Linear{Conflicts: 2}},
		{"phantom", []history.Op{rRead(7, 1, 2)}, result.Linear{Phantoms: 1}},
		{"future read", []history.Op{rRead(1, 1, 2), rWrite(1, 3, 4)}, result.Linear{Future: 1}},
		{"aborted read", []history.Op{rRefused(rWrite(1, 1, 2)), rRead(1, 3, 4)}, result.Linear{Aborted: 1}},
		{"unknown write that was read", []history.Op{rUnknown(rWrite(1, 1, 0)), rRead(1, 3, 4)}, result.Linear{}},
		{"unknown write that took effect late", []history.Op{rUnknown(rWrite(1, 1, 0)), rWrite(2, 2, 3), rRead(2, 4, 5), rRead(1, 6, 7)}, result.Linear{}},
		{"unknown write, then back", []history.Op{rUnknown(rWrite(1, 1, 0)), rWrite(2, 2, 3), rRead(1, 4, 5), rRead(2, 6, 7)}, result.Linear{Conflicts: 2}},
		{"chain", []history.Op{rSwap(1, history.Nil, 1, 2), rSwap(2, 1, 3, 4), rRead(2, 5, 6)}, result.Linear{}},
		{"fork", []history.Op{rSwap(1, history.Nil, 1, 2), rSwap(2, 1, 3, 6), rSwap(3, 1, 3, 6)}, result.Linear{Forks: 1, Conflicts: 0}},
		{"chain against time", []history.Op{rSwap(2, 1, 1, 2), rSwap(1, history.Nil, 3, 4)}, result.Linear{Future: 1}},
		{"chain that is read out of order", []history.Op{rSwap(1, history.Nil, 1, 20), rSwap(2, 1, 1, 20), rRead(2, 3, 4), rRead(1, 5, 6)}, result.Linear{Conflicts: 1}},
		{"unread unknown predecessor", []history.Op{rUnknown(rWrite(1, 1, 0)), rSwap(2, 1, 3, 4), rRead(1, 5, 6)}, result.Linear{Conflicts: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := sweepOps(tt.ops)
			require.Equal(t, tt.want.Phantoms, l.Phantoms, "phantoms")
			require.Equal(t, tt.want.Future, l.Future, "future reads")
			require.Equal(t, tt.want.Aborted, l.Aborted, "aborted reads")
			require.Equal(t, tt.want.Forks, l.Forks, "forks")
			require.Equal(t, rBad(tt.want) > 0, rBad(l) > 0, "%+v", l)
			if rBad(tt.want) == tt.want.Conflicts {
				require.Equal(t, tt.want.Conflicts, l.Conflicts, "conflicts")
			}
		})
	}
}

// randomRegister draws a small history; most are not linearizable, some are.
func randomRegister(r *rand.Rand, n int, pred bool) []history.Op {
	writes := 1 + r.Intn(n)
	horizon := int64(n + r.Intn(3*n)) // few moments, so that ties are common
	ops := make([]history.Op, 0, n)
	value := func() int64 {
		if v := int64(r.Intn(writes + 1)); v > 0 {
			return v
		}
		return history.Nil
	}
	for i := range n {
		call := r.Int63n(horizon)
		ret := call + r.Int63n(horizon/2+1)
		var o history.Op
		if i < writes {
			o = rWrite(int64(i+1), call, ret)
			if pred && r.Intn(2) == 0 {
				o.Flags, o.Out = history.FlagPred, value()
				if o.Out == o.In {
					o.Out = history.Nil
				}
			}
			switch r.Intn(8) {
			case 0:
				o = rUnknown(o)
			case 1:
				if r.Intn(3) == 0 {
					o = rRefused(o)
				}
			}
		} else {
			o = rRead(value(), call, ret)
		}
		o.Process = int32(i)
		ops = append(ops, o)
	}
	r.Shuffle(n, func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	return ops
}

// bruteRegister tries every order. A write of unknown outcome may take effect at any time after its call, or never.
func bruteRegister(ops []history.Op) bool {
	var live []history.Op
	for _, o := range ops {
		if o.Outcome != history.Fail {
			live = append(live, o)
		}
	}
	done := make([]bool, len(live))
	var try func(left int, value int64) bool
	try = func(left int, value int64) bool {
		must := 0
		for i := range live {
			if !done[i] && live[i].Outcome == history.OK {
				must++
			}
		}
		if must == 0 {
			return true
		}
		earliest := history.Inf
		for i := range live {
			if !done[i] {
				earliest = min(earliest, live[i].Return)
			}
		}
		for i := range live {
			o := &live[i]
			if done[i] || o.Call > earliest { // something that must come first ended before this was called
				continue
			}
			next := value
			switch {
			case o.F == history.FRead:
				if o.Out != value {
					continue
				}
			case o.Outcome == history.OK && o.Flags&history.FlagPred != 0 && o.Out != value:
				continue
			default:
				next = o.In
			}
			done[i] = true
			if try(left-1, next) {
				return true
			}
			done[i] = false
		}
		return false
	}
	return try(len(live), history.Nil)
}

func TestBruteForceAgreesOnRegisters(t *testing.T) {
	for _, pred := range []bool{false, true} {
		t.Run(fmt.Sprintf("predecessors=%v", pred), func(t *testing.T) {
			r := rand.New(rand.NewSource(11))
			good := 0
			for n := range rScaled(20_000, 150_000) {
				ops := randomRegister(r, 1+r.Intn(7), pred)
				want := bruteRegister(ops)
				if want {
					good++
				}
				if got := rBad(sweepOps(ops)) == 0; got != want {
					t.Fatalf("history %d: sweep says linearizable=%v, brute force %v\n%s", n, got, want, rShow(ops))
				}
			}
			require.Greater(t, good, 500, "too few histories that must be accepted")
		})
	}
}

func rShow(ops []history.Op) string {
	s := ""
	for _, o := range ops {
		s += fmt.Sprintf("%s in=%d out=%d flags=%d %s [%d, %d]\n", o.F, o.In, o.Out, o.Flags, o.Outcome, o.Call, o.Return)
	}
	return s
}

// goodRegister draws a linearizable history of several clients: each operation takes effect at one moment of its interval.
func goodRegister(r *rand.Rand, n, clients int, pred bool) []history.Op {
	type at struct {
		t int64
		o history.Op
	}
	free := make([]int64, clients)
	var as []at
	for i := range n {
		c := r.Intn(clients)
		call := free[c] + r.Int63n(4)
		ret := call + r.Int63n(12)
		free[c] = ret + 1
		o := rRead(0, call, ret)
		if r.Intn(2) == 0 {
			o = rWrite(int64(i+1), call, ret)
		}
		o.Process = int32(c)
		t := call + r.Int63n(ret-call+1)
		if o.F == history.FWrite && r.Intn(12) == 0 {
			o = rUnknown(o)
			o.Process = int32(1000 + i)
			if r.Intn(2) == 0 {
				t = call + r.Int63n(40)
			} else {
				t = history.Inf
			}
		}
		as = append(as, at{t, o})
	}
	slices.SortStableFunc(as, func(a, b at) int {
		switch {
		case a.t < b.t:
			return -1
		case a.t > b.t:
			return 1
		}
		return 0
	})
	value := history.Nil
	ops := make([]history.Op, 0, n)
	for _, a := range as {
		switch {
		case a.o.F == history.FRead:
			a.o.Out = value
		case a.t != history.Inf:
			if pred && a.o.Outcome == history.OK {
				a.o.Flags, a.o.Out = history.FlagPred, value
			}
			value = a.o.In
		}
		ops = append(ops, a.o)
	}
	return ops
}

func porcupineSays(ops []history.Op) porcupine.CheckResult {
	m := windowModel()
	m.Init = func() any { return regState{known: true, value: history.Nil} }
	var in []porcupine.Operation
	for i, o := range ops {
		if o.Outcome == history.Fail {
			continue
		}
		in = append(in, porcupine.Operation{ClientId: i % 64, Call: o.Call, Return: o.Return,
			Input: regInput{write: o.F == history.FWrite, in: o.In, out: o.Out, pred: o.Outcome == history.OK && o.F == history.FWrite && o.Flags&history.FlagPred != 0}})
	}
	return porcupine.CheckOperationsTimeout(m, in, 5*time.Second)
}

func TestPorcupineAgreesOnRegisters(t *testing.T) {
	r := rand.New(rand.NewSource(12))
	decided, broken := 0, 0
	for range rScaled(600, 20_000) {
		ops := goodRegister(r, 20+r.Intn(60), 2+r.Intn(4), r.Intn(2) == 0)
		require.Zero(t, rBad(sweepOps(ops)), "a good history was refused\n%s", rShow(ops))
		if r.Intn(3) > 0 { // an older version is read
			var reads []int
			for i, o := range ops {
				if o.F == history.FRead {
					reads = append(reads, i)
				}
			}
			if len(reads) > 1 {
				ops[reads[len(reads)-1]].Out = ops[reads[r.Intn(len(reads))]].Out
			}
		}
		res := porcupineSays(ops)
		if res == porcupine.Unknown {
			continue
		}
		decided++
		if res == porcupine.Illegal {
			broken++
		}
		require.Equal(t, res == porcupine.Ok, rBad(sweepOps(ops)) == 0, rShow(ops))
	}
	require.Greater(t, decided, 500)
	require.Greater(t, broken, 50)
}

// Widening an interval, or turning a write's ok into info, only loosens what a history says.
func TestLooseningNeverMakesAFinding(t *testing.T) {
	r := rand.New(rand.NewSource(13))
	for range 2000 {
		ops := goodRegister(r, 40, 5, r.Intn(2) == 0)
		i := r.Intn(len(ops))
		if o := &ops[i]; o.F == history.FWrite && r.Intn(2) == 0 {
			*o = rUnknown(*o)
			o.Flags = 0
		} else {
			o.Call -= r.Int63n(20)
			if o.Return != history.Inf {
				o.Return += r.Int63n(20)
			}
		}
		require.Zero(t, rBad(sweepOps(ops)), rShow(ops))
	}
}

func TestRenamingChangesNothing(t *testing.T) {
	r := rand.New(rand.NewSource(14))
	for range 1000 {
		ops := randomRegister(r, 7, true)
		want := sweepOps(ops)
		renamed := slices.Clone(ops)
		name := func(v int64) int64 {
			if v == history.Nil || v == history.None {
				return v
			}
			return v*7_919 + 1<<40
		}
		for i := range renamed {
			renamed[i].In, renamed[i].Out, renamed[i].Key = name(renamed[i].In), name(renamed[i].Out), 0
		}
		got := sweepOps(renamed)
		require.Equal(t, []int64{want.Conflicts, want.Forks, want.Phantoms, want.Future, want.Overlap, want.Gamma}, []int64{got.Conflicts, got.Forks, got.Phantoms, got.Future, got.Overlap, got.Gamma})
	}
}
