package workloads

import (
	"slices"
	"strconv"
	"sync"

	"github.com/schismtest/schism/history"
)

// turns has the keys of a prefix take turns over the shards of a Cluster, as they own the slots at the start: key n of the prefix lies in
// shard n modulo their number. Its number is the least that is free and does. So every shard gets as many keys as any other, however few
// they are, and every worker gives them the same names.
type turns struct {
	slots  []history.ShardSlots
	prefix string // of every name

	mu    sync.Mutex
	dealt map[string]*dealt
}

// dealt are the numbers of a prefix that were looked at, by the shard that they lie in.
type dealt struct {
	next    int64
	numbers [][]int64
}

// newTurns is nil where there are no shards with slots.
func newTurns(slots []history.ShardSlots, prefix string) *turns {
	slots = slices.DeleteFunc(slices.Clone(slots), func(s history.ShardSlots) bool { return len(s.Ranges) == 0 })
	if len(slots) == 0 {
		return nil
	}
	return &turns{slots: slots, prefix: prefix, dealt: map[string]*dealt{}}
}

// number is the number of the n-th key of a prefix.
func (t *turns) number(prefix string, n int64, tagged bool) int64 {
	return t.of(prefix, n, func(m int64) string { return numbered(prefix, m, tagged) })
}

// of is the number in the n-th name of a series.
func (t *turns) of(series string, n int64, name func(m int64) string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	d, ok := t.dealt[series]
	if !ok {
		d = &dealt{numbers: make([][]int64, len(t.slots))}
		t.dealt[series] = d
	}
	shard, at := int(n)%len(t.slots), int(n)/len(t.slots)
	for len(d.numbers[shard]) <= at {
		if s := t.shardOf(name(d.next)); s >= 0 {
			d.numbers[s] = append(d.numbers[s], d.next)
		}
		d.next++
	}
	return d.numbers[shard][at]
}

// shardOf is the index of the shard that owns the slot of a key, named without the prefix, at the start, -1 for none.
func (t *turns) shardOf(key string) int {
	slot := history.SlotOf(t.prefix + key)
	for i, s := range t.slots {
		for _, r := range s.Ranges {
			if r.Has(slot) {
				return i
			}
		}
	}
	return -1
}

// shards is over how many shards the keys are spread; 1 without a Cluster.
func (r *Runner) shards() int {
	if r.keys.turns == nil {
		return 1
	}
	return len(r.keys.turns.slots)
}

// objects is how many objects of this kind there are, of those that Keys counts: in a Cluster each shard has one at least.
func (r *Runner) objects() int { return max(r.job.Spec.Keys, r.shards()) }

// txnTags are the hash tags of the transactions' keys, one in each shard; 0 stands for none.
func (r *Runner) txnTags() []int64 {
	t := r.keys.turns
	if t == nil {
		return []int64{0}
	}
	out := make([]int64, r.shards())
	for i := range out {
		out[i] = 1 + t.of("t", int64(i), func(m int64) string { return history.TxnGroup(m + 1) })
	}
	return out
}

// replicaKey is the register that a replica is to refuse to set. In a Cluster it lies in the replica's shard, whose writes it might take.
func (r *Runner) replicaKey(addr string) string {
	key := history.ReplicaKey(r.job.Servers[addr])
	t, shard := r.keys.turns, r.job.Shards[addr]
	if t == nil {
		return key
	}
	i := slices.IndexFunc(t.slots, func(s history.ShardSlots) bool { return s.Shard == shard })
	if i < 0 {
		return key // of no shard that has slots: it is to refuse any key
	}
	for n := int64(0); ; n++ {
		if name := key + ":" + strconv.FormatInt(n, 10); t.shardOf(name) == i {
			return name
		}
	}
}
