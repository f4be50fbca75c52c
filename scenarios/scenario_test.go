package scenarios

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/nemesis"
	"github.com/schismtest/schism/topology"
	"github.com/schismtest/schism/workloads"
)

func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		t.Run(s.Name, func(t *testing.T) {
			require.NoError(t, s.Validate())
			require.False(t, seen[s.Name], "the name is taken")
			seen[s.Name] = true
			require.NotEmpty(t, s.Promises)
			for _, p := range slices.Concat(s.Promises, s.Shows) {
				if p.Within == nil {
					today, err := result.ParsePromise(p.Measure + "=0")
					require.NoError(t, err)
					require.Equal(t, today.Measure, p.Measure, "an old name")
				}
			}
			require.LessOrEqual(t, s.Faults.Workers(), max(1, s.Topology.Spec().Workers), "a fault names a worker that is not there")
			for w := range s.Workload.WorkerShare {
				require.Contains(t, s.Faults.Names(), w, "clients stand apart for no reason")
			}
			if len(s.Faults) > 0 {
				require.NotEmpty(t, s.Shows, "a fault must show something")
			}
		})
	}
}

// Every kind of object is run where nothing is broken and through a failover, and read at the master and at replicas in both.
func TestEveryKindIsCovered(t *testing.T) {
	healthy, failover := map[workloads.Kind]bool{}, map[workloads.Kind]bool{}
	for _, s := range All() {
		healthy[s.Workload.Kind] = healthy[s.Workload.Kind] || len(s.Faults) == 0
		failover[s.Workload.Kind] = failover[s.Workload.Kind] || len(s.Faults) > 0 && s.Topology.Spec().Sentinels > 0
		w := s.Workload.WithDefaults()
		require.Equal(t, workloads.Both, w.ReadFrom, s.Name)
		require.Positive(t, w.ReplicaWrites, s.Name)
	}
	for _, k := range []workloads.Kind{workloads.Register, workloads.Set, workloads.Hash, workloads.SortedSet, workloads.List, workloads.Counter,
		workloads.CAS, workloads.Lock, workloads.Bank, workloads.Queue, workloads.Stream, workloads.Expiry, workloads.Txn} {
		require.True(t, healthy[k], k)
		require.True(t, failover[k], k)
	}
}

// What run.json holds must come back as it was.
func TestCatalogueRoundTrip(t *testing.T) {
	for _, s := range All() {
		t.Run(s.Name, func(t *testing.T) {
			roundTrip(t, s.Topology.Spec())
			roundTrip(t, s.Workload)
			roundTrip(t, s.Faults)
			roundTrip(t, s.Promises)
			roundTrip(t, s.Shows)
		})
	}
}

func roundTrip[T any](t *testing.T, v T) {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	var back T
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, v, back)
}

func TestCI(t *testing.T) {
	var total time.Duration
	for _, name := range CI() {
		s, err := Find(name)
		require.NoError(t, err)
		// Starting, an election, the barrier and stopping come on top.
		total += max(s.Load, 10*time.Second, s.Faults.MinDuration()+max(s.Settle, 3*time.Second)) + 20*time.Second
	}
	require.Less(t, total, 6*time.Minute)
}

func TestFind(t *testing.T) {
	s, err := Find("split-brain")
	require.NoError(t, err)
	require.Equal(t, "split-brain", s.Name)
	for name, want := range map[string]string{
		"split-brian": "did you mean split-brain?",
		"sentinel":    "did you mean sentinel-kill or",
		"helthy":      "did you mean healthy",
		"xyzzy":       "schism list names them all",
		"":            "schism list names them all",
	} {
		_, err := Find(name)
		require.ErrorContains(t, err, want)
	}
}

func TestValidate(t *testing.T) {
	good := func() Scenario {
		return Scenario{Name: "own", Why: "because", Topology: topology.MasterReplicas{Replicas: 1}, Workload: workloads.Spec{Kind: workloads.Set},
			Faults: nemesis.Schedule{nemesis.After(time.Second, nemesis.Kill("n2"))}}
	}
	require.NoError(t, good().Validate())
	for name, c := range map[string]struct {
		break_ func(*Scenario)
		want   string
	}{
		"no name":       {func(s *Scenario) { s.Name = "" }, "scenario name"},
		"odd name":      {func(s *Scenario) { s.Name = "a/b" }, "use lower-case letters"},
		"no why":        {func(s *Scenario) { s.Why = "" }, "set Why"},
		"no topology":   {func(s *Scenario) { s.Topology = nil }, "set Topology"},
		"no workload":   {func(s *Scenario) { s.Workload.Kind = "" }, "set Workload.Kind"},
		"odd workload":  {func(s *Scenario) { s.Workload.Kind = "tree" }, "workload kind"},
		"odd load":      {func(s *Scenario) { s.Load = -1 }, "cannot be negative"},
		"odd schedule":  {func(s *Scenario) { s.Faults[0].Actions = nil }, "it has no action"},
		"no such node":  {func(s *Scenario) { s.Faults[0].Actions[0].On = nemesis.Side("n3") }, "hits n3, but the topology has 2 servers"},
		"no sentinel":   {func(s *Scenario) { s.Faults[0].Actions[0].On = nemesis.Side("s1") }, "has 0 sentinels"},
		"no such fault": {func(s *Scenario) { s.Promises = []result.Promise{result.LastLossBy(result.EffectOf(2))} }, "refers to fault 2"},
		"no measure":    {func(s *Scenario) { s.Shows = []result.Promise{{}} }, "names no measure"},
	} {
		t.Run(name, func(t *testing.T) {
			s := good()
			c.break_(&s)
			require.ErrorContains(t, s.Validate(), c.want)
		})
	}
}
