package workloads

import (
	"math/rand/v2"
	"strconv"
	"sync"
)

// key is an object on the servers.
type key struct {
	id   uint32 // in the runner's keyTable
	name string
}

// keyTable numbers the keys of a runner.
type keyTable struct {
	tagged bool   // numbers are hash tags
	prefix string // of every name
	turns  *turns

	mu   sync.Mutex
	ids  map[string]*key
	list []*key

	// Of the goroutine that makes batches: the place of each key in the batch under way, plus one.
	place []uint32
}

// get is the key prefix:n. Where others belong to it, their slot is that of the number alone in a Cluster: prefix:{n}.
func (t *keyTable) get(prefix string, n int64) *key { return t.named(t.spell(prefix, n)) }

// spell is the name of the n-th key, from 0, of a prefix.
func (t *keyTable) spell(prefix string, n int64) string {
	if t.turns != nil {
		n = t.turns.number(prefix, n, t.tagged)
	}
	return numbered(prefix, n, t.tagged)
}

func numbered(prefix string, n int64, tagged bool) string {
	number := strconv.FormatInt(n, 10)
	if tagged {
		number = "{" + number + "}"
	}
	return prefix + ":" + number
}

func (t *keyTable) named(name string) *key {
	name = t.prefix + name
	t.mu.Lock()
	defer t.mu.Unlock()
	if k, ok := t.ids[name]; ok {
		return k
	}
	if t.ids == nil {
		t.ids = map[string]*key{}
	}
	k := &key{id: uint32(len(t.list)), name: name}
	t.ids[name] = k
	t.list = append(t.list, k)
	return k
}

// names are those of all keys.
func (t *keyTable) names() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]string, len(t.list))
	for i, k := range t.list {
		out[i] = k.name
	}
	return out
}

func (t *keyTable) name(id uint32) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.list[id].name
}

// batch starts numbering the keys of a batch.
func (t *keyTable) batch() *keyIndex {
	clear(t.place)
	return &keyIndex{t: t}
}

// keyIndex numbers the keys of one batch in the order in which they are met.
type keyIndex struct {
	t     *keyTable
	names []string
}

func (x *keyIndex) of(id uint32) uint32 {
	for uint32(len(x.t.place)) <= id {
		x.t.place = append(x.t.place, 0)
	}
	if x.t.place[id] == 0 {
		x.names = append(x.names, x.t.name(id))
		x.t.place[id] = uint32(len(x.names))
	}
	return x.t.place[id] - 1
}

// picker picks numbers below n, uniformly or with a Zipf distribution.
type picker struct {
	n    int
	rng  *rand.Rand
	zipf *rand.Zipf
}

func newPicker(rng *rand.Rand, zipf float64, n int) picker {
	p := picker{n: n, rng: rng}
	if zipf > 1 {
		p.zipf = rand.NewZipf(rng, zipf, 1, uint64(n-1))
	}
	return p
}

func (p *picker) pick() int {
	if p.zipf != nil {
		return int(p.zipf.Uint64())
	}
	return p.rng.IntN(p.n)
}
