package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// judge is one object's checker: the functions of the keys that it claims, and what it does with them.
type judge struct {
	name  string
	claim func(m fset) bool // the functions used on a key
	run   func(x *extra)
}

// among claims keys on which nothing but these functions is used.
func among(of fset) func(fset) bool { return func(m fset) bool { return m&^of == 0 } }

// judges are all of them. A key belongs to the first that claims it; one that none claims is said to be unjudged.
func judges() []judge {
	return []judge{
		{"register", among(registerOps), (*extra).registers},
		{"set", among(setOps), (*extra).sets},
		{"list", among(listOps), (*extra).lists},
		{"counter", among(counterOps), (*extra).counters},
		{"lock", among(lockOps), (*extra).locks},
		{"bank", among(bankOps), (*extra).banks},
		{"queue", among(queueOps), (*extra).queues},
		{"expiry", among(expiryOps), (*extra).expiry},
		{"transactions", among(txnOps), (*extra).transactions},
		// Last: the registers and lists with repeated values that others found are its own.
		{"object", autoObjects, func(x *extra) { x.objects(autoObjects) }},
	}
}

// judgeAll runs every judge that has a key, and says which operations none claims.
func (x *extra) judgeAll() {
	if x.all&(registerOps|setOps|listOps) != 0 {
		x.sessions()
	}
	js := judges()
	used := make([]bool, len(js))
	orphan := make([]bool, len(x.mask))
	for k, m := range x.mask {
		if m == 0 {
			continue
		}
		n := slices.IndexFunc(js, func(j judge) bool { return j.claim(m) })
		if n < 0 {
			orphan[k] = true
			continue
		}
		used[n] = true
	}
	for n, j := range js {
		if used[n] || j.name == "object" && len(x.repeated) > 0 {
			j.run(x)
		}
	}
	x.unclaimed(orphan)
}

// unclaimed counts the operations that nobody judges: those of functions that are not known, those of keys that mix functions in a way
// that no judge understands, and those beside what is tried at a replica, which may have come to stand there.
func (x *extra) unclaimed(orphan []bool) {
	c := &x.h.Ops
	n := map[history.F]int64{}
	why := map[history.F]string{}
	tried := make([]bool, len(orphan)) // by key: something was tried at a replica
	for i, flags := range c.Flags {
		if k := int(c.Key[i]); flags&history.FlagReplicaWrite != 0 && k < len(tried) {
			tried[k] = true
		}
	}
	for i, f := range c.F {
		if c.Flags[i]&history.FlagReplicaWrite != 0 {
			continue
		}
		switch {
		case int(c.Key[i]) < len(tried) && tried[c.Key[i]]:
			why[f] = "what is tried at a replica has a key of its own"
		case bit(f) == 0 || !f.Known():
			why[f] = "no judge knows this function"
		case f == history.FTxn && x.crossesSlots(i):
			why[f] = "a transaction over several slots of a Cluster is not one step"
		case int(c.Key[i]) < len(orphan) && orphan[c.Key[i]]:
			if why[f] == "" {
				why[f] = "no judge knows a key on which it is mixed with other functions"
			}
		default:
			continue
		}
		n[f]++
	}
	for f, count := range n {
		x.a.Result.Unclaimed = append(x.a.Result.Unclaimed, result.Unclaimed{F: f.String(), Count: count, Why: why[f]})
	}
	slices.SortFunc(x.a.Result.Unclaimed, func(a, b result.Unclaimed) int { return cmp.Compare(a.F, b.F) })
}
