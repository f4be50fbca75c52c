package workloads

import (
	"github.com/schismtest/schism/clients"
	"github.com/schismtest/schism/history"
)

const (
	// redeliverEvery is how often a consumer looks for elements that were delivered before and never acknowledged.
	redeliverEvery = 20
	// leaveEvery-th elements that a consumer takes stay in work until they are redelivered, so that there are always some.
	leaveEvery = 25
)

// queues: writers put unique elements on queues or streams, readers take them into work and acknowledge them.
func (r *Runner) queues() work {
	s := &r.job.Spec
	keys := r.numbered(queuePrefix(s.Kind), r.objects())
	return work{
		writer: func(sl *slot, n int) actor {
			return &producer{n: n, keys: keys, pick: newPicker(r.rng(sl.client), s.Zipf, len(keys))}
		},
		reader: func(_ *slot, n int, _ bool) actor { return newConsumer(keys, n, s.Readers) },
	}
}

// makeGroups makes the consumer group of every stream.
func (r *Runner) makeGroups() [][]any {
	cmds := make([][]any, r.objects())
	for i := range cmds {
		cmds[i] = []any{"xgroup", "create", r.keys.spell("x", int64(i)), clients.Group, "0", "mkstream"}
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

// planLookers makes the clients that read queues and streams without taking, together as often as elements are put in.
func (r *Runner) planLookers() {
	s := &r.job.Spec
	if !s.consumes() {
		return
	}
	prefix := queuePrefix(s.Kind)
	keys := r.numbered(prefix, r.objects())
	for n := range s.Lookers {
		at := r.job.readsFrom(n)
		sl := r.extra(at)
		sl.when = r.arrivals(sl, float64(s.Rate)/float64(s.Lookers), false)
		sl.act = &looker{r: r, flags: readFlags(at.replica, false), keys: keys, pick: newPicker(r.rng(sl.client), s.Zipf, len(keys)),
			whole: newWholeReads(s.Lookers)}
	}
}

func queuePrefix(k Kind) string {
	if k == Stream {
		return "x"
	}
	return "q"
}

// looker reads a queue or stream, whole where that is due, otherwise its tail.
type looker struct {
	r     *Runner
	flags history.Flag
	keys  []*key
	pick  picker
	whole wholeReads
	now   int64
}

func (l *looker) next(op *history.Op) *key {
	l.now = l.r.moment(op)
	op.F, op.In, op.Flags = history.FReadTail, tailLen, l.flags
	if l.whole.due(l.now) {
		op.F, op.In = history.FReadQueue, history.None
	}
	return l.keys[l.pick.pick()]
}

func (l *looker) done(op *history.Op) {
	if op.F == history.FReadQueue {
		l.whole.done(l.now, len(op.List))
	}
}

// newConsumer is consumer n of so many: of every so manieth queue, so that none is without one.
func newConsumer(keys []*key, n, consumers int) *consumer {
	if n >= len(keys) {
		return &consumer{keys: []*key{keys[n%len(keys)]}}
	}
	c := &consumer{}
	for i := n; i < len(keys); i += consumers {
		c.keys = append(c.keys, keys[i])
	}
	return c
}

// consumer takes one element into work, acknowledges it, and goes on, to its next queue where it has several. After a dequeue or acknowledgement that failed, and every
// now and then, it looks first for what was delivered before.
type consumer struct {
	keys  []*key
	at    int
	work  int64 // the element in work; None: none
	held  bool
	takes int
	fresh int // elements taken that were not redelivered
	again bool
}

func (c *consumer) next(op *history.Op) *key {
	if c.held {
		op.F, op.In = history.FAck, c.work
		return c.keys[c.at]
	}
	if !c.again {
		c.at = (c.at + 1) % len(c.keys)
	}
	c.takes++
	op.F = history.FDequeue
	if c.again || c.takes%redeliverEvery == 0 {
		op.Arg = 1
	}
	return c.keys[c.at]
}

func (c *consumer) done(op *history.Op) {
	c.again = op.Outcome != history.OK
	switch op.F {
	case history.FAck:
		c.held = false
	case history.FDequeue:
		if op.Outcome != history.OK || op.Out == history.Nil {
			return
		}
		if op.Arg != 1 {
			if c.fresh++; c.fresh%leaveEvery == 0 {
				return
			}
		}
		c.held, c.work = true, op.Out
	}
}
