package topology

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

func TestFollowsIsATree(t *testing.T) {
	tree := func(follows ...string) Spec {
		m := map[string]string{}
		for i := 0; i < len(follows); i += 2 {
			m[follows[i]] = follows[i+1]
		}
		return Tree{Follows: m}.Spec()
	}
	for _, c := range []struct {
		name string
		spec Spec
		want string // empty: it is fine
	}{
		{"a chain by default", Chain{}.Spec(), ""},
		{"a chain of one", Chain{Length: 1}.Spec(), ""},
		{"a chain of two", Chain{Length: 2}.Spec(), ""},
		{"a chain of less than none", Chain{Length: -1}.Spec(), "replicas is -2: it cannot be negative"},
		{"too long a chain", Chain{Length: 1 << 40}.Spec(), "are too many"},
		{"a tree", tree("n2", "n1", "n3", "n1", "n4", "n3"), ""},
		{"the root follows", tree("n1", "n2"), "follows says that n1 follows n2: n1 is the root, which follows nobody"},
		{"itself", tree("n2", "n2"), "follows goes round in a circle: n2 follows n2"},
		{"a circle", tree("n2", "n1", "n3", "n4", "n4", "n3"), "follows goes round in a circle: n3 follows n4 follows n3"},
		{"below a circle", tree("n2", "n3", "n3", "n4", "n4", "n3"), "follows goes round in a circle: n2 follows n3 follows n4 follows n3"},
		{"somebody who is not there", tree("n2", "n7"), `follows says that n2 follows "n7": there are only n1 to n2`},
		{"of somebody who is not there", tree("n9", "n1"), "follows names n9: there are only n1 to n2"},
		{"with sentinels", Spec{Kind: KindSentinel, Replicas: 2, Follows: map[string]string{"n3": "n2"}}, "in kind sentinel all replicas follow the master"},
		{"without replicas", Spec{Follows: map[string]string{"n2": "n1"}}, "in kind standalone all replicas follow the master"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.spec.Validate()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestChainFollowsTheServerBefore(t *testing.T) {
	s := Chain{Length: 4}.Spec().WithDefaults()
	require.Equal(t, map[string]string{"n2": "n1", "n3": "n2", "n4": "n3"}, s.Follows)
	require.Equal(t, "1 master, 3 replicas (n1 <- n2 <- n3 <- n4), AOF everysec", s.String())
	s = Tree{Follows: map[string]string{"n2": "n1", "n3": "n1", "n10": "n2"}}.Spec()
	s.Replicas = 10
	s = s.WithDefaults()
	require.NoError(t, s.Validate())
	require.Equal(t, "n1", s.Follows["n7"], "who is not named follows the master")
	require.Contains(t, s.String(), "(n2 follows n1, n3 follows n1, n4 follows n1")
	require.Equal(t, 2, s.depth("n10"))
	require.Empty(t, Spec{Kind: KindReplicas}.WithDefaults().Follows)
	data, err := json.Marshal(s)
	require.NoError(t, err)
	require.Contains(t, string(data), `"follows":{"n10":"n2","n11":"n1","n2":"n1"`)
}

// In a chain every replica follows the server before it, with that one's address, and what is written reaches the last.
func TestStartChain(t *testing.T) {
	d := start(t, options(t, Chain{Length: 3}.Spec()))
	var upstream []string
	for _, n := range d.Nodes[:3] {
		in, err := n.info(t.Context(), "replication")
		require.NoError(t, err)
		upstream = append(upstream, in["master_host"])
	}
	require.Equal(t, []string{"", d.masterOf(d.Nodes[1].Node), d.masterOf(d.Nodes[2].Node)}, upstream)
	require.NotEqual(t, upstream[1], upstream[2])
	require.Equal(t, history.RoleReplica, d.Nodes[2].Role)
	var v any
	require.NoError(t, d.Nodes[0].redis(t.Context(), &v, "SET", "k", "v"))
	require.Eventually(t, func() bool {
		var s string
		return d.Nodes[2].redis(t.Context(), &s, "GET", "k") == nil && s == "v"
	}, time.Minute, time.Millisecond)
}
