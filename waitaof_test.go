package schism

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/scenarios"
	"github.com/schismtest/schism/topology"
	"github.com/schismtest/schism/workloads"
)

// What is waited for comes from the flags, stands in the plan whole, and what cannot be is refused before anything starts.
func TestWhatIsWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		o        Options
		scenario string
		want     workloads.Spec // Wait, WaitAOF, WaitTimeout
		err      string
	}{
		"nothing":                     {Options{}, "healthy", workloads.Spec{}, ""},
		"WAIT":                        {Options{Wait: 1}, "healthy", workloads.Spec{Wait: 1, WaitTimeout: time.Second}, ""},
		"WAIT, for so long":           {Options{Wait: 2, WaitTimeout: 200 * time.Millisecond}, "healthy", workloads.Spec{Wait: 2, WaitTimeout: 200 * time.Millisecond}, ""},
		"the scenario's, longer":      {Options{WaitTimeout: time.Second}, "wait-healthy", workloads.Spec{Wait: 2, WaitTimeout: time.Second}, ""},
		"WAITAOF":                     {Options{WaitAOF: "1,0", Server: "valkey:8.1"}, "healthy", workloads.Spec{WaitAOF: workloads.WaitAOF{Local: 1}, WaitTimeout: 3 * time.Second}, ""},
		"WAITAOF in the place of it":  {Options{WaitAOF: "0, 2", Server: "redict:7.3"}, "wait-healthy", workloads.Spec{WaitAOF: workloads.WaitAOF{Replicas: 2}, WaitTimeout: 200 * time.Millisecond}, ""},
		"WAIT in the place of it":     {Options{Wait: 1, Server: "redis:6.0"}, "waitaof", workloads.Spec{Wait: 1, WaitTimeout: time.Second}, ""},
		"an image is asked later":     {Options{WaitAOF: "1,1", Image: "my/redis"}, "healthy", workloads.Spec{WaitAOF: workloads.WaitAOF{Local: 1, Replicas: 1}, WaitTimeout: 3 * time.Second}, ""},
		"both":                        {Options{Wait: 1, WaitAOF: "1,0"}, "healthy", workloads.Spec{}, "-wait and -waitaof"},
		"a time for nothing":          {Options{WaitTimeout: time.Second}, "healthy", workloads.Spec{}, "nothing is waited for"},
		"a negative number":           {Options{Wait: -1}, "healthy", workloads.Spec{}, "-wait -1 is negative"},
		"less than a millisecond":     {Options{Wait: 1, WaitTimeout: time.Microsecond}, "healthy", workloads.Spec{}, "servers count whole milliseconds"},
		"no numbers":                  {Options{WaitAOF: "yes"}, "healthy", workloads.Spec{}, "-waitaof yes: it is LOCAL,REPLICAS"},
		"nobody":                      {Options{WaitAOF: "0,0"}, "healthy", workloads.Spec{}, "not 0,0"},
		"two files of one server":     {Options{WaitAOF: "2,0"}, "healthy", workloads.Spec{}, "it is LOCAL,REPLICAS"},
		"Redis 7.0":                   {Options{WaitAOF: "1,0", Server: "redis:7.0"}, "healthy", workloads.Spec{}, "redis:7.0 does not know WAITAOF, which the clients send after every write; use Redis from 7.2 on, Valkey or Redict"},
		"the scenario's on Redis 6.0": {Options{Server: "redis:6.0"}, "waitaof", workloads.Spec{}, "redis:6.0 does not know WAITAOF"},
		"no append-only file":         {Options{WaitAOF: "1,0", Server: "redis:8.0", Persistence: topology.RDB}, "healthy", workloads.Spec{}, "keep none; use -persistence aof-everysec or aof-always"},
		"none by a line":              {Options{WaitAOF: "1,0", Server: "redis:8.0", Config: []string{"appendonly no"}}, "healthy", workloads.Spec{}, "keep none"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := planned(t, c.scenario, c.o)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				require.Equal(t, ExitUsage, ExitCode("", err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, workloads.Spec{Wait: p.Work.Wait, WaitAOF: p.Work.WaitAOF, WaitTimeout: p.Work.WaitTimeout})
		})
	}
	s, err := scenarios.Find("waitaof")
	require.NoError(t, err)
	_, err = Options{Server: "redis:7.0"}.apply(s)
	require.ErrorIs(t, err, ErrUnavailable)
	require.NoError(t, knowsWaitAOF("", topology.Version{Major: 7, Minor: 2}))
	require.ErrorContains(t, knowsWaitAOF("Redis 7.0.15", topology.Version{Major: 7}), "Redis 7.0.15 does not know WAITAOF")
}

// -topology chain makes a chain of any setup; who follows whom stands in the plan, and so in run.json.
func TestTopologyChain(t *testing.T) {
	for name, c := range map[string]struct {
		o        Options
		scenario string
		want     map[string]string
		err      string
	}{
		"of two replicas":        {Options{Topology: "chain"}, "healthy", map[string]string{"n2": "n1", "n3": "n2"}, ""},
		"of as many as wanted":   {Options{Topology: "chain", Replicas: 1}, "healthy", map[string]string{"n2": "n1"}, ""},
		"longer":                 {Options{Replicas: 3}, "chain-healthy", map[string]string{"n2": "n1", "n3": "n2", "n4": "n3"}, ""},
		"shorter":                {Options{Replicas: 1}, "chain-healthy", map[string]string{"n2": "n1"}, ""},
		"no chain any more":      {Options{Topology: "replicas"}, "chain-healthy", nil, ""},
		"sentinels beside it":    {Options{Topology: "sentinel"}, "chain-healthy", nil, ""},
		"sentinels within it":    {Options{Sentinels: 3}, "chain-healthy", nil, "kind chain has none"},
		"of a Sentinel setup":    {Options{Topology: "chain"}, "sentinel-kill", map[string]string{"n2": "n1", "n3": "n2"}, ""},
		"a kind that is not one": {Options{Topology: "ring"}, "healthy", nil, "use standalone, replicas, chain"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := planned(t, c.scenario, c.o)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				require.Equal(t, ExitUsage, ExitCode("", err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, p.Spec.Follows)
		})
	}
}
