package reports

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/reports/internal/fixture"
)

// A page must come out of any history and result, however odd: a run whose report fails has lost its evidence.
func TestPageComesOutOfAnything(t *testing.T) {
	for seed := range int64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewSource(seed))
			h, a := fixture.SplitBrain(20)
			spoil(r, reflect.ValueOf(&a.Result).Elem(), 0.05)
			for i := range h.Faults {
				spoil(r, reflect.ValueOf(&h.Faults[i]).Elem(), 0.3)
			}
			for range 30 {
				h.Ops.Node[r.Intn(h.Ops.Len())] = int8(r.Intn(256) - 128)
				h.Ops.Worker[r.Intn(h.Ops.Len())] = int8(r.Intn(256) - 128)
				h.Ops.Return[r.Intn(h.Ops.Len())] = odd(r)
				h.Ops.Call[r.Intn(h.Ops.Len())] = int64(r.Intn(60e9)) - 5e9
				h.Ops.Key[r.Intn(h.Ops.Len())] = r.Uint32()
				h.Ops.F[r.Intn(h.Ops.Len())] = history.F(r.Intn(256))
				spoil(r, reflect.ValueOf(&h.Samples[r.Intn(len(h.Samples))]).Elem(), 0.3)
				a.Lag[r.Intn(len(a.Lag))].Node = int32(r.Intn(300) - 100)
			}
			switch seed % 4 {
			case 1:
				h.Run.Nodes = h.Run.Nodes[:1]
			case 2:
				h.Run.Nodes, a.Fate, a.Ages = nil, nil, result.ReadAges{}
			case 3:
				h.Events = nil
			}
			require.NoError(t, Run(io.Discard, h, a, nil))
			require.NoError(t, Summary(io.Discard, &h.Run, &a.Result, SummaryOptions{Width: 20}))
			n := night(&h.Run, &a.Result)
			require.NoError(t, Markdown(io.Discard, n, 0))
			require.NoError(t, JUnit(io.Discard, n))
			require.NoError(t, Annotations(io.Discard, n))
			l := lineOf(&h.Run, &a.Result)
			_, err := json.Marshal(l)
			require.NoError(t, err)
		})
	}
}

func odd(r *rand.Rand) int64 {
	return []int64{0, -1, 1, math.MaxInt64, math.MinInt64, history.Inf, int64(r.Intn(1000)), int64(r.Intn(60e9)), -5e9}[r.Intn(9)]
}

// spoil puts odd numbers and missing parts into a value, each field with probability p.
func spoil(r *rand.Rand, v reflect.Value, p float64) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				spoil(r, v.Field(i), p)
			}
		}
	case reflect.Slice:
		if r.Float64() < p/2 {
			v.SetZero()
			return
		}
		for i := range min(v.Len(), 20) {
			spoil(r, v.Index(i), p)
		}
	case reflect.Array:
		for i := range v.Len() {
			spoil(r, v.Index(i), p)
		}
	case reflect.Pointer:
		if r.Float64() < p {
			v.SetZero()
		} else if !v.IsNil() {
			spoil(r, v.Elem(), p)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if r.Float64() < p {
			v.SetInt(odd(r))
		}
	case reflect.Float64:
		if r.Float64() < p {
			v.SetFloat([]float64{0, -1, math.NaN(), math.Inf(1), 1, 1e18}[r.Intn(6)])
		}
	case reflect.String:
		if r.Float64() < p {
			v.SetString([]string{"", "x", "\x00<&>", "none"}[r.Intn(4)])
		}
	}
}
