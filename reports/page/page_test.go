package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/reports/internal/fixture"
)

func render(t *testing.T, h *history.History, a *result.Analysis, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Write(&b, h, a, files))
	// A page to look at, for whoever works on it.
	if out := os.Getenv("SCHISM_REPORT_OUT"); out != "" {
		require.NoError(t, os.WriteFile(filepath.Join(out, strings.ReplaceAll(t.Name(), "/", "-")+".html"), b.Bytes(), 0o644))
	}
	return b.String()
}

var (
	policy  = regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`)
	element = regexp.MustCompile(`(?s)<(style|script)>(.*?)</(?:style|script)>`)
	own     = regexp.MustCompile(`(?s)<(style|script)[^>]*>.*?</(?:style|script)>`)
	quoted  = regexp.MustCompile(`sha256-([A-Za-z0-9+/=]|&#43;)+`)
)

func TestPageGolden(t *testing.T) {
	h, a := fixture.SplitBrain(25)
	page := render(t, h, a, "run.json", "result.json", "logs/n1.log")
	page = own.ReplaceAllString(page, "<$1/>")
	fixture.Golden(t, "split-brain.html", quoted.ReplaceAllString(page, "sha256-"))
}

// The policy admits exactly the page's own style and scripts, by their hashes, and the page has nothing else to admit.
func TestPageKeepsItsPolicy(t *testing.T) {
	h, a := fixture.SplitBrain(100)
	page := render(t, h, a)
	m := policy.FindStringSubmatch(page)
	require.NotNil(t, m)
	csp := html.UnescapeString(m[1])
	require.True(t, strings.HasPrefix(csp, "default-src 'none';"), csp)
	n := 0
	for _, e := range element.FindAllStringSubmatch(page, -1) {
		s := sha256.Sum256([]byte(e[2]))
		require.Contains(t, csp, "'sha256-"+base64.StdEncoding.EncodeToString(s[:])+"'", e[1])
		n++
	}
	require.Equal(t, 3, n)
	require.NotRegexp(t, ` style="`, page)
	require.NotRegexp(t, ` on[a-z]+="`, page)
	require.NotRegexp(t, `(src|href)="(https?:)?//`, page)
}

func TestPageIsAFunctionOfItsHistory(t *testing.T) {
	h1, a1 := fixture.SplitBrain(100)
	h2, a2 := fixture.SplitBrain(100)
	require.Equal(t, render(t, h1, a1), render(t, h2, a2))
}

func TestPageStaysSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("a million operations")
	}
	h, a := fixture.SplitBrain(14500)
	require.Greater(t, h.Ops.Len(), 1_000_000)
	began := time.Now()
	page := render(t, h, a)
	t.Logf("%d operations: %d bytes in %s", h.Ops.Len(), len(page), time.Since(began).Round(time.Millisecond))
	require.Less(t, len(page), 2_000_000)
}

func TestPageEscapes(t *testing.T) {
	const evil = `</script><script>alert(1)</script><img src=x onerror=alert(1)>"'` + "`\x00\x1b[31m\u202e"
	h, a := fixture.SplitBrain(50)
	h.Run.Scenario, h.Run.Why, h.Run.Command, h.Run.Image = evil, evil, evil, evil
	h.Run.Setup = []history.KV{{K: evil, V: evil}}
	h.Run.Host = []history.KV{{K: evil, V: evil}}
	h.Run.Replaced = []history.Replaced{{Where: evil, Line: evil, Why: evil}}
	for i := range h.Run.Nodes {
		n := &h.Run.Nodes[i]
		n.Name, n.Version, n.Build, n.RunID = evil, evil, evil, evil
		n.Config = []history.KV{{K: evil, V: evil}}
	}
	for i := range h.Keys {
		h.Keys[i] = evil
	}
	for i := range h.Events {
		h.Events[i].Text += evil
	}
	h.Events = append(h.Events, history.Event{Kind: history.EvLog, Name: evil, Text: evil, T: 2e9}, history.Event{Kind: history.EvNote, Name: evil, Text: evil, T: 3e9})
	f := &h.Faults[0]
	f.Text, f.When, f.Proof, f.HealProof, f.Kind = evil, evil, evil, evil, evil
	r := &a.Result
	r.Do, r.Reasons = evil, []string{evil}
	for i := range r.Promises {
		p := &r.Promises[i]
		p.Text, p.Limit, p.Measured, p.Why, p.Promise.Measure, p.Promise.Note, p.Promise.By = evil, evil, evil, evil, evil, evil, "flag"
	}
	for i := range r.Witnesses {
		r.Witnesses[i].Title, r.Witnesses[i].Text = evil, evil
	}
	for i := range r.Failovers[0].Steps {
		r.Failovers[0].Steps[i].Text, r.Failovers[0].Steps[i].Detail = evil, evil
	}
	for i := range r.Visibility {
		r.Visibility[i].Window = evil
	}
	r.Registers[0].Porcupine, r.Registers[0].Scope = evil, evil
	r.Sessions[0].Name = evil
	r.Fair = []result.Fair{{OK: true, Text: evil}, {Text: evil}}
	r.Shows[0].Text, r.Shows[0].Measured = evil, evil
	r.Counts.Errors = map[string]int64{evil: 1}
	r.Findings = []result.Finding{{Class: evil, Count: 1, Text: evil, Undecided: evil}}
	r.Convergence.Sample = []result.DivergentKey{{Key: evil, Nodes: []int32{0}, Text: []string{evil}}}
	r.Loss.Causes[0].Kind, r.Loss.Causes[0].Text = evil, evil
	h.Missing, h.Torn = []string{evil}, evil
	page := render(t, h, a, "logs/"+evil, "javascript:alert(1)", "/etc/passwd", "../x")
	require.NotContains(t, page, "<script>alert")
	require.NotContains(t, page, "<img")
	require.NotContains(t, page, `href="javascript`)
	require.NotContains(t, page, "passwd")
	require.NotContains(t, page, "../x")
	require.NotRegexp(t, "[\x00\x1b\u202e]", page)
}

