package observer

import (
	"strconv"
	"strings"

	"github.com/schismtest/schism/history"
)

// Info is what INFO says, by field.
type Info map[string]string

// ParseInfo reads INFO's text, or several sections' texts one after the other. Lines that are no "field:value" are passed over.
func ParseInfo(text string) Info {
	in := Info{}
	in.add(text)
	return in
}

func (in Info) add(text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if k, v, ok := strings.Cut(line, ":"); ok && k != "" && k[0] != '#' {
			in[k] = v
		}
	}
}

func (in Info) int(k string, def int64) int64 {
	n, err := strconv.ParseInt(in[k], 10, 64)
	if err != nil {
		return def
	}
	return n
}

// fill sets what INFO tells in s. Fields whose section was not asked for keep their values.
func (in Info) fill(s *history.Sample) {
	if role, ok := in["role"]; ok {
		in.fillReplication(s, role)
	}
	if v, ok := in["run_id"]; ok {
		s.RunID = v
	}
	if _, ok := in["loading"]; ok {
		s.Loading = in["loading"] == "1" || in["async_loading"] == "1"
	}
	s.SyncFull = in.int("sync_full", s.SyncFull)
	s.SyncPartialOK = in.int("sync_partial_ok", s.SyncPartialOK)
	s.SyncPartErr = in.int("sync_partial_err", s.SyncPartErr)
	s.Memory = in.int("used_memory", s.Memory)
	s.MaxMemory = in.int("maxmemory", s.MaxMemory)
	s.OutputKills = in.int("client_output_buffer_limit_disconnections", s.OutputKills)
	s.RefusedOOM = in.errors("OOM", s.RefusedOOM)
	in.fillRest(s)
	if _, ok := in["sentinel_masters"]; ok {
		in.fillSentinel(s)
	}
}

// errors is how many replies with an error the section errorstats counts. Where it names any error, one that it does not name was never
// given; where it names none, the server may not know that section.
func (in Info) errors(name string, def int64) int64 {
	if v, ok := in["errorstat_"+name]; ok {
		n, err := strconv.ParseInt(strings.TrimPrefix(v, "count="), 10, 64)
		if err == nil {
			return n
		}
	}
	for k := range in {
		if strings.HasPrefix(k, "errorstat_") {
			return max(def, 0)
		}
	}
	return def
}

// fsyncs is history.Sample.Fsyncs, of what the server's threads did. While a child writes the file anew, or one is to, it is not told: what
// such a child fsyncs it does without a thread.
func (in Info) fsyncs(wakes int64) int64 {
	forks := in.int("total_forks", -1)
	if wakes < 0 || forks < 0 || in["aof_rewrite_in_progress"] != "0" || in["aof_rewrite_scheduled"] != "0" {
		return -1
	}
	return wakes + forks
}

// fillRest takes what tells whether the data set was touched, when all of it is told.
func (in Info) fillRest(s *history.Sample) {
	for _, k := range []string{"rdb_changes_since_last_save", "rdb_last_save_time", "rdb_bgsave_in_progress", "expired_keys", "evicted_keys"} {
		if _, ok := in[k]; !ok {
			return
		}
	}
	s.Rest = history.Rest{Known: true, Changes: in.int("rdb_changes_since_last_save", 0), LastSave: in.int("rdb_last_save_time", 0),
		Saving: in["rdb_bgsave_in_progress"] != "0", Expired: in.int("expired_keys", 0), Evicted: in.int("evicted_keys", 0)}
}

func (in Info) fillReplication(s *history.Sample, role string) {
	s.ReplID, s.ReplID2 = in["master_replid"], in["master_replid2"]
	if strings.Trim(s.ReplID2, "0") == "" {
		s.ReplID2 = "" // forty zeros: none
	}
	s.SecondOffset = in.int("second_repl_offset", -1)
	s.Replicas = in.onlineReplicas()
	s.Connected, s.MinGood, s.Priority = in.int("connected_slaves", -1), in.int("min_slaves_good_slaves", -1), in.int("slave_priority", -1)
	if role == "slave" || role == "replica" {
		s.Role = history.RoleReplica
		// The replica's own place in the stream. Its master_repl_offset is the same number from 7.0 on, but may be older before.
		s.Offset = in.int("slave_repl_offset", in.int("master_repl_offset", 0))
		s.MasterAddr = in["master_host"] + ":" + in["master_port"]
		s.LinkUp = in["master_link_status"] == "up"
		s.LastIO = in.int("master_last_io_seconds_ago", -1)
		s.SyncRunning = in["master_sync_in_progress"] == "1"
		return
	}
	s.Role = history.RoleMaster
	s.Offset = in.int("master_repl_offset", 0)
	s.MasterAddr, s.LinkUp, s.LastIO, s.SyncRunning = "", false, -1, false
}

// onlineReplicas counts slaveN:...state=online. connected_slaves counts those in the midst of a sync too.
func (in Info) onlineReplicas() int32 {
	var n int32
	for k, v := range in {
		if num, ok := strings.CutPrefix(k, "slave"); ok && isDigits(num) && strings.Contains(v, "state=online") {
			n++
		}
	}
	return n
}

func isDigits(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

// fillSentinel reads "master0:name=m,status=ok,address=10.0.0.2:6379,slaves=2,sentinels=3".
func (in Info) fillSentinel(s *history.Sample) {
	s.Role = history.RoleSentinel
	s.LastIO = -1
	s.MasterAddr, s.Replicas, s.LinkUp = "", 0, false
	s.Watch.Tilt = in["sentinel_tilt"] == "1"
	for f := range strings.SplitSeq(in["master0"], ",") {
		k, v, _ := strings.Cut(f, "=")
		switch k {
		case "address":
			s.MasterAddr = v
		case "slaves":
			n, _ := strconv.ParseInt(v, 10, 32)
			s.Replicas = int32(n)
		case "status":
			s.LinkUp = v == "ok"
		}
	}
}
