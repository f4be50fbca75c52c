package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// registerFindings turns what the sweep of one scope counted into findings. What does not depend on the scope of reads is taken from
// that of all reads only.
// each are the keys' results where evictions may explain some, so that they are counted by key.
func (x *extra) registerFindings(l *result.Linear, each []*keyResult, forked [][2]int32) {
	var ns []note
	if each == nil {
		conflict := note{class: "conflict", scope: l.Scope, n: l.Conflicts}
		x.worstOf(&conflict, l, "conflict")
		ns = append(ns, conflict)
	}
	for _, k := range each {
		conflict := note{class: "conflict", scope: l.Scope, n: k.conflicts}
		x.worstOf(&conflict, &result.Linear{Worst: k.worst}, "conflict")
		ns = append(ns, conflict)
	}
	for _, kind := range []struct {
		class string
		n     int64
	}{{"phantom", l.Phantoms}, {"aborted_read", l.Aborted}, {"future_read", l.Future}, {"cycle", l.Cycles}} {
		n := note{class: kind.class, scope: l.Scope, n: kind.n}
		x.worstOf(&n, l, kind.class)
		ns = append(ns, n)
	}
	fork := note{class: "fork", scope: l.Scope}
	for i, f := range forked {
		if each != nil && i > 0 && x.h.Ops.Key[f[0]] != x.h.Ops.Key[forked[i-1][0]] {
			ns, fork = append(ns, fork), note{class: "fork", scope: l.Scope}
		}
		x.blame(&fork, fmt.Sprintf("%s: %s and %s were both told that they replaced the same value", x.keyName(x.h.Ops.Key[f[0]]),
			valueText(x.h.Ops.In[f[0]]), valueText(x.h.Ops.In[f[1]])), f[0], f[1])
	}
	x.notes(append(ns, fork))
}

// evictedRegisters takes out of a scope's counts what evictions may explain: the conflicts and the forks on as many keys as were evicted.
func (x *extra) evictedRegisters(l *result.Linear, each []*keyResult) {
	for count, of := range map[*int64]func(k *keyResult) int64{
		&l.Conflicts: func(k *keyResult) int64 { return k.conflicts },
		&l.Forks:     func(k *keyResult) int64 { return k.forks },
	} {
		var ns []int64
		for _, k := range each {
			ns = append(ns, of(k))
		}
		slices.SortFunc(ns, func(a, b int64) int { return cmp.Compare(b, a) })
		for j, n := range ns {
			if float64(j) < x.evicted.most && n > 0 {
				*count -= n
				l.Undecided = x.evicted.why
			}
		}
	}
	l.Worst = slices.DeleteFunc(l.Worst, func(c result.Conflict) bool { // what may be none is no witness
		return c.Kind == "conflict" && l.Conflicts == 0 || c.Kind == "fork" && l.Forks == 0
	})
}

// worstOf words a finding by the worst case of its kind.
func (x *extra) worstOf(n *note, l *result.Linear, kind string) {
	for i := range l.Worst {
		w := &l.Worst[i]
		if w.Kind != kind {
			continue
		}
		key := keyName(x.h, w.Key)
		n.ops = w.Ops
		switch kind {
		case "phantom":
			n.text = fmt.Sprintf("%s held %s, which nobody wrote", key, valueText(w.V))
		case "aborted_read":
			n.text = fmt.Sprintf("%s held %s, although writing it was refused", key, valueText(w.V))
		case "future_read":
			n.text = fmt.Sprintf("%s: %s was read %s before its write was called", key, valueText(w.V), x.span(w.Overlap))
		case "cycle":
			n.text = fmt.Sprintf("%s: following what each write replaced leads from %s back to it", key, valueText(w.V))
		default:
			n.text = fmt.Sprintf("%s: %s and %s each must come before the other", key, valueText(w.U), valueText(w.V))
		}
		return
	}
}

// decided tells the registers' results that porcupine has judged the keys whose values repeat, which the sweep leaves undecided. It
// saw reads from masters only.
func (x *extra) decided() {
	if len(x.repeated) == 0 || len(x.undecided) > 0 {
		return
	}
	for i := range x.a.Result.Registers {
		l := &x.a.Result.Registers[i]
		if l.Scope == scopeMaster || !x.replicaReads() {
			l.Undecided = ""
		}
	}
}

func (x *extra) replicaReads() bool {
	for _, f := range x.h.Ops.Flags {
		if f&history.FlagReplicaRead != 0 {
			return true
		}
	}
	return false
}
