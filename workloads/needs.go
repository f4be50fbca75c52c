package workloads

// Commands are what the clients of this workload may send, in capitals, on any version of a server, one of a Cluster or not.
func (s Spec) Commands(cluster bool) []string {
	out := []string{"PING", "INFO", "WAIT", "SET", "GET", "GETSET", "DEL", "MULTI", "EXEC", "WATCH", "UNWATCH"}
	if cluster {
		out = append(out, "CLUSTER", "READONLY", "ASKING")
	}
	if s.WaitAOF != (WaitAOF{}) {
		out = append(out, "WAITAOF")
	}
	if s.Lua {
		out = append(out, "EVAL", "EVALSHA", "SCRIPT")
	}
	switch s.Kind {
	case Set:
		return append(out, "SADD", "SREM", "SMEMBERS", "SISMEMBER")
	case Hash:
		return append(out, "HSET", "HDEL", "HGETALL", "HGET")
	case SortedSet:
		return append(out, "ZADD", "ZREM", "ZRANGE", "ZSCORE")
	case List, Txn:
		return append(out, "RPUSH", "LRANGE", "LLEN")
	case Counter:
		return append(out, "INCR")
	case CAS, Lock:
		return append(out, "EVAL", "EVALSHA", "INCR", "PEXPIRE")
	case Bank:
		return append(out, "HGETALL", "HGET", "HSET", "HINCRBY", "RPUSH", "LRANGE", "EVAL", "EVALSHA")
	case Queue:
		return append(out, "LPUSH", "BLMOVE", "BRPOPLPUSH", "LREM", "LRANGE", "LINDEX")
	case Stream:
		return append(out, "XADD", "XGROUP", "XREADGROUP", "XACK", "XRANGE", "XAUTOCLAIM", "XPENDING", "XCLAIM")
	case Expiry:
		return append(out, "RPUSH", "PEXPIRE", "PTTL")
	}
	return out
}
