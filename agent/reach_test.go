//go:build linux

package agent

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/wire"
)

func TestReach(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	open := l.Addr().String()
	l2, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := l2.Addr().String()
	require.NoError(t, l2.Close())
	defer l.Close()
	out := reach(t.Context(), wire.ReachArgs{Addrs: []string{open, closed, "127.0.0.1:nonsense"}, TimeoutMS: 1000})
	require.Equal(t, []string{"", ""}, out[:2], "an accepted and a refused connection are both answers")
	require.NotEmpty(t, out[2])
}
