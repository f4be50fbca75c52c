package nemesis

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/wire"
)

// featureDrop is what an agent calls the power to drop packets.
const featureDrop = "nft"

// Problem is why a fault cannot be injected here.
type Problem struct {
	Fault int
	Text  string
	Why   string
}

// Available says which faults of the schedule cannot be injected into the deployment, and why. The error means that it could not be
// found out.
func Available(ctx context.Context, c Cluster, s Schedule) ([]Problem, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("check schedule: %w", err)
	}
	nodes := c.Nodes()
	faults := s.outline().list()
	var noDrop string
	if len(s.Required()) > 0 {
		var err error
		if noDrop, err = probeDrop(ctx, c, nodes); err != nil {
			return nil, err
		}
	}
	var out []Problem
	for _, f := range faults {
		why := missing(nodes, f.action)
		if why == "" && f.action.network() {
			why = noDrop
		}
		if why != "" {
			out = append(out, Problem{Fault: f.id, Text: f.action.String(), Why: why})
		}
	}
	return out, nil
}

// missing says which node the action needs that is not there.
func missing(nodes []history.Node, a Action) string {
	has := func(want func(history.Node) bool) bool { return slices.ContainsFunc(nodes, want) }
	for _, side := range []Nodes{a.On, a.From, a.To, {a.Master}} {
		for _, t := range side {
			_, n := t.name()
			switch {
			case n > 0 && !has(func(n history.Node) bool { return n.Name == string(t) }):
				return fmt.Sprintf("there is no node %s", t)
			case t == Sentinels && !has(func(n history.Node) bool { return n.Kind == history.Sentinel }):
				return "there is no sentinel"
			case t == Stranger && !has(func(n history.Node) bool { return n.Stranger }):
				return "there is no server outside the setup: set Strangers in the topology"
			case t == Workers && !has(func(n history.Node) bool { return n.Kind == history.Worker }):
				return "there is no worker"
			}
		}
	}
	return ""
}

// probeDrop asks every agent whether it can drop packets, and says why not.
func probeDrop(ctx context.Context, c Cluster, nodes []history.Node) (string, error) {
	var g guard.Group
	var mu sync.Mutex
	why := ""
	for i, n := range nodes {
		g.Go(func() error {
			var features map[string]string
			if _, err := c.Call(ctx, i, wire.OpProbe, nil, &features); err != nil {
				return fmt.Errorf("probe %s: %w", n.Name, err)
			}
			said, ok := features[featureDrop]
			if !ok {
				said = "its agent does not know the feature " + featureDrop
			}
			if said != "ok" {
				mu.Lock()
				defer mu.Unlock()
				why = fmt.Sprintf("%s cannot drop packets: %s", n.Name, said)
			}
			return nil
		})
	}
	err := g.Wait()
	return why, err
}
