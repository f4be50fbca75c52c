package workloads

import (
	"strconv"
)

// maxExtraClients keeps the client numbers of the workers' clients beside the load apart.
const maxExtraClients = 256

// place is where a client connects: an address, or "" for the master that the Sentinels name, or for the servers of a Cluster.
type place struct {
	addr    string
	replica bool
	nth     int // in a Cluster: which replica of a key's shard, from 1
}

// master is where writes go.
func (j *Job) master() string {
	if len(j.Sentinels) > 0 || len(j.Cluster) > 0 {
		return ""
	}
	return j.Master
}

// replicas are the places of reads from replicas: each replica, or in a Cluster the first, the second... of every shard.
func (j *Job) replicas() []place {
	var out []place
	if len(j.Cluster) == 0 {
		for _, addr := range j.Replicas {
			out = append(out, place{addr: addr, replica: true})
		}
		return out
	}
	most := 0
	for _, rs := range j.ReplicasOf {
		most = max(most, len(rs))
	}
	for i := range most {
		out = append(out, place{replica: true, nth: i + 1})
	}
	return out
}

// readsFrom is where reader n of all readers reads.
func (j *Job) readsFrom(n int) place {
	from := j.Spec.ReadFrom
	replicas := j.replicas()
	if len(replicas) == 0 || from == Master || from == Both && n%2 == 1 {
		return place{addr: j.master()}
	}
	if from == Both {
		n /= 2
	}
	return replicas[n%len(replicas)]
}

// plan makes the slots: one for each client of this worker, and those of the probes.
func (r *Runner) plan() {
	s := &r.job.Spec
	w := r.newWork()
	writes, reads := s.rates()
	for i := range r.job.Writers {
		n := r.job.FirstWriter + i
		sl := r.slot(int32(n), place{addr: r.job.master()})
		sl.when = r.arrivals(sl, writes, s.Closed)
		sl.act = w.writer(sl, n)
	}
	for i := range r.job.Readers {
		n := r.job.FirstReader + i
		at := r.job.readsFrom(n)
		if s.consumes() {
			at = place{addr: r.job.master()}
		}
		sl := r.slot(int32(s.Writers+n), at)
		sl.consumes = s.consumes()
		sl.when = r.arrivals(sl, reads, s.Closed || s.consumes() && s.ReadRate == 0)
		sl.act = w.reader(sl, n, at.replica)
	}
	if s.Probes > 0 && len(r.job.Replicas) > 0 {
		r.planProbes()
	}
	if s.ReadMostly > 0 {
		r.planReadMostly()
	}
	if r.job.WorkerIndex == 0 { // once for all workers
		r.planLookers()
		r.planReplicaWrites()
	}
}

// rates are the operations a second of one writer and of one reader in open loop.
func (s *Spec) rates() (writes, reads float64) {
	rate := float64(s.Rate)
	writers, readers := float64(s.Writers), float64(s.Readers)
	reads = rate * readers / (writers + readers)
	if s.collects() && readers > 0 {
		reads = max(reads, rate/4)
	}
	if s.ReadRate > 0 {
		reads = float64(s.ReadRate)
	}
	writes = max(rate-reads, 1)
	if s.consumes() {
		writes = rate
	}
	return writes / writers, reads / max(readers, 1)
}

// collects tells whether what is read whole holds many elements.
func (s *Spec) collects() bool {
	return s.Kind == Set || s.Kind == Hash || s.Kind == SortedSet || s.Kind == List
}

func (r *Runner) slot(client int32, at place) *slot {
	s := &slot{r: r, client: client, opt: r.job.options()}
	s.opt.Addr, s.opt.Nth = at.addr, at.nth
	if at.addr != "" {
		s.opt.Cluster = nil // it goes there alone
	}
	s.opt.Consumer = strconv.Itoa(int(client))
	s.opt.ClaimAfter = r.job.Spec.Timeout
	r.slots = append(r.slots, s)
	return s
}

// extra makes the slot of a client beside the load's writers and readers.
func (r *Runner) extra(at place) *slot {
	s := &r.job.Spec
	n := s.Writers + s.Readers + r.job.WorkerIndex*maxExtraClients + r.extras
	r.extras++
	return r.slot(int32(n), at)
}

// arrivals has a random source of its own, so that what is done does not depend on when.
func (r *Runner) arrivals(s *slot, perSecond float64, closed bool) arrivals {
	if closed {
		return closedLoop{}
	}
	return newOpenLoop(perSecond, r.rng(^s.client), r.clock)
}

// work makes the actors of one kind of workload.
type work struct {
	writer func(s *slot, n int) actor
	reader func(s *slot, n int, replica bool) actor
}

func (r *Runner) newWork() work {
	switch r.job.Spec.Kind {
	case Set, Hash, SortedSet, List:
		return r.collections()
	case Counter:
		return r.counters()
	case CAS:
		return r.compareAndSet()
	case Lock:
		return r.locks()
	case Bank:
		return r.bank()
	case Queue, Stream:
		return r.queues()
	case Expiry:
		return r.expiring()
	case Txn:
		return r.transactions()
	}
	return r.registers()
}

// prepares is the commands that make what the load needs; a second run of them changes nothing.
func (r *Runner) prepares() [][]any {
	switch r.job.Spec.Kind {
	case Bank:
		return r.openBanks()
	case Stream:
		return r.makeGroups()
	}
	return nil
}
