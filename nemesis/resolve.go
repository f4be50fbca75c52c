package nemesis

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/history"
)

// resolve settles what the targets stand for now, in order of number. Other is what Rest leaves out. It must not be called while
// the view is being looked at, unless that view is passed.
func (r *runner) resolve(v *history.LiveView, ts Nodes, other []int) ([]int, error) {
	if v == nil {
		var out []int
		var err error
		r.Live.Look(func(v *history.LiveView) { out, err = r.resolve(v, ts, other) })
		return out, err
	}
	var out []int
	for _, t := range ts {
		ns, err := r.resolveOne(v, t, other)
		if err != nil {
			return nil, err
		}
		out = append(out, ns...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (r *runner) resolveOne(v *history.LiveView, t Target, other []int) ([]int, error) {
	master, old := r.seen.masters(v)
	one := func(n int, why string) ([]int, error) {
		if n == history.NoNode {
			return nil, errors.New(why)
		}
		return []int{n}, nil
	}
	some := func(ns []int, why string) ([]int, error) {
		if len(ns) == 0 {
			return nil, errors.New(why)
		}
		return ns, nil
	}
	masters := append(r.seen.shardMasters(v), master)
	replicas := r.where(func(i int, n history.Node) bool {
		return n.Kind == history.Server && !n.Stranger && !slices.Contains(masters, i)
	})
	if n, part := t.shard(); n > 0 {
		return r.resolveShard(v, n, part)
	}
	sentinels := r.where(func(_ int, n history.Node) bool { return n.Kind == history.Sentinel })
	switch t {
	case Master:
		return one(master, "there is no master")
	case OldMaster:
		return one(old, "no master was deposed")
	case AllReplicas:
		return some(replicas, "there is no replica")
	case OneReplica:
		for _, i := range replicas {
			s, ok := v.Samples[int32(i)]
			if !ok || s.Answered && s.Role == history.RoleReplica {
				return []int{i}, nil
			}
		}
		return nil, errors.New("no replica answers")
	case MajorityWithoutMaster:
		return some(append(replicas, sentinels[len(sentinels)-majority(len(sentinels)):]...), "there is no replica")
	case Sentinels:
		return some(sentinels, "there is no sentinel")
	case Workers:
		return some(r.where(func(_ int, n history.Node) bool { return n.Kind == history.Worker }), "there is no worker")
	case Stranger:
		return some(r.where(func(_ int, n history.Node) bool { return n.Stranger }), "there is no server outside the setup: set Strangers in the topology")
	case Killed:
		return some(r.dead.nodes(), "nothing is killed")
	case Paused:
		return some(r.frozen.nodes(), "nothing is paused")
	case Rest:
		return some(r.where(func(i int, n history.Node) bool { return !n.Stranger && !slices.Contains(other, i) }), "nothing is left for the rest")
	}
	ns := r.where(func(_ int, n history.Node) bool { return n.Name == string(t) })
	return some(ns, fmt.Sprintf("there is no node %s", t))
}

// majority of n; none of none.
func majority(n int) int {
	if n == 0 {
		return 0
	}
	return n/2 + 1
}

func (r *runner) where(want func(i int, n history.Node) bool) []int {
	var out []int
	for i, n := range r.nodes {
		if want(i, n) {
			out = append(out, i)
		}
	}
	return out
}

// sides settles the two sides of a network fault.
func (r *runner) sides(a Action) (from, to []int, err error) {
	// Rest is what the other side is not, so that one is settled first.
	if slices.Contains(a.From, Rest) {
		if to, err = r.resolve(nil, a.To, nil); err == nil {
			from, err = r.resolve(nil, a.From, to)
		}
	} else if from, err = r.resolve(nil, a.From, nil); err == nil {
		to, err = r.resolve(nil, a.To, from)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, n := range from {
		if slices.Contains(to, n) {
			return nil, nil, fmt.Errorf("%s stands on both sides", r.nodes[n].Name)
		}
	}
	return from, to, nil
}

// names writes nodes for people: "n1", "{n1, s1}".
func (r *runner) names(ns []int) string {
	var parts []string
	for _, n := range ns {
		parts = append(parts, r.nodes[n].Name)
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
