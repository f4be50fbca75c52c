package main

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/attach"
	"github.com/schismtest/schism/history"
)

func seen(name string, s attach.State) schism.AttachNode {
	return schism.AttachNode{Name: name, State: s}
}

// The line of a second fits, and what is in trouble stands before what is not.
func TestStatusLine(t *testing.T) {
	master := seen("n1", attach.State{Role: history.RoleMaster, Answers: true})
	level := seen("n2", attach.State{Role: history.RoleReplica, Answers: true, Link: true})
	late := seen("n3", attach.State{Role: history.RoleReplica, Answers: true, Link: true, LagBytes: 12345, Lag: 40 * time.Millisecond})
	cut := seen("n4", attach.State{Role: history.RoleReplica, Answers: true, LagBytes: -1, Lag: -1})
	gone := seen("n5", attach.State{Role: history.RoleReplica, Silent: 3 * time.Second})
	well := seen("s1", attach.State{Role: history.RoleSentinel, Answers: true, Link: true})
	down := seen("s2", attach.State{Role: history.RoleSentinel, Answers: true})
	for _, c := range []struct {
		nodes []schism.AttachNode
		ops   int64
		want  string
	}{
		{[]schism.AttachNode{master, level}, 0, "n1 master  n2 replica 0 B 0 ms up"},
		{[]schism.AttachNode{master, level, late}, 0, "n1 master  n3 replica 12.3 kB 40 ms up  n2 replica 0 B 0 ms up"},
		{[]schism.AttachNode{master, level, late, cut, gone}, 0, "n1 master  n5 silent 3s  n4 replica lag ? DOWN  +2"},
		{[]schism.AttachNode{master, level, well}, 40, "n1 master  n2 replica 0 B 0 ms up  1 sentinel ok  +1"},
		{[]schism.AttachNode{master, well, well, down}, 0, "n1 master  s2 holds the master for down  2 sentinels ok"},
		{[]schism.AttachNode{seen("n1", attach.State{Role: history.RoleMaster, Silent: 2 * time.Second})}, 0, "n1 master silent 2s"},
		{nil, 0, ""},
	} {
		got := statusLine(schism.AttachStatus{Nodes: c.nodes, Ops: c.ops, OK: c.ops}, 63)
		require.Equal(t, c.want, got)
		require.LessOrEqual(t, utf8.RuneCountInString(got), 63)
	}
}
