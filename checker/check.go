package checker

import (
	"encoding/json"
	"fmt"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// Options qualify a check.
type Options struct {
	// Progress, if set, is told what is being done.
	Progress func(what string)
}

// Check judges a history of our own: all measures, the promises of its run.json, and the verdict.
func Check(h *history.History, o Options) (*result.Analysis, error) {
	var promises, shows []result.Promise
	for _, p := range []struct {
		raw json.RawMessage
		to  *[]result.Promise
	}{{h.Run.Promises, &promises}, {h.Run.Shows, &shows}} {
		if len(p.raw) == 0 {
			continue
		}
		if err := json.Unmarshal(p.raw, p.to); err != nil {
			return nil, fmt.Errorf("read promises of run.json: %w", err)
		}
	}
	say := o.Progress
	if say == nil {
		say = func(string) {}
	}
	a := &result.Analysis{Fate: make([]result.Fate, h.Ops.Len())}
	a.Result = result.Result{Schema: result.ResultSchema, Counts: count(h), Faults: h.Faults}
	x := newExtra(h, a, ModelOptions{})
	c := &check{h: h, x: x, s: x.s, fin: x.fin, a: a, maskedWhy: map[string]int64{}, ledgers: map[string]map[int64]bool{}, tallies: map[int]*tallied{}, byKeys: map[int]shardAvailability{}, differing: map[int]int64{}, clients: &clientCalls{ops: &h.Ops}}
	c.harness = c.takeover()
	say("what became of every write")
	c.fates()
	c.attribute()
	say("availability")
	c.slotsServed()
	c.masters()
	c.availability()
	c.convergence()
	say("staleness")
	x.measureStaleness()
	x.measureVisibility()
	say("objects, sessions, transactions")
	x.ended()
	x.judgeAll()
	x.replicaWrites()
	x.waits()
	x.waitAOFs()
	x.cutShort()
	c.disturbed = c.newDisturbances()
	c.control()
	registerK(a)
	x.finish()
	c.failovers()
	c.lossWitnesses()
	c.causes()
	c.shards()
	c.measures()
	c.a.Result.Disturbance = c.disturbed.figures()
	c.promises(promises, shows)
	c.fair()
	c.verdict()
	return c.a, nil
}

// check is one pass over one history.
type check struct {
	h     *history.History
	x     *extra
	s     *states
	fin   *contents
	a     *result.Analysis
	paths *pathMemory // of a part of the registers' fates
	// maskedWhy counts the reasons why fates cannot be told.
	maskedWhy map[string]int64
	open      map[int]bool              // writes without a reply that may have been overwritten
	ledgers   map[string]map[int64]bool // ids by ledger list
	clients   *clientCalls
	disturbed *disturbances
	sums      []keySum // by key, until they are added up
	harness   *result.Takeover
	// Of a Cluster, by shard where they are maps.
	serving   *service // nil without views
	tallies   map[int]*tallied
	byKeys    map[int]shardAvailability
	strangers map[int]int64 // keys of its slots on nodes of others
	differing map[int]int64 // keys that its nodes hold differently
	moving    *moveLoss     // nil where nothing was lost
}

func count(h *history.History) result.Counts {
	c := result.Counts{Ops: int64(h.Ops.Len()), Errors: map[string]int64{}, Keys: int64(len(h.Keys))}
	for i := range h.Ops.Len() {
		if h.Ops.Flags[i]&history.FlagReplicaWrite != 0 {
			c.Ops--
			continue // no part of the load
		}
		if h.Ops.IsWrite(i) {
			c.Writes++
		} else {
			c.Reads++
		}
		switch h.Ops.Outcome[i] {
		case history.OK:
			c.OK++
		case history.Fail:
			c.Fail++
		case history.Info:
			c.Info++
		}
		if e := h.Ops.Err[i]; e != history.ErrNone {
			c.Errors[e.String()]++
		}
	}
	return c
}

// keyName is the name of an operation's key.
func (c *check) keyName(i int) string { return c.x.keyName(c.h.Ops.Key[i]) }

// node is a node's name.
func (c *check) node(n int32) string { return c.x.node(n) }
