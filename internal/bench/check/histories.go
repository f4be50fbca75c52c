package main

import (
	"cmp"
	"math/rand"
	"slices"

	"github.com/schismtest/schism/history"
)

// shape says what history to make.
type shape struct {
	ops, keys, clients int
	unknown            float64 // share of operations whose outcome is unknown
	stale              bool    // one read returns a value that had long been replaced
	made               bool    // values count up over all clients, in the order of their effects, and writes say nothing; else as real runs are
}

// batch is how long a client's operations are kept before they go into the file together, ns.
const batch = 100_000_000

// make draws a linearizable history of registers with unique values (but for the stale read): each operation takes effect at one
// moment within its interval. As real runs write them, values are a client's number and its own count, writes reply with what they
// replaced (SET..GET), and operations stand in batches, a client's together.
func (s shape) make(seed int64) *history.History {
	r := rand.New(rand.NewSource(seed))
	type op struct {
		history.Op
		at   int64
		done int64
	}
	ops := make([]op, 0, s.ops)
	free := make([]int64, s.clients)
	process := make([]int32, s.clients)
	for c := range process {
		process[c] = int32(c)
	}
	next := int32(s.clients)
	for range s.ops {
		c := r.Intn(s.clients)
		call := free[c] + r.Int63n(20_000)
		took := 20_000 + r.Int63n(200_000)
		o := op{Op: history.Op{Process: process[c], Client: int32(c), F: history.FRead, Key: uint32(r.Intn(s.keys)), In: history.None, Out: history.None, Arg: history.None,
			Acked: -1, Node: 0, Call: call, Intended: call, Return: call + took}}
		o.at, o.done = call+r.Int63n(took), call+took
		if r.Intn(2) == 0 {
			o.F = history.FWrite
		}
		if r.Float64() < s.unknown {
			o.Outcome, o.Return = history.Info, history.Inf
			if r.Intn(2) == 0 {
				o.at = history.Inf // it never happens
			}
			process[c] = next
			next++
		}
		free[c] = call + took
		ops = append(ops, o)
	}
	slices.SortFunc(ops, func(a, b op) int { return cmp.Compare(a.at, b.at) })
	holds := make([]int64, s.keys)
	for k := range holds {
		holds[k] = history.Nil
	}
	long := make([]int64, s.keys) // a value long gone
	seq := make([]int64, s.clients)
	for i := range ops {
		o := &ops[i]
		if i == len(ops)/10 {
			copy(long, holds)
		}
		if o.F == history.FWrite {
			o.In = int64(i) + 1
			if !s.made {
				seq[o.Client]++
				o.In = int64(o.Client+1)<<32 | seq[o.Client]
				if o.Outcome == history.OK {
					o.Out, o.Flags = holds[o.Key], history.FlagPred
				}
			}
			if o.at != history.Inf {
				holds[o.Key] = o.In
			}
			continue
		}
		o.Out = holds[o.Key]
	}
	if s.stale {
		for i := len(ops) / 2; i < len(ops); i++ {
			if o := &ops[i]; o.F == history.FRead && o.Outcome == history.OK && long[o.Key] != 0 && long[o.Key] != history.Nil {
				o.Out = long[o.Key]
				break
			}
		}
	}
	// File order: a worker writes an operation down when it returns; one whose outcome is unknown returned with its timeout.
	slices.SortFunc(ops, func(a, b op) int {
		if s.made {
			return cmp.Compare(a.done, b.done)
		}
		return cmp.Or(cmp.Compare(a.done/batch, b.done/batch), cmp.Compare(a.Client, b.Client), cmp.Compare(a.done, b.done))
	})
	h := &history.History{Run: history.Run{Imported: "made"}, Keys: make([]string, s.keys)}
	for k := range h.Keys {
		h.Keys[k] = "r:" + string(rune('0'+k%10))
	}
	h.Ops.Grow(len(ops))
	for i := range ops {
		if ops[i].Outcome == history.Info && ops[i].F == history.FRead {
			continue
		}
		h.Ops.Append(ops[i].Op)
	}
	return h
}
