package charts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// milli is a millisecond in ns.
const milli = int64(1e6)

// staleRun is a run in which n2 was read twice: 4 s after a write that it missed and that was lost later, and 1 ms after one that stayed.
func staleRun(kept *result.Ages, why string) *Timeline {
	read := func(call int64) history.Op {
		return history.Op{F: history.FRead, Node: 0, Worker: history.NoNode, Flags: history.FlagReplicaRead, In: history.None, Arg: history.None, Out: 1, Acked: -1, Call: call, Intended: call, Return: call + milli}
	}
	h := history.FromOps([]history.Op{read(5e9), read(6e9)}, []string{"r:0"})
	h.Run.Nodes = []history.Node{{Name: "n2", Kind: history.Server}}
	a := &result.Analysis{Fate: make([]result.Fate, 2), Ages: result.AgesOf(2, map[int]result.ReadAge{0: {Lo: 4e9, Hi: 4e9 + 2*milli}, 1: {Lo: milli, Hi: 3 * milli, KeptLo: milli, KeptHi: 3 * milli}})}
	a.Result.Writes = result.Account{Known: true, Acked: 3, Lost: 1, LostMost: 1}
	a.Result.Staleness = []result.Staleness{{Node: 0, Reads: 2, Ages: result.Ages{Stale: 2, StaleMost: 2, P99: 4e9, P99Most: 4e9 + 2*milli, Max: 4e9, MaxMost: 4e9 + 2*milli}, Kept: kept, KeptWhy: why}}
	return New(h, a)
}

// Table, histogram and timeline say the same, and which of the two stalenesses it is.
func TestStalenessSaysOneThing(t *testing.T) {
	tl := staleRun(&result.Ages{Stale: 1, StaleMost: 1, P99: milli, P99Most: 3 * milli, Max: milli, MaxMost: 3 * milli}, "")
	table := tl.StaleTable()
	require.Contains(t, table.Note, "as the timeline and the histogram do")
	var cells []string
	for _, c := range table.Rows[0] {
		cells = append(cells, c.Text)
	}
	require.Equal(t, []string{"n2", "2", "0 %", "0", "4 s", "4 s", "50.0 %", "1 ms to 3 ms", "1 ms to 3 ms", "0"}, cells)
	hist := tl.histogram()
	require.Contains(t, hist.Note, "Of what survived")
	require.Contains(t, string(hist.Chart), "50.0 % fresh")
	require.Contains(t, string(hist.Chart), "p99 1 ms to 3 ms, max 1 ms to 3 ms")
	lane, ss := tl.staleLane(tl.gather())
	require.Contains(t, lane.Note, "of what survived")
	require.Equal(t, float64(milli), ss[0].max)
}

func TestStalenessWithLostWritesCounted(t *testing.T) {
	tl := staleRun(nil, "the final data was not read")
	require.Contains(t, tl.StaleTable().Note, "the final data was not read")
	hist := tl.histogram()
	require.Contains(t, hist.Note, "Lost writes counted too")
	require.True(t, strings.Contains(string(hist.Chart), "0 % fresh"))
	lane, ss := tl.staleLane(tl.gather())
	require.Contains(t, lane.Note, "lost writes counted too")
	require.Equal(t, float64(4e9), ss[0].max)
}
