package history

import "math"

// Inf is the return time, in ns, of an operation whose reply never came.
const Inf int64 = math.MaxInt64

const (
	// Nil is the value of a key that does not exist (a nil reply).
	Nil int64 = math.MinInt64
	// None stands where an operation carries no value at all.
	None int64 = math.MinInt64 + 1
)

// NoNode is the node of an operation that reached none, or of an event that concerns the run itself.
const NoNode = -1

// Outcome says what the client knows of an operation (checkers.md, "Operations and outcomes").
type Outcome uint8

const (
	// OK: the server acknowledged it; it happened.
	OK Outcome = iota
	// Fail: provably not executed; it must never be visible.
	Fail
	// Info: it may or may not have happened, now or later.
	Info
)

// F is what an operation does. In, Arg, Out and List of an Op are read by it.
type F uint8

// The functions. "List" is Op.List; None and Nil may stand for any value.
const (
	// FWrite sets register Key to In. With FlagPred, Out is the value that it replaced (SET..GET, GETSET), Nil for none.
	FWrite F = iota + 1
	// FRead reads register Key into Out.
	FRead
	// FCAS sets register Key from In to Arg; Out is 1 when it did, 0 when the register held something else.
	FCAS
	// FDel deletes Key; Out is the number of keys deleted (0 or 1).
	FDel
	// FAdd adds element In to set-like Key (a set, a hash's field, a sorted set's member); Out is 1, or 0 when it was there already.
	FAdd
	// FReadSet reads set-like Key whole into List, ascending. An element that something else stands beside than what was added (see
	// FContains) is read as -1.
	FReadSet
	// FAppend appends In to list Key; Out is the list's new length.
	FAppend
	// FReadList reads list Key whole into List.
	FReadList
	// FIncr adds In to counter Key; Out is the new value, or None for a blind increment.
	FIncr
	// FReadCounter reads counter Key into Out.
	FReadCounter
	// FAcquire takes lock Key as holder In with the lease Arg in ns; Out is the fencing token, None when there are none, or Nil
	// when somebody else held it.
	FAcquire
	// FRelease gives lock Key back as holder In; Out is 1 when it still was the holder.
	FRelease
	// FFenced writes to the resource behind lock Key with fencing token In; Out is 1 when the resource took it.
	FFenced
	// FTransfer moves Arg from account List[0] to account List[1] of bank Key; Out is 1, or 0 when the balance was too low. In is the
	// transfer's id, unique in the run, which the same transaction or script puts on the list LedgerKey(key, In) when it moves
	// something; None: there is no ledger.
	FTransfer
	// FReadBank reads all balances of bank Key into List (List[i] is account i).
	FReadBank
	// FEnqueue puts In on queue or stream Key; Out is its position where the server tells one (LPUSH length), else None.
	FEnqueue
	// FDequeue takes Out off queue or stream Key, Nil when it was empty; Arg is 1 for a redelivery.
	FDequeue
	// FAck acknowledges element In of queue or stream Key for good (LREM, XACK); Out is 1, or 0 when it was no longer in work.
	FAck
	// FExpiring sets Key to In with a time to live of Arg ns. With FlagPred, Out is the value that it replaced, Nil for none. With
	// FlagLedger, the same transaction puts In on the list LedgerKey(key, In), which does not expire.
	FExpiring
	// FReadExpiring reads such a key into Out.
	FReadExpiring
	// FTxn is a transaction; List holds its micro-operations (Mops, EncodeMops).
	FTxn
	// FRemove takes element In out of set-like Key (SREM, HDEL, ZREM); Out is 1, or 0 when it was not there. No element is the In of
	// more than one FRemove of a run, whatever became of it, nor is it added again.
	FRemove
	// FContains asks whether set-like Key holds element In (SISMEMBER, HGET, ZSCORE); Out is 1 or 0. Where something else than
	// what was added stands beside the element (another value of the field, another score), Out is -1.
	FContains
	// FReadTail reads, at one moment (MULTI), the length of list, queue or stream Key into Out, and its newest elements, at most In of
	// them, into List, oldest first. Arg is the index, from 0, of the first of them: Out less their number. Elements leave a queue
	// at index 0; a list or stream only grows.
	FReadTail
	// FReadQueue reads queue or stream Key whole into List, oldest first, and takes nothing: of a queue what nobody has taken yet, of
	// a stream everything.
	FReadQueue
	// FReadLock reads who holds lock Key into Out, Nil when nobody does.
	FReadLock
)

// Flag qualifies an operation.
type Flag uint8

