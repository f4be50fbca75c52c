package workloads

import (
	"math/rand/v2"

	"github.com/schismtest/schism/history"
)

// OpeningBalance is what every account of the bank holds at first.
const OpeningBalance = 100

// maxTransfer is the largest amount of one transfer.
const maxTransfer = 5

// bank: writers move money between the accounts of one bank, readers read all balances at once.
func (r *Runner) bank() work {
	k := r.keys.get("b", 0)
	return work{
		writer: func(sl *slot, n int) actor {
			return &teller{n: n, key: k, accounts: r.job.Spec.Keys, rng: r.rng(sl.client)}
		},
		reader: func(sl *slot, _ int, replica bool) actor {
			return newReader(r, sl, history.FReadBank, []*key{k}, readFlags(replica, false))
		},
	}
}

// openBank makes the accounts, where there is no such bank yet.
func (s *Spec) openBank() [][]any {
	cmds := make([][]any, s.Keys)
	for i := range cmds {
		cmds[i] = []any{"hsetnx", "b:0", i, OpeningBalance}
	}
	return cmds
}

type teller struct {
	n        int
	seq      int64
	key      *key
	accounts int
	rng      *rand.Rand
}

func (w *teller) next(op *history.Op) *key {
	from := w.rng.IntN(w.accounts)
	to := (from + 1 + w.rng.IntN(w.accounts-1)) % w.accounts
	w.seq++
	op.F, op.In = history.FTransfer, unique(w.n, w.seq)
	op.Arg, op.List = 1+w.rng.Int64N(maxTransfer), []int64{int64(from), int64(to)}
	return w.key
}

func (w *teller) done(*history.Op) {}
