package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/history"
)

// sameEnding is how far a line of a server's output and the exit of its process may lie apart to tell of one ending, ns: the last
// output comes through a pipe, and a crash report takes its time.
const sameEnding = int64(5e9)

// ending is one process that ended by itself, or said of itself that it crashed.
type ending struct {
	t    int64
	exit *history.Event // nil: only its output tells
	line *history.Event // the first line of its output that does; nil: none
}

// ended counts the servers and sentinels that ended by themselves: by their exit, which nothing of the harness's had asked for, or by a
// line of their output that tells of a crash, a failed assertion or a sanitizer's finding. One ending of one process counts once.
func (x *extra) ended() {
	if x.h.Run.Attached != nil {
		return // none of its processes is ours to see
	}
	x.looks("crash")
	from, loaded := int64(0), false
	byNode := map[int32][]*history.Event{}
	for i := range x.h.Events {
		e := &x.h.Events[i]
		switch e.Kind {
		case history.EvPhase:
			if e.Name == history.PhaseLoad {
				from, loaded = e.T, true
			}
		case history.EvProcess, history.EvLog:
			byNode[e.Node] = append(byNode[e.Node], e)
		}
	}
	for n, es := range byNode {
		slices.SortStableFunc(es, func(a, b *history.Event) int { return cmp.Compare(a.T, b.T) })
		byNode[n] = slices.DeleteFunc(es, func(e *history.Event) bool {
			return e.Kind == history.EvProcess && e.Name == history.ProcessByItself && (!loaded || e.T < from || x.isWorker(n))
		})
	}
	nodes := make([]int32, 0, len(byNode))
	for n := range byNode {
		nodes = append(nodes, n)
	}
	slices.Sort(nodes)
	n := note{class: "crash"}
	for _, node := range nodes {
		for _, e := range endings(node, byNode[node]) {
			n.bug(x.endingText(node, e))
		}
	}
	x.notes([]note{n})
}

func (x *extra) isWorker(n int32) bool {
	return n >= 0 && int(n) < len(x.h.Run.Nodes) && x.h.Run.Nodes[n].Kind == history.Worker
}

// endings joins a node's exits and lines, in order of time. Lines of nobody's output are each one of their own.
func endings(node int32, es []*history.Event) []ending {
	var out []ending
	for _, e := range es {
		if e.Kind == history.EvProcess && e.Name == history.ProcessByItself {
			out = append(out, ending{t: e.T, exit: e})
		}
	}
	process, told := 0, map[int]int{} // the process's number, and its ending that has no exit
	for _, e := range es {
		if e.Kind == history.EvProcess && e.Name == history.ProcessStarted {
			process++
		}
		if e.Kind != history.EvLog || !tellsOfCrash(e.Name) {
			continue
		}
		i := slices.IndexFunc(out, func(o ending) bool { return o.exit != nil && max(o.t-e.T, e.T-o.t) <= sameEnding })
		if i < 0 && node != history.NoNode {
			if k, ok := told[process]; ok {
				i = k
			}
		}
		if i < 0 {
			told[process] = len(out)
			out = append(out, ending{t: e.T, line: e})
		} else if out[i].line == nil {
			out[i].line = e
		}
	}
	slices.SortStableFunc(out, func(a, b ending) int { return cmp.Compare(a.t, b.t) })
	return out
}

// endingText says how a server ended, and what it said last.
func (x *extra) endingText(node int32, e ending) string {
	name := "the run"
	if node != history.NoNode {
		name = x.node(node)
	}
	if e.exit == nil {
		return fmt.Sprintf("%s at %s: %s", name, seconds(e.t), e.line.Text)
	}
	how, output, _ := strings.Cut(e.exit.Text, "\n")
	if e.line != nil {
		output = e.line.Text
	} else if lines := strings.Split(strings.TrimSpace(output), "\n"); len(lines) > 0 {
		output = lines[len(lines)-1]
	}
	text := fmt.Sprintf("%s ended by itself at %s: %s", name, seconds(e.t), how)
	if output != "" {
		text += "; its last words: " + output
	}
	return text
}