const (
	// FlagPred: Out of an FWrite is the value that it replaced.
	FlagPred Flag = 1 << iota
	// FlagReplicaRead: the client meant to read from a replica.
	FlagReplicaRead
	// FlagVersion: the values of this key are versions, written 1, 2, 3... by one writer.
	FlagVersion
	// FlagProbe: a visibility probe on a schedule, apart from the load.
	FlagProbe
	// FlagLedger: the FExpiring went together with an entry in the key's ledger.
	FlagLedger
	// FlagReplicaWrite: an FWrite to a server that was a replica when the run began, at a key of its own (ReplicaKey), which it is
	// expected to refuse. It is no part of the load: it counts in no figure of loss, gaps, recovery or refusals.
	FlagReplicaWrite
	// FlagAOF: the write was followed by WAITAOF instead of WAIT, so Acked counts the replicas that had fsynced it.
	FlagAOF
	// FlagLocal: WAITAOF counted the server itself too.
	FlagLocal
)

// Op is one operation. Call and Return are ns on the run's monotonic clock, stamped by the worker right around the client call.
type Op struct {
	Process int32 // a sequential thread of control; retired after an Info, so it is also the session
	Client  int32 // the worker's slot that ran the process: clients outlive their processes
	Worker  int32 // index into Run.Nodes of the worker; NoNode in an imported history
	F       F
	Outcome Outcome
	Err     ErrCode // why it is not OK; ErrNone otherwise
	Flags   Flag
	Node    int32  // index into Run.Nodes of the server whose address the connection was dialled to, or NoNode
	Key     uint32 // index into History.Keys; in a Batch, into Batch.Keys
	In      int64
	Arg     int64 // None unless F uses it
	Out     int64 // None unless OK and F yields one
	// Acked is what WAIT answered, sent on the same connection right after the write's own reply: how many replicas had acknowledged
	// the write, 0 also when no answer came; -1 when WAIT was not asked for. Return is that of WAIT then. With FlagAOF it was WAITAOF.
	Acked int32
	// Redirects is how many MOVED and ASK replies of a Cluster were followed before Node answered; each says that nothing had been executed.
	Redirects uint8
	// Intended is when an open-loop schedule wanted it, ns; equal to Call in a closed loop.
	Intended     int64
	Call, Return int64
	List         []int64
}

// IsWrite reports whether the function changes data. Whether an operation of it is a write of the load is Op.IsWrite.
func (f F) IsWrite() bool {
	switch f {
	case FRead, FReadSet, FReadList, FReadCounter, FReadBank, FReadExpiring, FContains, FReadTail, FReadQueue, FReadLock:
		return false
	}
	return true
}

// IsWrite reports whether the operation is a write of the load: it may change data, so it is no transaction that only reads, and no write
// that a replica is to refuse (FlagReplicaWrite).
func (o *Op) IsWrite() bool { return isWrite(o.F, o.Flags, o.List) }

// IsWrite is Op.IsWrite of operation i.
func (c *Columns) IsWrite(i int) bool {
	if f := c.F[i]; f != FTxn {
		return isWrite(f, c.Flags[i], nil)
	}
	return isWrite(FTxn, c.Flags[i], c.List(i))
}

func isWrite(f F, flags Flag, list []int64) bool {
	if !f.IsWrite() || flags&FlagReplicaWrite != 0 {
		return false
	}
	if f != FTxn {
		return true
	}
	for len(list) >= 4 { // see EncodeMops
		if F(list[0]).IsWrite() {
			return true
		}
		read := list[3]
		list = list[4:]
		if read > int64(len(list)) {
			return false // damaged
		}
		list = list[max(read, 0):]
	}
	return false
}

// Mop is one micro-operation of a transaction.
type Mop struct {
	F    F // FAppend, FReadList, FWrite or FRead
	Key  int64
	In   int64   // FAppend, FWrite: the value; FRead: the value read, Nil when absent
	List []int64 // FReadList: the list read; nil when the outcome is not OK
}

// EncodeMops packs micro-operations into the List of an FTxn.
func EncodeMops(ms []Mop) []int64 {
	var out []int64
	for _, m := range ms {
		n := int64(len(m.List))
		if m.List == nil {
			n = -1
		}
		out = append(out, int64(m.F), m.Key, m.In, n)
		out = append(out, m.List...)
	}
	return out
}

// DecodeMops unpacks EncodeMops; ok is false for a list that is none. Lists share memory with list.
func DecodeMops(list []int64) (ms []Mop, ok bool) {
	for len(list) > 0 {
		if len(list) < 4 || list[3] > int64(len(list)-4) {
			return nil, false
		}
		m := Mop{F: F(list[0]), Key: list[1], In: list[2]}
		n := list[3]
		list = list[4:]
		if n >= 0 {
			m.List = list[:n:n]
			list = list[n:]
		}
		ms = append(ms, m)
	}
	return ms, true
}
