package workloads

import (
	"fmt"

	"github.com/schismtest/schism/clients"
	"github.com/schismtest/schism/history"
)

// redeliverEvery is how often a consumer looks for elements that were delivered before and never acknowledged.
const redeliverEvery = 20

// queues: writers put unique elements on queues or streams, readers take them into work and acknowledge them.
func (r *Runner) queues() work {
	s := &r.job.Spec
	prefix := "q"
	if s.Kind == Stream {
		prefix = "x"
	}
	keys := r.numbered(prefix, s.Keys)
	return work{
		writer: func(sl *slot, n int) actor {
			return &producer{n: n, keys: keys, pick: newPicker(r.rng(sl.client), s.Zipf, len(keys))}
		},
		reader: func(_ *slot, n int, _ bool) actor { return &consumer{key: keys[n%len(keys)]} },
	}
}

// makeGroups makes the consumer group of every stream.
func (s *Spec) makeGroups() [][]any {
	cmds := make([][]any, s.Keys)
	for i := range cmds {
		cmds[i] = []any{"xgroup", "create", fmt.Sprintf("x:%d", i), clients.Group, "0", "mkstream"}
	}
	return cmds
}

type producer struct {
	n    int
	keys []*key
	pick picker
	seq  int64
}

func (p *producer) next(op *history.Op) *key {
	p.seq++
	op.F, op.In = history.FEnqueue, unique(p.n, p.seq)
	return p.keys[p.pick.pick()]
}

func (p *producer) done(*history.Op) {}

// consumer takes one element into work, acknowledges it, and goes on. After a dequeue or acknowledgement that failed, and every
// now and then, it looks first for what was delivered before.
type consumer struct {
	key   *key
	work  int64 // the element in work; None: none
	held  bool
	takes int
	again bool
}

func (c *consumer) next(op *history.Op) *key {
	if c.held {
		op.F, op.In = history.FAck, c.work
		return c.key
	}
	c.takes++
	op.F = history.FDequeue
	if c.again || c.takes%redeliverEvery == 0 {
		op.Arg = 1
	}
	return c.key
}

func (c *consumer) done(op *history.Op) {
	c.again = op.Outcome != history.OK
	switch op.F {
	case history.FAck:
		c.held = false
	case history.FDequeue:
		if op.Outcome == history.OK && op.Out != history.Nil {
			c.held, c.work = true, op.Out
		}
	}
}
