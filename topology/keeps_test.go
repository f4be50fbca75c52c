package topology

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What a setup keeps on disk is told by the lines that win.
func TestKeepsIsWhatWins(t *testing.T) {
	for _, tt := range []struct {
		spec Spec
		want string
	}{
		{Spec{}, "AOF everysec"},
		{Spec{Persistence: "aof-always"}, "AOF always"},
		{Spec{Persistence: RDB}, "RDB snapshots"},
		{Spec{Persistence: NoneKept}, "nothing kept on disk"},
		{Spec{Config: []string{"appendonly no"}}, "nothing kept on disk"},
		{Spec{Config: []string{"appendonly no", "save 60 1"}}, "RDB snapshots"},
		{Spec{Config: []string{"appendfsync no"}}, "AOF no"},
		{Spec{Persistence: NoneKept, Config: []string{"appendonly yes"}}, "AOF everysec"},
		{Spec{NodeConfig: map[string][]string{"n2": {"appendonly no"}}}, "AOF everysec (not on every node)"},
		{Spec{NodeConfig: map[string][]string{"n2": {"maxmemory 1mb"}}}, "AOF everysec"},
	} {
		require.Contains(t, tt.spec.String(), tt.want)
		require.Equal(t, tt.want, tt.spec.WithDefaults().keeps())
	}
}