// A section without data is left out; what was not measured is a dash, never a zero.
func TestPageLeavesOutWhatItHasNot(t *testing.T) {
	h := history.FromOps(nil, nil)
	a := &result.Analysis{}
	a.Result = result.Result{Verdict: result.Unknown, Reasons: []string{"no operation ran"}, Do: "look at the worker's log"}
	a.Result.Availability.RTA = -1
	page := render(t, h, a)
	for _, id := range []string{"failover", "witnesses", "checks", "visibility", "downloads", "promises"} {
		require.NotContains(t, page, `id="`+id+`"`)
	}
	require.Contains(t, page, "? ")
	require.Contains(t, page, "What to do: look at the worker&#39;s log")
	require.Contains(t, page, "Unknown")
}

// An imported history of transactions has no nodes, no samples and no register: anomalies and witnesses are what there is.
func TestPageOfAnImportedHistory(t *testing.T) {
	var ops []history.Op
	for i := range int64(40) {
		l := history.EncodeMops([]history.Mop{{F: history.FAppend, Key: i % 3, In: i}, {F: history.FReadList, Key: (i + 1) % 3, List: []int64{i, i + 1}}})
		o := history.Op{Process: int32(i % 4), Client: int32(i % 4), Worker: history.NoNode, F: history.FTxn, Node: history.NoNode, In: history.None, Arg: history.None, Out: history.None, Acked: -1, Call: i * 1000, Return: i*1000 + 1500, List: l}
		if i%9 == 8 {
			o.Outcome, o.Err = history.Info, history.ErrTimeout
		}
		o.Intended = o.Call
		ops = append(ops, o)
	}
	h := history.FromOps(ops, []string{"txn"})
	h.Run = history.Run{Scenario: "list-append", Imported: "edn"}
	a := &result.Analysis{Fate: make([]result.Fate, len(ops))}
	a.Result = result.Result{Verdict: result.Violation, Counts: result.Counts{Ops: 40, OK: 36, Info: 4, Writes: 40, Keys: 3},
		Findings:  []result.Finding{{Class: "G1c", Count: 2, Bugs: 2, Text: "T1 saw T2, which saw T1", Ops: []int{1, 2}}},
		Promises:  []result.PromiseResult{{Promise: result.Promise{Measure: "G1c", By: "always"}, Status: result.Broken, Text: "no circular information flow", Limit: "0", Measured: "2", Witness: "w1"}},
		Witnesses: []result.Witness{{ID: "w1", Title: "a cycle of two transactions", Text: "Each saw the other.", Ops: []int{0, 1, 2, 8}, Marked: []int{1, 2, 8}}}}
	a.Result.Availability.RTA = -1
	page := render(t, h, a)
	require.Contains(t, page, "G1c")
	require.Contains(t, page, "append 1 to 1; read 2: [1 2]")
	require.Contains(t, page, "unknown (timeout)")
	require.NotContains(t, page, "seed 0")
	require.NotContains(t, page, `id="lane-roles"`)
}

func TestAPromisedVisibilityStandsInTheCurve(t *testing.T) {
	h, a := fixture.SplitBrain(20)
	var b bytes.Buffer
	require.NoError(t, Write(&b, h, a, nil))
	require.Contains(t, b.String(), "promised: 99.9 % after 100 ms</text>")
	for i := range a.Result.Promises {
		a.Result.Promises[i].Promise.Measure = "other"
	}
	b.Reset()
	require.NoError(t, Write(&b, h, a, nil))
	require.NotContains(t, b.String(), "promised: 99.9 %")
}

