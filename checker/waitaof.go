package checker

import (
	"encoding/json"
	"fmt"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// asked is what every write was to wait for, as run.json has it; zero where it does not say.
type asked struct {
	Wait    int   `json:"wait"`
	Timeout int64 `json:"wait_timeout"` // ns
	AOF     struct {
		Local    int `json:"local"`
		Replicas int `json:"replicas"`
	} `json:"wait_aof"`
}

func askedOf(h *history.History) (a asked) {
	if json.Unmarshal(h.Run.Workload, &a) != nil {
		return asked{}
	}
	return a
}

// known tells whether anything was asked for.
func (a asked) known() bool { return a.Wait+a.AOF.Local+a.AOF.Replicas > 0 }

// short tells whether the reply to WAIT, or WAITAOF, counted fewer than asked for; one that never came counted nobody.
func (a asked) short(c *history.Columns, i int) bool {
	n, local := int(c.Acked[i]), c.Flags[i]&history.FlagLocal != 0
	if c.Flags[i]&history.FlagAOF != 0 {
		return n < a.AOF.Replicas || a.AOF.Local > 0 && !local
	}
	return n < a.Wait
}

// String is the command, without its time.
func (a asked) String() string {
	if a.Wait > 0 {
		return fmt.Sprintf("WAIT %d", a.Wait)
	}
	return fmt.Sprintf("WAITAOF %d %d", a.AOF.Local, a.AOF.Replicas)
}

// waitAOFs judges the replies of WAITAOF: what they counted had fsynced the write when they came ("when WAITAOF returns, all the previous
// write commands are guaranteed to be fsynced to the AOF of at least the number of masters and replicas returned").
//
// With appendfsync everysec a thread of its own fsyncs, once a second. A server surely had not fsynced a write when, from a look before its
// call to one after WAITAOF's reply, none of its other threads had run and it had begun no child, and they ran only later. Nothing is said
// of a server that fsyncs in another way, or whose threads could not be looked at.
func (x *extra) waitAOFs() {
	c := &x.h.Ops
	if c.Acked == nil {
		return
	}
	early := note{class: "waitaof_early"}
	for i, flags := range c.Flags {
		if flags&history.FlagAOF == 0 || c.Outcome[i] != history.OK || !c.F[i].IsWrite() || changedNothing(c, i) || c.Node[i] < 0 {
			continue
		}
		node, call, ret := int32(c.Node[i]), c.Call[i], c.Return[i]
		if flags&history.FlagLocal != 0 {
			next, not, told := x.unsynced(node, call, ret)
			if told {
				x.looks("waitaof_early")
			}
			if not {
				early.count(fmt.Sprintf("WAITAOF said at %s that %s had fsynced a write called at %s; the thread that does it had not run since, and ran only at %s or later",
					seconds(ret), x.node(node), seconds(call), seconds(next)), i)
				continue
			}
		}
		if n := int(c.Acked[i]); n > 0 {
			if may, told := x.maySync(node, call, ret); n > may {
				x.looks("waitaof_early")
				early.count(fmt.Sprintf("WAITAOF said at %s that %d %s had fsynced a write called at %s on %s; at most %d can have", seconds(ret), n,
					plural(int64(n), "replica", "replicas"), seconds(call), x.node(node), may), i)
			} else if told {
				x.looks("waitaof_early")
			}
		}
	}
	x.notes([]note{early})
}

// unsynced tells whether a server surely did not fsync its append-only file between two moments, and at or after which look its other
// threads ran again.
func (x *extra) unsynced(node int32, call, ret int64) (next int64, not, told bool) {
	run := &x.h.Run.Nodes[node]
	before, after := x.s.at(node, call), x.s.after(node, ret)
	if before == nil || after == nil || before.RunID != after.RunID || before.Fsyncs <= 0 || after.Fsyncs <= 0 ||
		run.Setting("appendonly") != "yes" || run.Setting("appendfsync") != "everysec" {
		return 0, false, false
	}
	if before.Fsyncs != after.Fsyncs {
		return 0, false, true
	}
	last := after
	for m := x.s.after(node, after.Call+1); m != nil && m.RunID == after.RunID; m = x.s.after(node, m.Call+1) {
		if m.Fsyncs > after.Fsyncs {
			return last.Call, true, true
		}
		last = m
	}
	return 0, false, false // they were never seen to run again: it may fsync in another way
}

// maySync is how many replicas may have fsynced a write when WAITAOF returned; told is false where that was looked at on none of them.
func (x *extra) maySync(master int32, call, ret int64) (may int, told bool) {
	for _, r := range x.s.with(master).servers {
		if r == master {
			continue
		}
		_, not, looked := x.unsynced(r, call, ret)
		told = told || looked
		if !not && !x.surelyLacks(master, r, call, ret) && x.h.Run.Nodes[r].Setting("appendonly") != "no" {
			may++
		}
	}
	return may, told
}

// cutShort counts the replies of WAIT and WAITAOF that came before half of their time was over and with fewer than asked for. Only replies
// that counted somebody are looked at: another may be an error, which ends it too. So may a demotion, and the machine's sleep.
func (x *extra) cutShort() {
	c, a := &x.h.Ops, askedOf(x.h)
	if c.Acked == nil || !a.known() || a.Timeout <= 0 {
		return
	}
	n := note{class: "wait_cut_short"}
	for i, acked := range c.Acked {
		if acked < 0 || c.Outcome[i] != history.OK || acked == 0 && c.Flags[i]&history.FlagLocal == 0 || c.Node[i] < 0 {
			continue
		}
		node := int32(c.Node[i])
		before, after := x.s.at(node, c.Call[i]), x.s.after(node, c.Return[i])
		if before == nil || after == nil || before.RunID != after.RunID || before.Role != history.RoleMaster || after.Role != history.RoleMaster {
			continue
		}
		x.looks("wait_cut_short")
		if a.short(c, i) && c.Return[i]-c.Call[i] < a.Timeout/2 && !x.slept(c.Call[i], c.Return[i]) {
			n.count(fmt.Sprintf("%s answered %s with %s after %s of %s", x.node(node), a, reply(c, i), words.Span(c.Return[i]-c.Call[i]), words.Span(a.Timeout)), i)
		}
	}
	x.notes([]note{n})
}

// reply is what WAIT or WAITAOF answered.
func reply(c *history.Columns, i int) string {
	if c.Flags[i]&history.FlagAOF == 0 {
		return fmt.Sprint(c.Acked[i])
	}
	local := 0
	if c.Flags[i]&history.FlagLocal != 0 {
		local = 1
	}
	return fmt.Sprintf("%d %d", local, c.Acked[i])
}

// slept tells whether the machine was suspended about then: the servers' clocks went on meanwhile, the run's did not.
func (x *extra) slept(from, to int64) bool {
	for i := range x.h.Events {
		e := &x.h.Events[i]
		if e.Kind == history.EvStall && e.Name == history.StallSuspended && e.T >= from-int64(1e9) && e.T <= to+int64(1e9) {
			return true
		}
	}
	return false
}

// waitShort is the share of WAITs, or WAITAOFs, of the load that counted fewer than asked for.
func (c *check) waitShort() result.Value {
	ops, a := &c.h.Ops, askedOf(c.h)
	if ops.Acked == nil || !a.known() {
		return result.Value{Lo: 0, Hi: 1, Why: "nothing was waited for"}
	}
	w := &result.Waited{Command: a.String()}
	for i, n := range ops.Acked {
		if n < 0 || ops.Outcome[i] != history.OK || !ops.IsWrite(i) {
			continue
		}
		if w.Waits++; a.short(ops, i) {
			w.Short++
		}
	}
	if w.Waits == 0 {
		return result.Value{Lo: 0, Hi: 1, Why: "nothing was waited for"}
	}
	c.a.Result.Causes.Waited = w
	if c.h.Cut > 0 || c.h.Run.Incomplete != "" || c.h.Torn != "" {
		return result.Value{Lo: 0, Hi: 1, Why: "the load was not seen to its end"}
	}
	return result.Exactly(float64(w.Short) / float64(w.Waits))
}
