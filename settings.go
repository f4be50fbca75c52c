package schism

import (
	"context"
	"encoding/json"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/wire"
)

// settingNames are the settings that sentences and measures speak of: none of them is a secret. A server that does not know one has none.
func settingNames(cluster bool) []string {
	names := []string{"appendonly", "appendfsync", "save", "maxmemory", "maxmemory-policy", "replica-ignore-maxmemory", "min-replicas-to-write", "min-replicas-max-lag", "replica-read-only",
		"replica-serve-stale-data", "replica-priority", "repl-diskless-sync", "repl-backlog-size", "repl-timeout", "client-output-buffer-limit"}
	if cluster {
		names = append(names, "cluster-node-timeout", "cluster-require-full-coverage", "cluster-allow-reads-when-down", "cluster-replica-validity-factor",
			"cluster-migration-barrier", "cluster-allow-replica-migration")
	}
	return names
}

// readSettings asks every server what is in effect there, whatever lines and files it came from. One that does not say (CONFIG may be
// renamed) leaves its config as it was written.
func (r *run) readSettings(ctx context.Context) {
	var g guard.Group
	for _, i := range r.servers() {
		g.Go(func() error {
			var settings []history.KV
			for _, name := range settingNames(len(r.meta.Slots) > 0) {
				var reply wire.RedisReply
				_, err := r.call(ctx, i, wire.OpRedis, wire.RedisArgs{Args: []string{"CONFIG", "GET", name}, TimeoutMS: 2000}, &reply)
				if err != nil || reply.Err != "" {
					break
				}
				settings = append(settings, pairs(reply.Value)...)
			}
			r.meta.Nodes[i].Settings = settings
			return nil
		})
	}
	_ = g.Wait() // no errors, but perhaps a panic
}

// pairs reads the reply of CONFIG GET: names and values in turn, or a map.
func pairs(raw json.RawMessage) (out []history.KV) {
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		for i := 0; i+1 < len(list); i += 2 {
			out = append(out, history.KV{K: list[i], V: list[i+1]})
		}
		return out
	}
	var byName map[string]string
	if json.Unmarshal(raw, &byName) == nil {
		for k, v := range byName {
			out = append(out, history.KV{K: k, V: v})
		}
	}
	return out
}
