package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

func TestBanks(t *testing.T) {
	move := func(amount, done, call, ret int64) history.Op {
		o := withArg(op(1, history.FTransfer, none, done, call, ret), amount)
		o.List = []int64{0, 1}
		return o
	}
	look := func(call, ret int64, balances ...int64) history.Op {
		return read(9, history.FReadBank, call, ret, balances...)
	}
	for _, c := range []struct {
		name string
		ops  []history.Op
		want map[string]int64
	}{
		{"holds", []history.Op{look(0, 1, 10, 10), move(3, 1, 2, 3), look(4, 5, 7, 13)}, map[string]int64{}},
		{"torn", []history.Op{look(0, 1, 10, 10), move(3, 1, 2, 3), look(4, 5, 7, 10)}, map[string]int64{"fractured": 1}},
		{"torn on a replica", []history.Op{look(0, 1, 10, 10), fromReplica(look(4, 5, 10, 13))}, map[string]int64{"fractured": 1}},
		{"a stale replica is whole", []history.Op{look(4, 5, 7, 13), fromReplica(look(6, 7, 10, 10))}, map[string]int64{}},
		{"not there yet", []history.Op{fromReplica(look(0, 1, null, null)), look(4, 5, 7, 13)}, map[string]int64{}},
		{"partly there yet", []history.Op{fromReplica(onNode(look(0, 1, 10, null), 1)), onNode(look(4, 5, 7, 13), 0)}, map[string]int64{}},
		{"an account is missing", []history.Op{look(0, 1, 10, 10), look(4, 5, null, 13)}, map[string]int64{"fractured": 1}},
		{"below nothing", []history.Op{look(0, 1, 10, 10), move(13, 1, 2, 3), look(4, 5, -3, 23)}, map[string]int64{"negative_balance": 1}},
		{"below nothing although transfers are refused", []history.Op{look(0, 1, 10, 10), move(90, 0, 2, 3), look(4, 5, -3, 23)}, map[string]int64{"negative_balance": 1}},
		{"gone as a whole", []history.Op{look(0, 1, 10, 10), look(4, 5, null, null)}, map[string]int64{"fractured": 1}},
		{"gone as a whole, the list too", []history.Op{look(0, 1, 10, 10), look(4, 5)}, map[string]int64{"fractured": 1}},
		{"gone on some replica", []history.Op{look(0, 1, 10, 10), fromReplica(look(4, 5, null, null))}, map[string]int64{}},
		{"a read that failed", []history.Op{look(0, 1, 10, 10), failed(look(4, 5, 1, 1))}, map[string]int64{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := checkExtra(hist(c.ops...))
			require.Equal(t, c.want, counts(a))
			require.InDelta(t, float64(c.want["fractured"]), measured(t, a, "fractured"), 0)
		})
	}
}

// A bank that is gone as a whole is torn within one reign of a master or one stretch of a replica; a restart may have lost it.
func TestBankThatIsGone(t *testing.T) {
	read := func(node int32, call int64, balances ...int64) history.Op {
		o := onNode(read(9, history.FReadBank, call*vSecond, call*vSecond+1, balances...), node)
		if node == 1 {
			o = fromReplica(o)
		}
		return o
	}
	for _, c := range []struct {
		name     string
		node     int32
		restarts bool
		want     int64
	}{
		{"within one reign", 0, false, 1},
		{"after a restart", 0, true, 0},
		{"within one stretch", 1, false, 1},
		{"after a replica's restart", 1, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := hist(read(c.node, 2, 10, 10), read(c.node, 6, null, null))
			h.Run.Nodes = []history.Node{{Name: "n1", Kind: history.Server, Addr: "1:1"}, {Name: "n2", Kind: history.Server, Addr: "2:1"}}
			looks := []look{{role: history.RoleMaster, run: "a", repl: "A"}}
			if c.node == 1 {
				looks[0].role, looks[0].master = history.RoleReplica, "1:1"
			}
			if c.restarts {
				again := looks[0]
				again.from, again.run = 4*vSecond, "b"
				looks = append(looks, again)
			}
			h.Samples = sampled(c.node, looks...)
			require.Equal(t, c.want, counts(checkExtra(h))["fractured"])
		})
	}
}

func TestBankMayBeAllowedToFallBelowZero(t *testing.T) {
	h := hist(read(9, history.FReadBank, 0, 1, -5, 25))
	for allowed, want := range map[bool]result.Verdict{true: result.Pass, false: result.Violation} {
		a, err := CheckModel(h, "bank", ModelOptions{AllowNegative: allowed})
		require.NoError(t, err)
		require.Equal(t, want, a.Result.Verdict)
	}
}

func TestBankTotalCanBeGiven(t *testing.T) {
	h := hist(read(9, history.FReadBank, 0, 1, 10, 10))
	for total, want := range map[int64]result.Verdict{20: result.Pass, 30: result.Violation} {
		a, err := CheckModel(h, "bank", ModelOptions{Total: total, HasTotal: true})
		require.NoError(t, err)
		require.Equal(t, want, a.Result.Verdict)
	}
}
