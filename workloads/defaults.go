package workloads

import (
	"errors"
	"fmt"
	"time"

	"github.com/schismtest/schism/clients"
)

// What a zero field of a Spec stands for.
const (
	defaultWriters = 8
	defaultReaders = 4
	defaultRate    = 2000
	defaultTimeout = time.Second
	defaultWaitAOF = 3 * time.Second
	defaultLease   = 500 * time.Millisecond
	defaultProbes  = 15
	defaultLookers = 4
)

// DefaultKeys is how many objects of a kind there are when the Spec does not say.
func DefaultKeys(k Kind) int {
	switch k {
	case Register, Expiry:
		return 100
	case Counter, CAS, Bank:
		return 10
	case Lock:
		return 4
	case Txn:
		return 8
	}
	return 1
}

// WithDefaults fills the zero fields in.
func (s Spec) WithDefaults() Spec {
	if s.Kind == "" {
		s.Kind = Register
	}
	// A workload may be told to have no readers by ReadFrom alone, but always needs somebody who writes.
	setDefault(&s.Writers, defaultWriters)
	setDefault(&s.Readers, defaultReaders)
	setDefault(&s.ReadFrom, Both)
	if s.ReadFrom == Nowhere && !s.consumes() {
		s.Readers = 0
	}
	setDefault(&s.Keys, DefaultKeys(s.Kind))
	if s.Kind == Register && !s.Shared || s.Kind == Expiry {
		s.Keys = max(s.Keys, s.Writers)
	}
	if s.Kind == Bank {
		s.Keys = max(s.Keys, 2)
	}
	if s.consumes() && s.ReadFrom != Nowhere {
		setDefault(&s.Lookers, defaultLookers)
	}
	setDefault(&s.Rate, defaultRate)
	setDefault(&s.ReplicaWrites, 1)
	setDefault(&s.Timeout, defaultTimeout)
	setDefault(&s.DialTimeout, defaultTimeout)
	if s.WaitAOF != (WaitAOF{}) {
		setDefault(&s.WaitTimeout, defaultWaitAOF)
	}
	setDefault(&s.WaitTimeout, defaultTimeout)
	setDefault(&s.Lease, defaultLease)
	if s.Kind == Register && (s.ReadFrom == Replicas || s.ReadFrom == Both) {
		setDefault(&s.Probes, defaultProbes)
	}
	return s
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// consumes tells whether the readers of this kind take elements off rather than read.
func (s Spec) consumes() bool { return s.Kind == Queue || s.Kind == Stream }

// pairs tells whether commands of this kind take several keys at once, which in a Cluster must lie in one slot.
func (s Spec) pairs() bool { return s.Kind == Queue || s.Kind == Lock }

// Validate names the first field that cannot be, and what to do.
func (s Spec) Validate() error {
	switch s.Kind {
	case "", Register, Set, Hash, SortedSet, List, Counter, CAS, Lock, Bank, Queue, Stream, Expiry, Txn:
	default:
		return fmt.Errorf("workload kind %q: use register, set, hash, zset, list, counter, cas, lock, bank, queue, stream, expiry or txn", s.Kind)
	}
	switch s.ReadFrom {
	case "", Master, Replicas, Both, Nowhere:
	default:
		return fmt.Errorf("workload read_from %q: use master, replicas, both or none", s.ReadFrom)
	}
	for _, f := range []struct {
		name string
		v    int64
	}{
		{"writers", int64(s.Writers)}, {"readers", int64(s.Readers)}, {"keys", int64(s.Keys)}, {"value_size", int64(s.ValueSize)},
		{"rate", int64(s.Rate)}, {"read_rate", int64(s.ReadRate)}, {"lookers", int64(s.Lookers)}, {"read_mostly", int64(s.ReadMostly)}, {"timeout", int64(s.Timeout)}, {"dial_timeout", int64(s.DialTimeout)}, {"wait", int64(s.Wait)},
		{"wait_aof.local", int64(s.WaitAOF.Local)}, {"wait_aof.replicas", int64(s.WaitAOF.Replicas)},
		{"wait_timeout", int64(s.WaitTimeout)}, {"lease", int64(s.Lease)},
	} {
		if f.v < 0 {
			return fmt.Errorf("workload %s is %d: it cannot be negative", f.name, f.v)
		}
	}
	if _, err := clients.ReloadInterval(s.ClusterReload); err != nil {
		return fmt.Errorf("workload cluster_reload: %w", err)
	}
	switch {
	case s.WaitAOF.Local > 1:
		return fmt.Errorf("workload wait_aof.local is %d: a server has one append-only file; use 0 or 1", s.WaitAOF.Local)
	case s.Wait > 0 && s.WaitAOF != (WaitAOF{}):
		return errors.New("workload wait and wait_aof are both set: a write is followed by one of them")
	case s.WaitTimeout%time.Millisecond != 0:
		return fmt.Errorf("workload wait_timeout is %s: servers count whole milliseconds", s.WaitTimeout)
	}
	if s.Zipf != 0 && s.Zipf <= 1 {
		return fmt.Errorf("workload zipf is %g: use an exponent above 1, or 0 for uniform keys", s.Zipf)
	}
	if s.Lease%time.Millisecond != 0 {
		return fmt.Errorf("workload lease is %s: servers count whole milliseconds", s.Lease)
	}
	return nil
}

// Share is one worker's part of the clients.
type Share struct{ Writers, Readers int }

// Shares divides the clients over so many workers: by WorkerShare, where a worker's part holds as many writers as fit the whole,
// rounded up; evenly without it. Every worker but the first may end up with none.
func (s Spec) Shares(workers int) []Share {
	s = s.WithDefaults()
	shares := make([]Share, workers)
	if workers == 0 {
		return shares
	}
	rest := Share{s.Writers, s.Readers}
	for i := workers - 1; i > 0; i-- {
		var w, r int
		if s.WorkerShare == nil {
			w, r = s.Writers/workers, s.Readers/workers
		} else if all := s.Writers + s.Readers; all > 0 {
			n := min(s.WorkerShare[fmt.Sprintf("w%d", i+1)], all)
			w = (n*s.Writers + all - 1) / all
			r = n - w
		}
		w, r = min(w, rest.Writers), min(r, rest.Readers)
		shares[i] = Share{w, r}
		rest.Writers -= w
		rest.Readers -= r
	}
	shares[0] = rest
	return shares
}

// options are what the job's clients have in common.
func (j *Job) options() clients.Options {
	s := &j.Spec
	return clients.Options{
		Cluster: j.Cluster, ReplicasOf: j.ReplicasOf, Reload: s.ClusterReload,
		Nodes: j.Servers, Sentinels: j.Sentinels, MasterName: j.MasterName,
		Access: j.Access, SentinelAccess: j.SentinelAccess,
		Timeout: s.Timeout, DialTimeout: s.DialTimeout, Wait: s.Wait, WaitAOF: s.WaitAOF, WaitTimeout: s.WaitTimeout,
		Version: j.Version, TTL: j.TTL, Dials: j.Dials, ValueSize: s.ValueSize, Lua: s.Lua, Fencing: s.Fencing,
	}
}
