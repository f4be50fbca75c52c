package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

func TestExpiry(t *testing.T) {
	const ms = 1_000_000
	set := func(v, ttl, call, ret int64) history.Op {
		if ret != inf {
			ret *= ms
		}
		return withArg(op(1, history.FExpiring, v, none, call*ms, ret), ttl*ms)
	}
	get := func(v, call, ret int64) history.Op {
		return op(2, history.FReadExpiring, none, v, call*ms, ret*ms)
	}
	for _, c := range []struct {
		name string
		ops  []history.Op
		want map[string]int64
	}{
		{"in its life", []history.Op{set(1, 500, 0, 1), get(1, 100, 101), get(null, 600, 601)}, map[string]int64{}},
		{"too late", []history.Op{set(1, 500, 0, 1), get(1, 600, 601)}, map[string]int64{"expired_read": 1}},
		{"late within the tolerance", []history.Op{set(1, 500, 0, 1), get(1, 510, 601)}, map[string]int64{}},
		{"the write may have come late", []history.Op{set(1, 500, 0, 200), get(1, 600, 601)}, map[string]int64{}},
		{"a read proves when it was there", []history.Op{set(1, 500, 0, 200), get(1, 10, 20), get(1, 600, 601)}, map[string]int64{"expired_read": 1}},
		{"an unknown write, seen once", []history.Op{set(1, 500, 0, inf), get(1, 900, 901)}, map[string]int64{}},
		{"an unknown write, seen too long", []history.Op{set(1, 500, 0, inf), get(1, 900, 901), get(1, 1500, 1501)}, map[string]int64{"expired_read": 1}},
		{"gone too early", []history.Op{set(1, 500, 0, 1), get(null, 100, 101)}, map[string]int64{"early_nil": 1}},
		{"gone too early on a replica", []history.Op{set(1, 500, 0, 1), fromReplica(get(null, 100, 101))}, map[string]int64{"early_nil_replica": 1}},
		{"a shorter life may have followed", []history.Op{set(1, 500, 0, 1), set(2, 50, 2, inf), get(null, 100, 101)}, map[string]int64{}},
		{"not written yet", []history.Op{set(1, 500, 50, 60), get(null, 10, 50)}, map[string]int64{}},
		{"phantom", []history.Op{get(7, 10, 50)}, map[string]int64{"phantom": 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, counts(checkExtra(hist(c.ops...))))
		})
	}
	a := checkExtra(hist(set(1, 500, 0, 1), get(1, 600, 601)))
	require.InDelta(t, 0.099, measured(t, a, "expired_worst"), 1e-9)
	require.InDelta(t, 1, measured(t, a, "expired_read"), 0)
}
