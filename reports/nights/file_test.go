package nights

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/reports/sentences"
)

// lineOf is a line with what every line must have.
func lineOf(run, started string) Line {
	return Line{Version: LineVersion, Run: run, Scenario: "healthy", Server: "redis:7.0", Started: started, Judged: "2026-01-02T00:00:00Z", Verdict: result.Pass, Headline: "Nothing lost."}
}

func runs(h *History) string {
	var out []string
	for _, l := range h.Lines {
		out = append(out, l.Run)
	}
	return strings.Join(out, " ")
}

func TestLineReadsBackAsItWasWritten(t *testing.T) {
	run := &history.Run{ID: "a1", Scenario: "split-brain", Server: "redis:7.0", Image: "schism/redis:7.0", ImageID: "sha256:0123", Seed: 7, Started: "2026-01-01T00:00:00Z", Night: "n1",
		Host:  []history.KV{{K: "schism", V: "v1.2.3"}, {K: "kernel", V: "6.1"}, {K: "server", V: "x"}},
		Nodes: []history.Node{{Kind: history.Server, Version: "7.0.15", Build: "b1"}}}
	r := result.Result{Verdict: result.Violation, Promises: []result.PromiseResult{
		{Promise: result.NothingLost(), Status: result.Broken, Text: "no acknowledged write is lost", Limit: "0", Measured: "at least 350", Value: result.AtLeast(350, "masked")},
		{Promise: result.WritableWithin(10 * time.Second), Status: result.Undecided, Text: "writable again within 10 s", Why: "nobody tried"},
		{Promise: result.LossOnlyBetween(result.EffectOf(1).Plus(-time.Second), result.HealOf(1)), Status: result.Kept},
	}}
	want := LineOf(run, &sentences.File{Sentences: sentences.Sentences{Headline: "At least 350 were\x1b[2J lost."}, Result: r}, "s/v/r", time.Unix(0, 0))
	require.Equal(t, "lost=0", want.Broken[0].Key)
	require.Equal(t, "rta=10", want.Undecided[0].Key)
	require.Equal(t, []string{"lost_outside=0[effect 1 -1..heal 1]"}, want.Kept)
	require.NotContains(t, want.Headline, "\x1b")
	require.Equal(t, 1, want.Exit)
	require.Equal(t, []history.KV{{K: "kernel", V: "6.1"}}, want.Machine)
	b, err := want.encode()
	require.NoError(t, err)
	h, err := parse(strings.NewReader(string(b)))
	require.NoError(t, err)
	require.Equal(t, []Line{want}, h.Lines)
}

func TestWhatCannotBeReadIsKept(t *testing.T) {
	dir := t.TempDir()
	good, err := func() ([]byte, error) { l := lineOf("a", "1"); return l.encode() }()
	require.NoError(t, err)
	newer := `{"v":2,"run":"b","verdict":{"word":"pass"}}`
	odd := []string{`rubbish`, `{"v":1,"run":"c"}`, `{"v":1,"run":"d","scenario":"s","server":"x","verdict":"splendid"}`, `{"v":0}`, `[]`, `{"v":1,"run":` + "\x00"}
	name := filepath.Join(dir, FileName)
	text := newer + "\n" + strings.Join(odd, "\n") + "\n\n" + string(good) + newer + "\n" + `{"v":1,"run":"torn`
	require.NoError(t, os.WriteFile(name, []byte(text), 0o644))

	require.NoError(t, Append(t.Context(), dir, lineOf("z", "2")))
	h, err := Read(name)
	require.NoError(t, err)
	require.Equal(t, "a z", runs(h), "half a line does not swallow the next one")
	require.Equal(t, []string{newer}, h.Newer)
	require.Equal(t, append(odd, `{"v":1,"run":"torn`), h.Damaged)

	for range 2 { // writing it again changes nothing and drops nothing
		require.NoError(t, Update(t.Context(), dir, func(old *History) (*History, error) { return Merge(old, h), nil }))
		again, err := Read(name)
		require.NoError(t, err)
		require.Equal(t, h, again)
	}
}

func TestMergeKeepsOneLineOfEveryRun(t *testing.T) {
	judged := func(l Line, at string, v result.Verdict) Line { l.Judged, l.Verdict = at, v; return l }
	dead := lineOf("b", "2")
	dead.Unfinished, dead.Judged = true, "9"
	a := &History{Lines: []Line{lineOf("c", "3"), lineOf("a", "1"), dead}}
	b := &History{Lines: []Line{judged(lineOf("a", "1"), "3", result.Violation), lineOf("b", "2"), lineOf("d", "3")}}
	for _, h := range []*History{Merge(a, b), Merge(b, a), Merge(b, a, b)} {
		require.Equal(t, "a b c d", runs(h))
		require.Equal(t, result.Violation, h.Lines[0].Verdict, "the one judged last holds")
		require.False(t, h.Lines[1].Unfinished, "a result holds before none")
	}
}

func TestAppendByMany(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if i%5 == 0 {
				require.NoError(t, Update(t.Context(), dir, func(h *History) (*History, error) { return h, nil }))
			}
			require.NoError(t, Append(t.Context(), dir, lineOf(fmt.Sprintf("%02d", i), "1")))
		})
	}
	wg.Wait()
	h, err := Read(filepath.Join(dir, FileName))
	require.NoError(t, err)
	require.Len(t, h.Lines, 20)
}

func TestLockGivesUp(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, locked(t.Context(), dir, func() error {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, fmt.Errorf("told to stop"))
		defer cancel()
		require.ErrorContains(t, Append(ctx, dir, lineOf("a", "1")), "told to stop")
		return nil
	}))
}

func FuzzParse(f *testing.F) {
	l := lineOf("a", "1")
	b, err := l.encode()
	require.NoError(f, err)
	f.Add(string(b))
	f.Add(`{"v":1}` + "\n" + `{"v":3}`)
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parse(strings.NewReader(text))
		require.NoError(t, err)
		out, err := h.bytes()
		require.NoError(t, err)
		again, err := parse(strings.NewReader(string(out)))
		require.NoError(t, err)
		require.Equal(t, len(h.Lines), len(again.Lines))
		require.Equal(t, h.Damaged, again.Damaged)
		require.Equal(t, h.Newer, again.Newer)
		Compare(h, nil, "")
		Compare(h, nil, "x")
	})
}
