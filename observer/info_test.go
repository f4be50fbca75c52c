package observer

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/schismtest/schism/history"
	"github.com/stretchr/testify/require"
)

var (
	hex40 = regexp.MustCompile(`^[0-9a-f]{40}$`)
	addr  = regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+:6379$`)
)

// The texts were taken from real servers: one master with one replica in sync, and one sentinel over them.
func TestInfoOfRealServers(t *testing.T) {
	paths, err := filepath.Glob("testdata/info-*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	masters := map[string]history.Sample{}
	for _, role := range []string{"master", "replica", "sentinel"} {
		for _, path := range paths {
			server, ok := strings.CutSuffix(strings.TrimPrefix(filepath.Base(path), "info-"), "-"+role+".txt")
			if !ok {
				continue
			}
			t.Run(server+"/"+role, func(t *testing.T) {
				text, err := os.ReadFile(path)
				require.NoError(t, err)
				s := untold()
				ParseInfo(string(text)).fill(&s)
				if s.Role != history.RoleSentinel {
					require.Zero(t, s.MaxMemory)
					require.LessOrEqual(t, s.OutputKills, int64(0), "none, or not told")
					require.True(t, s.Rest.Known)
					require.Positive(t, s.Rest.Changes)
					require.Greater(t, s.Rest.LastSave, int64(1.7e9))
					require.Zero(t, s.Rest.Expired+s.Rest.Evicted)
					require.Equal(t, int64(-1), s.MinGood, "the setting is off")
				}
				require.Equal(t, history.Role(role), s.Role)
				require.Regexp(t, hex40, s.RunID)
				require.False(t, s.Loading)
				switch s.Role {
				case history.RoleMaster:
					masters[server] = s
					require.Regexp(t, hex40, s.ReplID)
					require.Empty(t, s.ReplID2)
					require.Equal(t, int64(-1), s.SecondOffset)
					require.Positive(t, s.Offset)
					require.Equal(t, int32(1), s.Replicas)
					require.Equal(t, int64(1), s.SyncFull)
					require.Positive(t, s.Memory)
					require.Empty(t, s.MasterAddr)
					require.Equal(t, int64(-1), s.LastIO)
					require.Equal(t, int64(1), s.Connected)
					require.Equal(t, int64(-1), s.Priority)
				case history.RoleReplica:
					require.Equal(t, masters[server].ReplID, s.ReplID)
					require.Positive(t, s.Offset)
					require.True(t, s.LinkUp)
					require.False(t, s.SyncRunning)
					require.GreaterOrEqual(t, s.LastIO, int64(0))
					require.Regexp(t, addr, s.MasterAddr)
					require.Equal(t, int64(100), s.Priority)
				case history.RoleSentinel:
					require.Regexp(t, addr, s.MasterAddr)
					require.Equal(t, int32(1), s.Replicas)
					require.True(t, s.LinkUp)
				}
			})
		}
	}
}

func TestInfoFill(t *testing.T) {
	carried := history.Sample{Connected: -1, MinGood: -1, Priority: -1, RunID: "r", Memory: 7, SyncFull: 3, SyncPartialOK: 2, SyncPartErr: 1, LastIO: -1}
	with := func(f func(*history.Sample)) history.Sample {
		s := carried
		f(&s)
		return s
	}
	for name, c := range map[string]struct {
		info string
		want history.Sample
	}{
		"nothing":  {"", carried},
		"nonsense": {"\r\n:\r\n#a:b\r\nno colon", carried},
		"loading":  {"loading:1", with(func(s *history.Sample) { s.Loading = true })},
		"async":    {"loading:0\r\nasync_loading:1", with(func(s *history.Sample) { s.Loading = true })},
		"counters": {"sync_full:9\r\nsync_partial_ok:8\r\nsync_partial_err:6", with(func(s *history.Sample) { s.SyncFull, s.SyncPartialOK, s.SyncPartErr = 9, 8, 6 })},
		"refused":  {"errorstat_ERR:count=3\r\nerrorstat_OOM:count=2177", with(func(s *history.Sample) { s.RefusedOOM = 2177 })},
		"slow readers": {"client_query_buffer_limit_disconnections:1\r\nclient_output_buffer_limit_disconnections:69\r\nmaxmemory:1600000\r\nmaxmemory_human:1.53M",
			with(func(s *history.Sample) { s.OutputKills, s.MaxMemory = 69, 1600000 })},
		"memory": {"used_memory:12345\r\nused_memory_human:12K", with(func(s *history.Sample) { s.Memory = 12345 })},
		"link down": {"role:slave\r\nmaster_host:h\r\nmaster_port:1\r\nmaster_link_status:down\r\nmaster_last_io_seconds_ago:-1\r\nmaster_sync_in_progress:1\r\nslave_repl_offset:5\r\nmaster_repl_offset:4\r\nmaster_replid:a\r\nmaster_replid2:b\r\nsecond_repl_offset:3",
			with(func(s *history.Sample) {
				s.Role, s.MasterAddr, s.SyncRunning, s.Offset, s.ReplID, s.ReplID2, s.SecondOffset = history.RoleReplica, "h:1", true, 5, "a", "b", 3
			})},
		"replicas in a sync do not count": {"role:master\r\nconnected_slaves:3\r\nslave0:ip=1,port=1,state=online,offset=1,lag=0\r\nslave1:ip=1,port=2,state=wait_bgsave,offset=0,lag=0\r\nslave10:ip=1,port=3,state=online,offset=1,lag=1\r\nslave_repl_offset:7\r\nmaster_repl_offset:6\r\nmin_slaves_good_slaves:1",
			with(func(s *history.Sample) {
				s.Role, s.Replicas, s.Offset, s.SecondOffset, s.Connected, s.MinGood = history.RoleMaster, 2, 6, -1, 3, 1
			})},
		"never promoted": {"role:slave\r\nmaster_host:h\r\nmaster_port:1\r\nslave_priority:0", with(func(s *history.Sample) {
			s.Role, s.MasterAddr, s.SecondOffset, s.Priority = history.RoleReplica, "h:1", -1, 0
		})},
		"rest": {"rdb_changes_since_last_save:4\r\nrdb_bgsave_in_progress:1\r\nrdb_last_save_time:99\r\nexpired_keys:3\r\nevicted_keys:2", with(func(s *history.Sample) {
			s.Rest = history.Rest{Known: true, Changes: 4, LastSave: 99, Saving: true, Expired: 3, Evicted: 2}
		})},
		"half of rest":              {"rdb_changes_since_last_save:4\r\nrdb_bgsave_in_progress:1\r\nrdb_last_save_time:99", carried},
		"tilt":                      {"sentinel_masters:0\r\nsentinel_tilt:1", with(func(s *history.Sample) { s.Role, s.Watch.Tilt = history.RoleSentinel, true })},
		"sentinel without a master": {"sentinel_masters:0", with(func(s *history.Sample) { s.Role = history.RoleSentinel })},
		"sentinel of a dead master": {"sentinel_masters:1\r\nmaster0:name=m,status=odown,address=1.2.3.4:5,slaves=2,sentinels=3",
			with(func(s *history.Sample) { s.Role, s.MasterAddr, s.Replicas = history.RoleSentinel, "1.2.3.4:5", 2 })},
	} {
		t.Run(name, func(t *testing.T) {
			got := carried
			ParseInfo(c.info).fill(&got)
			require.Equal(t, c.want, got)
		})
	}
}

// A replica that becomes master loses its link, and the other way round.
func TestInfoOfAChangedRole(t *testing.T) {
	s := history.Sample{LastIO: -1}
	ParseInfo("role:slave\r\nmaster_host:h\r\nmaster_port:1\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:0").fill(&s)
	require.True(t, s.LinkUp)
	ParseInfo("role:master\r\nmaster_repl_offset:9").fill(&s)
	require.Equal(t, history.Sample{Role: history.RoleMaster, Offset: 9, SecondOffset: -1, LastIO: -1, Priority: -1, Connected: -1, MinGood: -1}, s)
}

func FuzzParseInfo(f *testing.F) {
	f.Add("role:master\r\nslave0:state=online\r\n")
	f.Add("sentinel_masters:1\nmaster0:address=a,slaves=x")
	f.Fuzz(func(_ *testing.T, text string) {
		var s history.Sample
		ParseInfo(text).fill(&s)
	})
}

func TestSentinelEvent(t *testing.T) {
	e, ok := sentinelEvent([]any{"pmessage", "*", "+switch-master", "m 1.1.1.1 6379 2.2.2.2 6379"})
	require.True(t, ok)
	require.Equal(t, history.Event{Kind: history.EvSentinel, Name: "+switch-master", Text: "m 1.1.1.1 6379 2.2.2.2 6379"}, e)
	for _, v := range []any{nil, "x", []any{"psubscribe", "*", int64(1)}, []any{"pmessage", "*", int64(1), "x"}, []any{"pmessage", "*", "a", nil}} {
		_, ok := sentinelEvent(v)
		require.False(t, ok, "%v", v)
	}
}

// What may have fsynced is told only where children are counted, and while none writes the append-only file anew.
func TestFsyncsAreToldBesideChildren(t *testing.T) {
	const quiet = "total_forks:3\r\naof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0\r\n"
	for name, c := range map[string]struct {
		text  string
		wakes int64
		want  int64
	}{
		"both":                   {quiet, 40, 43},
		"not looked at":          {quiet, -1, -1},
		"children not counted":   {"aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0\r\n", 40, -1}, // 6.0
		"a child writes it anew": {"total_forks:3\r\naof_rewrite_in_progress:1\r\naof_rewrite_scheduled:0\r\n", 40, -1},
		"one is to":              {"total_forks:3\r\naof_rewrite_in_progress:0\r\naof_rewrite_scheduled:1\r\n", 40, -1},
		"nothing told":           {"", 40, -1},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, ParseInfo(c.text).fsyncs(c.wakes)) })
	}
}
