package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

func TestBankLost(t *testing.T) {
	transfer := func(p int32, amount, from, to, call int64) history.Op {
		return history.Op{Process: p, F: history.FTransfer, Arg: amount, List: []int64{from, to}, Out: 1, In: none, Call: call, Return: call + 1}
	}
	unknown := func(o history.Op) history.Op { o.Outcome = history.Info; return o }
	for name, c := range map[string]struct {
		ops   []history.Op
		final []int64
		want  int64
	}{
		"all are there":               {[]history.Op{transfer(1, 5, 0, 1, 10), transfer(2, 2, 1, 2, 20)}, []int64{95, 103, 102}, 0},
		"one is missing":              {[]history.Op{transfer(1, 5, 0, 1, 10), transfer(2, 2, 1, 2, 20)}, []int64{100, 98, 102}, 1},
		"all are missing":             {[]history.Op{transfer(1, 5, 0, 1, 10), transfer(2, 5, 0, 2, 20)}, []int64{100, 100, 100}, 2},
		"unknown, happened":           {[]history.Op{unknown(transfer(1, 5, 0, 1, 10))}, []int64{95, 105, 100}, 0},
		"unknown, not happened":       {[]history.Op{unknown(transfer(1, 5, 0, 1, 10))}, []int64{100, 100, 100}, 0},
		"refused for lack of balance": {[]history.Op{func() history.Op { o := transfer(1, 5, 0, 1, 10); o.Out = 0; return o }()}, []int64{100, 100, 100}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			read := history.Op{F: history.FReadBank, In: none, Out: none, Call: 1, Return: 2, List: []int64{100, 100, 100}}
			h := atRest(hist(append([]history.Op{read}, c.ops...)...))
			h.Dumps = []history.Dump{{Key: "k0", Type: "hash", Digest: 1, Elems: c.final}}
			require.InDelta(t, float64(c.want), valueOf(judged(t, h), "lost").Lo, 0)
		})
	}
}

// The balances at the end are what the transfers on the ledger make, those without a reply too.
func TestBankAgainstItsLedger(t *testing.T) {
	moved := history.Op{Process: 1, F: history.FTransfer, In: 7, Arg: 5, Out: 1, Acked: -1, Node: history.NoNode, List: []int64{0, 1}, Call: 3, Return: 4}
	unknown := moved
	unknown.Outcome, unknown.Out, unknown.Return = history.Info, none, inf
	for name, c := range map[string]struct {
		transfer history.Op
		final    []int64
		ledger   []int64
		want     int64
	}{
		"moved":                          {moved, []int64{5, 15}, []int64{7}, 0},
		"moved without a reply":          {unknown, []int64{5, 15}, []int64{7}, 0},
		"on neither":                     {moved, []int64{10, 10}, nil, 0},
		"on the ledger only":             {moved, []int64{10, 10}, []int64{7}, 2},
		"on the ledger, another way":     {moved, []int64{15, 5}, []int64{7}, 2},
		"in the balances only":           {moved, []int64{5, 15}, nil, 2},
		"without a reply, in those only": {unknown, []int64{5, 15}, nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := tinyRun(map[string][]int64{"k0": c.final, history.LedgerKey("k0", 7): c.ledger}, read(3, history.FReadBank, 1, 2, 10, 10), c.transfer)
			require.Equal(t, c.want, countOf(judged(t, h), "fractured"), "one a node")
		})
	}
}
