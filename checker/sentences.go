package checker

import (
	"fmt"
	"strings"

	"github.com/schismtest/schism/history"
)

// sentences puts the result into words: what happened, with its numbers; why; and what bounds it.
func (c *check) sentences() {
	r := &c.a.Result
	switch r.Verdict {
	case Error:
		r.Headline = "Not judged: " + strings.Join(r.Reasons[:min(2, len(r.Reasons))], "; ") + "."
		r.Sub = "The harness lost records, so what they said cannot be told."
		return
	case Unknown:
		r.Headline = "Not decided: " + r.Reasons[0] + "."
		if n := len(r.Reasons) - 1; n > 0 {
			r.Sub = fmt.Sprintf("And for %d more %s, listed below.", n, plural(int64(n), "reason", "reasons"))
		}
		return
	}
	switch {
	case r.Writes.Known && r.Writes.Lost > 0:
		c.lossSentences()
	case c.firstBroken() != "":
		r.Headline = c.firstBroken()
		r.Sub = c.accountSentence()
	case r.Writes.Known:
		r.Headline = c.nothingLost()
		r.Sub = c.shownSentence()
	case c.shownSentence() != "":
		r.Headline = c.shownSentence()
		r.Sub = fmt.Sprintf("Seen in %s operations.", Count(r.Counts.Ops))
	default:
		r.Headline = fmt.Sprintf("Nothing wrong was seen in %s operations.", Count(r.Counts.Ops))
	}
	if b := c.firstBroken(); b != "" && b != r.Headline && r.Writes.Lost == 0 {
		r.Sub = b
	}
	c.why()
}

// nothingLost says what is there where no loss was seen; that nothing is lost is said only where that is known of every write.
func (c *check) nothingLost() string {
	w := &c.a.Result.Writes
	tail := ", on every node."
	if c.a.Result.Convergence.Divergent > 0 {
		tail = " on the master."
	}
	switch {
	case w.Acked == 0:
		return "No write was acknowledged that leaves something behind."
	case w.LostMost > 0 && w.Survived > 0:
		return fmt.Sprintf("No loss was seen, but up to %s of %s acknowledged writes may be lost: %s are there%s", Count(w.LostMost), Count(w.Acked), Count(w.Survived), tail)
	case w.LostMost > 0:
		return fmt.Sprintf("No loss was seen, but up to %s of %s acknowledged writes may be lost: %s.", Count(w.LostMost), Count(w.Acked), c.unsureLoss())
	}
	return fmt.Sprintf("Nothing lost: all %s acknowledged writes are there%s", Count(w.Acked), tail)
}

// lostWords writes the interval of lost writes: "13,652", "at least 350", "between 5,072 and 5,078".
func lostWords(w *Account) string {
	switch {
	case w.LostMost <= w.Lost:
		return Count(w.Lost)
	case w.LostMost >= w.Acked:
		return "at least " + Count(w.Lost)
	}
	return "between " + Count(w.Lost) + " and " + Count(w.LostMost)
}

func (c *check) accountSentence() string {
	w := &c.a.Result.Writes
	if !w.Known {
		return ""
	}
	return c.nothingLost()
}

// firstBroken is the first broken promise as a sentence.
func (c *check) firstBroken() string {
	for _, p := range c.a.Result.Promises {
		if p.Status == Broken {
			if p.Why != "" {
				return fmt.Sprintf("A promise is broken: %s. Measured: %s (%s).", p.Text, p.Measured, p.Why)
			}
			return fmt.Sprintf("A promise is broken: %s. Measured: %s.", p.Text, p.Measured)
		}
	}
	return ""
}

// shownSentence says what the scenario exists to show, when it is no loss.
func (c *check) shownSentence() string {
	var out []string
	for _, s := range c.a.Result.Shows {
		if s.Status == Broken {
			out = append(out, s.Text+": "+s.Measured)
		}
	}
	if len(out) == 0 {
		return ""
	}
	text := strings.Join(out, "; ") + "."
	return strings.ToUpper(text[:1]) + text[1:]
}

