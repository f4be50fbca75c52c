package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// expiryTolerance is how late or early a server may be, in ns: it counts in whole milliseconds and reads its clock once a round of
// its event loop.
const expiryTolerance = 10_000_000

// lifetime is one write of an expiring key.
type lifetime struct {
	value     int64
	op        int32
	call, ret int64 // ret is Inf when not acknowledged
	latest    int64 // the write had happened by then
	ttl       int64
}

// expiry checks keys with a time to live: none is read later than that after the last moment its write can have happened, and
// (as a measure) none is gone before it.
func (x *extra) expiry() {
	g := x.group(expiryOps)
	for _, p := range perKey(x.keysOf(expiryOps), func(k uint32) expiryFindings { return x.expiring(k, g.of(k)) }) {
		x.notes([]note{p.late, p.early, p.earlyReplica, p.phantom, p.aborted, p.olderMaster, p.olderAll})
		x.a.Result.ExpiredWorst = max(x.a.Result.ExpiredWorst, p.worst)
	}
	x.looks("phantom", "aborted_read", "expired_read", "early_nil", "early_nil_replica", "expiry_conflict")
}

type expiryFindings struct {
	late, early, earlyReplica, phantom, aborted, olderMaster, olderAll note

	worst int64 // ns past the end of its life at which a key was still read
}

func (x *extra) expiring(k uint32, ops []int32) expiryFindings {
	c := &x.h.Ops
	f := expiryFindings{
		late: note{class: "expired_read"}, early: note{class: "early_nil"}, earlyReplica: note{class: "early_nil_replica"},
		phantom: note{class: "phantom"}, aborted: note{class: "aborted_read"}, olderMaster: note{class: "expiry_conflict", scope: result.MasterReads}, olderAll: note{class: "expiry_conflict", scope: result.AllReads},
	}
	ls, index := lifetimes(c, ops)
	refused, told := map[int64]int32{}, map[int64]bool{}
	for _, i := range ops {
		if c.F[i] == history.FExpiring && c.Outcome[i] == history.Fail {
			refused[c.In[i]] = i
		}
	}
	shortest := history.Inf
	for _, l := range ls {
		shortest = min(shortest, l.ttl)
	}
	slices.SortFunc(ls, func(a, b lifetime) int { return cmp.Compare(a.ret, b.ret) })
	newest := make([]int, len(ls)) // of ls[:i+1], the one called last
	for i := range ls {
		newest[i] = i
		if i > 0 && ls[newest[i-1]].call > ls[i].call {
			newest[i] = newest[i-1]
		}
	}
	for _, i := range ops {
		if c.F[i] != history.FReadExpiring || c.Outcome[i] != history.OK {
			continue
		}
		if c.Out[i] != history.Nil {
			l, ok := index[c.Out[i]]
			if !ok {
				x.strangeExpiring(&f, k, i, refused, told)
				continue
			}
			if n, _ := slices.BinarySearchFunc(ls, c.Call[i], func(l lifetime, t int64) int { return cmp.Compare(l.ret, t) }); n > 0 {
				x.older(&f, k, i, &l, &ls[newest[n-1]])
			}
			if by := c.Call[i] - l.latest - l.ttl; by > expiryTolerance {
				f.late.count(fmt.Sprintf("%s: %s read %d at least %s after its time to live had ended", x.keyName(k), x.who(int(i)), l.value, x.span(by)), int(l.op), int(i))
				f.worst = max(f.worst, by)
			}
			continue
		}
		// Whatever write was the last one to happen, it happened no earlier than the call of the newest acknowledged one.
		n, _ := slices.BinarySearchFunc(ls, c.Call[i], func(l lifetime, t int64) int { return cmp.Compare(l.ret, t) })
		if n == 0 {
			continue
		}
		l := ls[newest[n-1]]
		if left := l.call + shortest - c.Return[i]; left > expiryTolerance {
			e := &f.early
			if !masterRead(c, i) {
				e = &f.earlyReplica
			}
			e.count(fmt.Sprintf("%s: %s found nothing %s before %d can have expired", x.keyName(k), x.who(int(i)), x.span(left), l.value), int(l.op), int(i))
		}
	}
	return f
}

// older counts a read of a value that was known before a newer one was asked for, which had been acknowledged before the read. The
// newer one may have expired by then; it never gives way to an older one.
func (x *extra) older(f *expiryFindings, k uint32, read int32, old, newer *lifetime) {
	if old.op == newer.op || old.latest >= newer.call || old.value == newer.value {
		return
	}
	text := fmt.Sprintf("%s: %s read %d, although %d had been written after it and acknowledged", x.keyName(k), x.who(int(read)), old.value, newer.value)
	f.olderAll.count(text, int(old.op), int(newer.op), int(read))
	if masterRead(&x.h.Ops, read) {
		f.olderMaster.count(text, int(old.op), int(newer.op), int(read))
	}
}

// strangeExpiring counts a value that nobody wrote, or whose write was refused, once.
func (x *extra) strangeExpiring(f *expiryFindings, k uint32, read int32, refused map[int64]int32, told map[int64]bool) {
	v := x.h.Ops.Out[read]
	if told[v] {
		return
	}
	told[v] = true
	if w, ok := refused[v]; ok {
		f.aborted.count(fmt.Sprintf("%s: %s read %d, although writing it was refused", x.keyName(k), x.who(int(read)), v), int(w), int(read))
		return
	}
	f.phantom.count(fmt.Sprintf("%s: %s read %d, which nobody wrote", x.keyName(k), x.who(int(read)), v), int(read))
}

// lifetimes lists the writes that may have happened, and for each value the write whose life ends last.
func lifetimes(c *history.Columns, ops []int32) ([]lifetime, map[int64]lifetime) {
	first := map[int64]int64{} // by value: least return of a read
	writers := map[int64]int{}
	for _, i := range ops {
		if c.F[i] == history.FReadExpiring && c.Outcome[i] == history.OK {
			if t, ok := first[c.Out[i]]; !ok || c.Return[i] < t {
				first[c.Out[i]] = c.Return[i]
			}
		}
		if c.F[i] == history.FExpiring && c.Outcome[i] != history.Fail {
			writers[c.In[i]]++
		}
	}
	var ls []lifetime
	index := map[int64]lifetime{}
	for _, i := range ops {
		if c.F[i] != history.FExpiring || c.Outcome[i] == history.Fail {
			continue
		}
		l := lifetime{value: c.In[i], op: i, call: c.Call[i], ret: history.Inf, latest: history.Inf, ttl: max(0, arg(c, i))}
		if c.Outcome[i] == history.OK {
			l.ret, l.latest = c.Return[i], c.Return[i]
		}
		if t, ok := first[l.value]; ok && writers[l.value] == 1 {
			l.latest = min(l.latest, t) // whoever read it proves that it had been written
		}
		if l.latest > history.Inf-l.ttl {
			l.latest = history.Inf - l.ttl
		}
		ls = append(ls, l)
		if o, ok := index[l.value]; !ok || l.latest+l.ttl > o.latest+o.ttl {
			index[l.value] = l
		}
	}
	return ls, index
}
