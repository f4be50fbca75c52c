package checker

import (
	"slices"
	"sync"

	"github.com/schismtest/schism/history"
)

// clientCalls are the calls of each client's operations, in order; they are collected when first asked for.
type clientCalls struct {
	ops  *history.Columns
	once sync.Once
	by   map[clientSlot][]int64
}

type clientSlot struct {
	worker int8
	client int32
}

// after is when the client that ran an operation called the next one, Inf if it never did.
func (c *clientCalls) after(i int) int64 {
	c.once.Do(func() {
		c.by = map[clientSlot][]int64{}
		for j := range c.ops.Len() {
			k := clientSlot{c.ops.Worker[j], c.ops.Client[j]}
			c.by[k] = append(c.by[k], c.ops.Call[j])
		}
		for _, calls := range c.by {
			slices.Sort(calls)
		}
	})
	calls := c.by[clientSlot{c.ops.Worker[i], c.ops.Client[i]}]
	at, _ := slices.BinarySearch(calls, c.ops.Call[i]+1)
	if at == len(calls) {
		return history.Inf
	}
	return calls[at]
}
