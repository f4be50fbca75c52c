package page

import (
	"fmt"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/frame"
	"github.com/schismtest/schism/reports/sentences"
)

// causeTables are what refusals and the servers' own counters tell.
func causeTables(h *history.History, r *result.Result) []*frame.Table {
	var out []*frame.Table
	c := &r.Causes
	if len(c.Refused) > 0 {
		t := &frame.Table{Title: "Writes that servers refused, by reason", Head: frame.Heads("Reason", ">Writes", ">Of those tried", ">First", ">Last")}
		for _, f := range c.Refused {
			t.Row(f.Reason, words.Count(f.Writes), words.Share(f.Writes, c.Tried), words.At(f.First), words.At(f.Last))
		}
		out = append(out, t)
	}
	if len(c.Servers) > 0 {
		t := &frame.Table{Title: "What the servers counted during the load", Head: frame.Heads("Server", ">Keys evicted", ">Keys expired", ">Refused with OOM", ">Full resyncs", ">Partial resyncs", ">Partial ones turned down", ">Closed over their buffer", ">Memory, at most"),
			Note: "By their own counters; what a process did after its last answer is not in them."}
		for i := range c.Servers {
			t.Row(serverCells(h, &c.Servers[i])...)
			if k := &c.Servers[i]; k.MaxMemory > 0 {
				t.Rows[len(t.Rows)-1][8].Small = fmt.Sprintf("of %s, %s", words.Size(k.MaxMemory), orDash(k.Policy))
			}
		}
		out = append(out, t)
	}
	if len(c.Waits) > 0 {
		t := &frame.Table{Title: "Acknowledged writes by what WAIT counted", Head: frame.Heads("Replicas", ">Writes", ">Lost", ">Cannot be told")}
		t.Note = sentences.ShortWaits(c.Waited)
		for _, w := range c.Waits {
			who := words.Count(int64(w.Acked))
			if w.Local {
				who += ", and the server itself"
			}
			t.Row(who, words.Count(w.Writes), words.Count(w.Lost), words.Count(w.Untold))
			if w.Lost > 0 && w.Acked > 0 {
				t.Mark(2, "bad")
			}
		}
		out = append(out, t)
	}
	return out
}

func serverCells(h *history.History, k *result.Counters) []string {
	told := func(n int64) string {
		if n < 0 {
			return words.Dash
		}
		return words.Count(n)
	}
	return []string{sentences.Node(&h.Run, k.Node), told(k.Evicted), told(k.Expired), told(k.OOM), told(k.Full), told(k.Partial), told(k.TurnedDown), told(k.Disconnects), words.Size(k.Memory)}
}
