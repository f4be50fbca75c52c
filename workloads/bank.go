package workloads

import (
	"math/rand/v2"

	"github.com/schismtest/schism/history"
)

// OpeningBalance is what every account of the bank holds at first.
const OpeningBalance = 100

// maxTransfer is the largest amount of one transfer.
const maxTransfer = 5

// bank: writers move money between the accounts of a bank, readers read all its balances at once. In a Cluster each shard has a bank.
func (r *Runner) bank() work {
	banks := r.numbered("b", r.shards())
	return work{
		writer: func(sl *slot, n int) actor {
			return &teller{n: n, banks: banks, accounts: r.job.Spec.Keys, rng: r.rng(sl.client)}
		},
		reader: func(sl *slot, _ int, replica bool) actor {
			return newReader(r, sl, history.FReadBank, banks, readFlags(replica, false))
		},
	}
}

// openBanks makes the accounts, where there is no such bank yet.
func (r *Runner) openBanks() [][]any {
	var cmds [][]any
	for b := range r.shards() {
		for i := range r.job.Spec.Keys {
			cmds = append(cmds, []any{"hsetnx", r.keys.spell("b", int64(b)), i, OpeningBalance})
		}
	}
	return cmds
}

type teller struct {
	n        int
	seq      int64
	banks    []*key
	accounts int
	rng      *rand.Rand
}

func (w *teller) next(op *history.Op) *key {
	from := w.rng.IntN(w.accounts)
	to := (from + 1 + w.rng.IntN(w.accounts-1)) % w.accounts
	w.seq++
	op.F, op.In = history.FTransfer, unique(w.n, w.seq)
	op.Arg, op.List = 1+w.rng.Int64N(maxTransfer), []int64{int64(from), int64(to)}
	return w.banks[w.seq%int64(len(w.banks))]
}

func (w *teller) done(*history.Op) {}