// lossSentences tell of lost writes and of how they came to be.
func (c *check) lossSentences() {
	r := &c.a.Result
	l := r.Loss
	r.Headline = capital(fmt.Sprintf("%s of %s acknowledged writes %s lost.", lostWords(&r.Writes), Count(r.Writes.Acked), wasWere(r.Writes.LostMost)))
	var sub []string
	if l == nil {
		r.Sub = "Which of them cannot be told: " + c.unsureLoss() + "."
		return
	}
	if t := r.Masters.TwoWritable; t > 0 && l.SplitBrain > 0 && len(l.Causes) > 0 {
		verb := "went on acknowledging for"
		if f := c.fault(l.Causes[0].Trigger); f != nil && len(f.Links) == 0 {
			verb = "came back and acknowledged writes until" // it was silent in between
		}
		s := fmt.Sprintf("The old master %s %s after the failover", verb, Words(max(0, l.Last-l.Causes[0].T)))
		if healed := c.lastHeal(l.Causes[0].Trigger); healed > 0 && l.Last > healed {
			s += fmt.Sprintf(", %s of it after the heal", Words(l.Last-healed))
		}
		sub = append(sub, s+".")
	} else {
		span := fmt.Sprintf("They were acknowledged within %s", Words(l.Last-l.First))
		if len(l.Causes) > 0 {
			if f := c.fault(c.blame(&l.Causes[0])); f != nil && f.Effect <= l.First+int64(5e8) {
				span += fmt.Sprintf(", from the moment of fault %d on", f.ID)
			}
		}
		sub = append(sub, span+".")
	}
	if l.Unattributed > 0 {
		sub = append(sub, fmt.Sprintf("%s of them %s not attributed to any fault.", Count(l.Unattributed), isAre(l.Unattributed)))
	}
	r.Sub = strings.Join(sub, " ")
}

// blame is the fault that explains a cause best: what held replication back, else the trigger.
func (c *check) blame(cause *Cause) int {
	if len(cause.Enablers) > 0 {
		return cause.Enablers[0]
	}
	return cause.Trigger
}

func (c *check) lastHeal(id int) int64 {
	if f := c.fault(id); f != nil {
		return f.Healed
	}
	return 0
}

// why tells the mechanism behind the greatest cause of loss, and the setting that bounds it.
func (c *check) why() {
	r := &c.a.Result
	if r.Loss == nil || len(r.Loss.Causes) == 0 {
		return
	}
	cause := &r.Loss.Causes[0]
	old, winner := c.node(cause.Node), c.node(cause.Winner)
	f := c.fault(cause.Trigger)
	cut := f != nil && len(f.Links) > 0
	switch {
	case endKind(cause.Kind) == endPromotion && r.Loss.SplitBrain > 0 && cut:
		r.Why = fmt.Sprintf("%s was cut off together with its clients. Sentinel promoted %s on the other side, but %s could not hear of it and kept answering OK. When it rejoined as a replica of %s, it threw those writes away.", old, winner, old, winner)
		r.Bounds = "min-replicas-to-write is 0 by default. With 1 and min-replicas-max-lag 3, a cut-off master stops acknowledging after about 4 s: scenario split-brain-min-replicas."
		if c.configured("min-replicas-to-write") {
			r.Bounds = "min-replicas-to-write is set: the cut-off master stopped acknowledging once its replicas had been silent for min-replicas-max-lag."
		}
	case endKind(cause.Kind) == endPromotion && r.Loss.SplitBrain > 0:
		r.Why = fmt.Sprintf("%s did not answer for a while, so Sentinel promoted %s. When %s came back it still took itself for the master and acknowledged writes, until Sentinel made it a replica of %s and it threw them away.", old, winner, old, winner)
		r.Bounds = "Sentinel demotes a returned master after about 10 s, whatever down-after is; min-replicas-to-write with min-replicas-max-lag makes it refuse writes instead."
	case endKind(cause.Kind) == endPromotion && len(cause.Enablers) > 0:
		r.Why = fmt.Sprintf("%s acknowledged them while its link to %s was held back, and was gone before it could send them. %s was promoted without them, and %s threw its own copy away when it rejoined.", old, winner, winner, old)
		r.Bounds = "Replication is asynchronous: an OK says nothing about replicas. WAIT tells how many have a write; min-replicas-to-write refuses writes when replicas fall silent."
	case endKind(cause.Kind) == endPromotion:
		r.Why = fmt.Sprintf("%s acknowledged them, but had not yet sent them when it was gone. %s was promoted without them, and %s threw its own copy away when it rejoined.", old, winner, old)
		r.Bounds = "Replication is asynchronous: an OK says nothing about replicas. WAIT tells how many have a write."
	case endKind(cause.Kind) == endRestart:
		r.Why = fmt.Sprintf("%s came back without the data that it had acknowledged, and its replicas copied that state.", old)
		r.Bounds = "Persistence on the master, or no automatic restart of one without it, keeps an empty master from wiping its replicas."
	default:
		r.Why = fmt.Sprintf("%s was told to replicate from another master, and replaced its own data with what it found there.", old)
		r.Bounds = "REPLICAOF asks nothing: only who may send it bounds the damage."
	}
}

// configured reports whether a setting was changed on any server.
func (c *check) configured(name string) bool {
	for _, n := range c.h.Run.Nodes {
		for _, kv := range n.Config {
			if kv.K == name && n.Kind == history.Server && kv.V != "" && kv.V != "0" {
				return true
			}
		}
	}
	return false
}
