package sim

import (
	"os"
	"strconv"
	"testing"
)

func TestDebug(t *testing.T) {
	s, err := strconv.ParseInt(os.Getenv("SEED"), 10, 64)
	if err != nil { t.Skip() }
	r := judge(Config{Seed: s})
	r.compare()
	t.Logf("%+v", r.tr.Config)
	t.Logf("faults %+v truth %+v promotions %+v", r.h.Faults, r.tr.Faults, r.tr.Promotions)
	for _, p := range r.ps { t.Log(p.what, p.text) }
	for _, f := range r.a.Result.Findings {
		if f.Bugs > 0 { t.Logf("%+v", f)
		for _, i := range f.Ops { t.Logf("%+v %+v", r.h.Ops.At(i), r.tr.Kept()[i]) } }
	}
	if os.Getenv("SAMPLES") != "" {
		for _, s := range r.h.Samples { t.Log(s.Node, s.Call/1e6, s.Return/1e6, s.Answered, s.Role, s.RunID, s.ReplID, s.ReplID2, s.Offset, s.SecondOffset, s.LinkUp, s.SyncRunning) }
	}
	t.Logf("%+v", r.a.Result.Loss)
	t.Logf("%+v", r.a.Result.Masters)
	t.Logf("%+v", r.a.Result.Availability)
}