// What became of some writes cannot be told: the page says an interval, and why, wherever it says the number.
func TestPageSaysIntervals(t *testing.T) {
	h, a := fixture.SplitBrain(20)
	w := &a.Result.Writes
	w.Masked, w.MaskedWhy, w.LostMost = 68, "increments that were lost cannot be told from those that were not", w.Lost+6
	w.Survived -= 68
	a.Result.Promises[0].Status, a.Result.Promises[0].Measured, a.Result.Promises[0].Why = result.Undecided, "58 to 64", "the fate of 68 writes cannot be told"
	page := render(t, h, a)
	require.Contains(t, page, fmt.Sprintf(`<div class="n bad">%d to %d <small>`, w.Lost, w.LostMost))
	require.Contains(t, page, "The fate of 68 acknowledged writes cannot be told one by one: increments that were lost")
	require.Contains(t, page, "<b>58 to 64</b><small>the fate of 68 writes cannot be told</small>")
	require.Contains(t, page, "<small>68 cannot be told</small>")
	w.Lost, w.LostMost = 0, 6
	require.Contains(t, render(t, h, a), `<div class="n">up to 6 <small>`)
}

func TestPageSaysWhatWasFoundAndLookedFor(t *testing.T) {
	h, a := fixture.SplitBrain(20)
	a.Result.Findings = append(a.Result.Findings, result.Finding{Class: "phantom", Scope: result.MasterReads, Count: 9, Bugs: 9, Text: "k:0005: process 3 read 77, which nobody wrote"})
	a.Result.Unclaimed = []result.Unclaimed{{F: "cas", Count: 12, Why: "no judge knows this function"}}
	page := render(t, h, a)
	require.Contains(t, page, "Values that nobody wrote<small>phantom</small>")
	require.Contains(t, page, `<td class="r bad">9</td>`)
	require.Contains(t, page, "Undecided: the samples around the cut are too far apart.")
	require.Contains(t, page, "Operations that nobody judges")
	require.Contains(t, page, "<summary>What was looked for</summary>")
	require.Contains(t, page, "keys that differ between nodes")
	require.Contains(t, page, "<summary>6 promises of every run</summary><ul><li>no read returns what nobody wrote</li>")
	require.Contains(t, page, "61 besides, across a change of master or of its data")
}

// With records missing nothing is judged: the page accuses nobody.
func TestPageOfMissingRecordsJudgesNothing(t *testing.T) {
	h, a := fixture.SplitBrain(20)
	h.Missing = []string{"batch 3 of w1"}
	a.Result.Verdict, a.Result.Reasons = result.Error, h.Missing
	page := render(t, h, a)
	require.Contains(t, page, "Not judged: records are missing (batch 3 of w1).")
	require.Contains(t, page, "12 promises not judged")
	require.NotContains(t, page, `>broken<`)
	require.NotContains(t, page, "Lost acknowledged writes")
	require.NotContains(t, page, "were lost")
	require.NotContains(t, page, "then lost")
	require.NotContains(t, page, "Lost by cause")
	require.NotContains(t, page, "<b>Shows</b>")
}

// A key figure shows both ends of its measure, or says that nothing bounds it.
func TestFiguresAreIntervals(t *testing.T) {
	r := &result.Result{Measures: []result.MeasureValue{{Name: "rta", Value: result.Between(3.1, 3.4, "")}, {Name: "write_gap", Value: result.AtLeast(5, "")}, {Name: "converge", Value: result.Unmeasured("")}}}
	for measure, want := range map[string]string{"rta": "3.1 to 3.4 s", "write_gap": "at least 5 s", "converge": "7 s", "no such": "7 s"} {
		f := (&figure{N: "7", Unit: "s"}).time(r, measure)
		require.Equal(t, want, f.N+" "+f.Unit, measure)
	}
}

// A fault that stopped nobody at once is not where the outage began.
func TestWhereAnOutageBegan(t *testing.T) {
	h := &history.History{Faults: []history.Fault{{ID: 1, Effect: 5e9}}}
	r := &result.Result{}
	r.Availability.RTA, r.Availability.RTAFault = 1e9, 1
	for from, says := range map[int64]string{49e8: "from the effect of fault 1 to", 6e9: "from the last ok write after fault 1 to"} {
		r.Availability.Outage = result.Gap{From: from, To: 7e9}
		require.Contains(t, string(rtaFigure(h, r).Lines[0]), says)
	}
}
