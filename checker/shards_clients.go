package checker

import (
	"slices"

	"github.com/schismtest/schism/checker/result"
)

// shardAvailability is what clients of one shard's keys saw.
type shardAvailability struct {
	rta, write, read result.Value
	fault            int
	gap              result.Gap
}

// availabilityByShard measures gaps and RTA by shard, each key belonging to the one that owned its slot when it was asked for. The run's are
// those of the shard for which they are the longest: that other shards take writes helps nobody whose keys lie in this one.
func (c *check) availabilityByShard(writes, reads []int32, worth []standing, from, to int64) {
	ops := &c.h.Ops
	shard := make([]int16, ops.Len())
	owned := map[uint32]int16{} // keys whose slot never moved
	for i := range shard {
		k := ops.Key[i]
		s, ok := owned[k]
		if !ok {
			key := c.x.keyName(k)
			s = int16(c.s.slots.shardOfAt(key, ops.Call[i]))
			if len(c.s.slots.movesOf(key)) == 0 {
				owned[k] = s
			}
		}
		shard[i] = s
	}
	total := c.a.Result.Availability
	workers := slices.Clone(total.ByWorker)
	worst := -1
	var longest [3]float64
	for n, g := range c.s.groups {
		of := func(is []int32) []int32 {
			return slices.DeleteFunc(slices.Clone(is), func(i int32) bool { return int(shard[i]) != g.shard })
		}
		tried, asked := false, false
		for i := range shard {
			if int(shard[i]) == g.shard {
				tried, asked = tried || ops.IsWrite(i), asked || !ops.F[i].IsWrite()
			}
		}
		if !tried && !asked {
			continue
		}
		av := &c.a.Result.Availability
		*av = result.Availability{ByWorker: slices.Clone(workers)}
		c.gaps(av, of(writes), of(reads), worth, from, to)
		c.rta(c.writesByWorker(from, to, func(i int) bool { return int(shard[i]) == g.shard }), []*group{g}, worth, to)
		a := shardAvailability{rta: av.RTAValue, fault: av.RTAFault, write: av.WriteS, read: av.Read, gap: av.LongestWriteS}
		if av.RTAFault == 0 {
			a.rta = result.Unmeasured("no fault stopped writes to its keys")
		}
		if !tried {
			a.write = result.Unmeasured("no write was tried")
		}
		if !asked {
			a.read = result.Unmeasured("no read was tried")
		}
		c.byKeys[g.shard] = a
		if av.RTAFault > 0 && (worst < 0 || slower(av, &total)) {
			worst = n
			total.RTA, total.RTAFault, total.RTAValue, total.Outage, total.RTAOpen = av.RTA, av.RTAFault, av.RTAValue, av.Outage, av.RTAOpen
			total.RTAShard = g.shard
		}
		for k := range total.ByWorker {
			if w, o := &total.ByWorker[k], &av.ByWorker[k]; o.RTAFault > 0 && (w.RTAFault == 0 || o.RTAValue.Hi > w.RTAValue.Hi) {
				w.RTA, w.RTAFault, w.RTAValue, w.CutOff = o.RTA, o.RTAFault, o.RTAValue, o.CutOff
			}
		}
		widest(tried, &longest[0], &total.LongestWrite, &total.Write, av.LongestWrite, av.Write)
		widest(tried, &longest[1], &total.LongestWriteS, &total.WriteS, av.LongestWriteS, av.WriteS)
		widest(asked, &longest[2], &total.LongestRead, &total.Read, av.LongestRead, av.Read)
	}
	if worst < 0 {
		total.RTA = -1
	}
	c.a.Result.Availability = total
}

// slower tells of two RTAs that the first is longer.
func slower(a, b *result.Availability) bool {
	if a.RTAValue.Hi != b.RTAValue.Hi {
		return a.RTAValue.Hi > b.RTAValue.Hi
	}
	return a.RTAValue.Lo > b.RTAValue.Lo
}

// widest keeps the longer of two gaps, and of their values each end's longer one.
func widest(counts bool, longest *float64, gap *result.Gap, v *result.Value, g result.Gap, w result.Value) {
	if !counts {
		return
	}
	if float64(g.Len()) > *longest {
		*longest, *gap = float64(g.Len()), g
	}
	v.Lo, v.Hi = max(v.Lo, w.Lo), max(v.Hi, w.Hi)
	if v.Why == "" {
		v.Why = w.Why
	}
}
