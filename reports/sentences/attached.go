package sentences

import (
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// onlyWatched tells of a setup that somebody else runs that nothing was written to it.
func (t *teller) onlyWatched() bool { return t.run.Attached != nil && !t.run.Attached.Load }

// told tells whether a node said what its settings are.
func (t *teller) told(node int32) bool {
	return node >= 0 && int(node) < len(t.run.Nodes) && len(t.run.Nodes[node].Settings) > 0
}

// watch says what was seen of a setup that was only watched: failovers and two masters first, then the lag of its replicas.
func (t *teller) watch() (first, second string) {
	lag := words.Capital(t.lag()) + "."
	if seen := t.reigns(); seen != "" {
		return seen, lag + " Nothing was written, so what clients lost is not known."
	}
	return lag, "No promotion and no second master was seen. Nothing was written."
}

// reigns says who became master, and for how long there were two; empty when nothing of the kind was seen.
func (t *teller) reigns() string {
	var seen []string
	if fs := t.r.Failovers; len(fs) > 0 {
		seen = append(seen, t.promoted(fs))
	}
	if t.r.Masters.TwoWritable > 0 {
		seen = append(seen, "two nodes said they were master for "+t.measured("two_masters"))
	}
	if len(seen) == 0 {
		return ""
	}
	return words.Capital(strings.Join(seen, ", and ")) + "."
}

// promoted says who became master, each once.
func (t *teller) promoted(fs []result.Failover) string {
	var names []string
	for _, f := range fs {
		if name := Node(t.run, f.New); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	verb := "were promoted"
	if len(fs) == 1 {
		verb = "was promoted"
	} else if len(names) == 1 {
		verb = fmt.Sprintf("was promoted %d times", len(fs))
	}
	return words.List(names) + " " + verb
}

// lag says how far replicas were behind at most.
func (t *teller) lag() string {
	replicas := slices.ContainsFunc(t.r.Staleness, func(s result.Staleness) bool { return s.Node != history.NoNode && s.LagBytes >= 0 })
	s := Overall(t.r)
	switch {
	case s == nil || s.LagBytes < 0:
		return "no lag of a replica was seen, as none could be compared with its master"
	case !replicas && s.LagBytes == 0:
		return "no replica was seen behind its master"
	}
	return fmt.Sprintf("the greatest lag of a replica was %s, %s", t.measured("lag"), t.measured("lag_time"))
}

// measured is a measure's value, in words.
func (t *teller) measured(name string) string {
	for _, v := range t.r.Measures {
		if v.Name == name {
			m, _ := result.MeasureOf(name)
			return m.Interval(v.Value)
		}
	}
	return words.Dash
}
