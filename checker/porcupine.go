package checker

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// opinionTime bounds porcupine's work on one key, opinionKeys how many it is asked about.
const (
	opinionTime = 2 * time.Second
	opinionKeys = 3
)

// regState is a register whose value may not be known yet, at the start of a window.
type regState struct {
	known bool
	value int64
}

// regInput is an operation as porcupine's model sees it.
type regInput struct {
	write, pred bool
	in, out     int64
}

// windowModel is a register of which a window is judged: what it held before is anything.
func windowModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return regState{} },
		Step: func(state, input, _ any) (bool, any) {
			s, in := state.(regState), input.(regInput)
			if in.write {
				return !in.pred || !s.known || s.value == in.out, regState{true, in.in}
			}
			return !s.known || s.value == in.out, regState{true, in.out}
		},
		Equal: func(a, b any) bool { return a == b },
	}
}

// secondOpinion asks porcupine about the windows around the worst conflicts. A part of a history that cannot be put in order
// proves that the whole cannot; one that can be proves nothing.
func secondOpinion(h *history.History, keys *registerOpsByKey, l *result.Linear) string {
	asked := map[uint32]bool{}
	var agrees, silent, undecided int
	for i := range l.Worst {
		c := &l.Worst[i]
		if asked[c.Key] || len(asked) == opinionKeys || c.Kind == "phantom" || c.Kind == "aborted_read" {
			continue
		}
		asked[c.Key] = true
		is, _, _ := windowAround(h, keys, c)
		switch porcupine.CheckOperationsTimeout(windowModel(), windowHistory(h, is, l.Scope == result.MasterReads), opinionTime) {
		case porcupine.Illegal:
			agrees++
		case porcupine.Unknown:
			undecided++
		default:
			silent++
		}
	}
	if len(asked) == 0 {
		return ""
	}
	text := fmt.Sprintf("porcupine agrees on %d of %d failing %s", agrees, len(asked), plural(int64(len(asked)), "key", "keys"))
	if undecided > 0 {
		text += fmt.Sprintf(", ran out of time on %d", undecided)
	}
	if silent > 0 {
		text += fmt.Sprintf(", and finds an order for the window around %d", silent)
	}
	return text
}

// windowHistory is a window as porcupine takes it. A predecessor is only held to be one when its write stands in the window.
func windowHistory(h *history.History, is []int, masterOnly bool) []porcupine.Operation {
	ops := &h.Ops
	written := map[int64]bool{}
	for _, i := range is {
		if ops.F[i] == history.FWrite {
			written[ops.In[i]] = true
		}
	}
	var out []porcupine.Operation
	for _, i := range is {
		write := ops.F[i] == history.FWrite
		if ops.Outcome[i] == history.Fail || !write && (ops.Outcome[i] != history.OK || masterOnly && ops.Flags[i]&history.FlagReplicaRead != 0) {
			continue
		}
		in := regInput{write: write, in: ops.In[i], out: ops.Out[i]}
		in.pred = write && ops.Outcome[i] == history.OK && ops.Flags[i]&history.FlagPred != 0 && (written[in.out] || in.out == history.Nil)
		out = append(out, porcupine.Operation{ClientId: int(ops.Process[i]), Input: in, Call: ops.Call[i], Return: ops.Return[i]})
	}
	return out
}
