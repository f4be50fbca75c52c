package wire

import (
	"encoding/json"
	"time"
)

// clockOffset relates the harness's clock to the agent's. Where both run under one kernel it is the same clock; with an engine in a
// virtual machine it is not, so it is learned from the stamps of every call, the best of which is kept.
type clockOffset struct {
	known  bool
	start  time.Time // of the harness
	offset int64     // agent's ns = ns since start + offset
	err    int64     // bound of its error, ns
}

// learn takes in a call that was sent and answered at these moments of the harness.
func (o *clockOffset) learn(sent, recv time.Time, t0, t1 int64) {
	if t0 == 0 || t1 == 0 {
		return
	}
	if !o.known {
		o.start = sent
	}
	s, r := sent.Sub(o.start).Nanoseconds(), recv.Sub(o.start).Nanoseconds()
	// The agent's t0 came after sent and its t1 before recv, so t1-r <= offset <= t0-s.
	lo, hi := t1-r, t0-s
	if e := (hi - lo) / 2; !o.known || e < o.err {
		o.offset, o.err = lo+(hi-lo)/2, e
	}
	o.known = true
}

// stamps rebases a response's times on the run's clock and learns from them. A hello sets the base.
func (c *Conn) stamps(op Op, sent time.Time, r reply) Stamps {
	c.mu.Lock()
	defer c.mu.Unlock()
	if op == OpHello && r.Err == "" {
		var h Hello
		if json.Unmarshal(r.Out, &h) == nil {
			c.base = h.Base
		}
	}
	c.clock.learn(sent, r.at, r.T0, r.T1)
	return Stamps{T0: r.T0 - c.base, T1: r.T1 - c.base}
}

// Now is the present moment on the run's clock, ns, as far as the calls so far tell: within the second value, ns. Before the first
// hello it is 0.
func (c *Conn) Now() (now, within int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.clock.known || c.base == 0 {
		return 0, 0
	}
	return time.Since(c.clock.start).Nanoseconds() + c.clock.offset - c.base, c.clock.err
}
