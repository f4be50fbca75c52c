package sentences

import (
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// Sentences are what a result says to people.
type Sentences struct {
	Headline string `json:"headline"`         // the first sentence, with its numbers
	Sub      string `json:"sub,omitempty"`    // what else was seen
	Why      string `json:"why,omitempty"`    // the mechanism of the greatest loss, as far as this run shows it
	Bounds   string `json:"bounds,omitempty"` // what bounds it, as far as this run does not contradict it
}

// teller makes the sentences of one result.
type teller struct {
	run *history.Run
	r   *result.Result
}

// Of puts a result into words. They are made of the result alone, so the same result reads the same everywhere.
func Of(run *history.Run, r *result.Result) Sentences {
	t := &teller{run, r}
	var s Sentences
	switch {
	case r.Verdict == result.Error:
		s.Headline, s.Sub = t.notJudged()
		return s
	case r.Model != "":
		s.Headline = t.model()
		return s
	case r.Verdict == result.Unknown:
		s.Headline, s.Sub = t.notDecided()
		return s
	case t.onlyWatched() && r.Verdict != result.Violation:
		s.Headline, s.Sub = t.watch()
		return s
	case r.Verdict == result.Violation:
		s.Headline, s.Sub = t.violation()
		first, rest := t.notable()
		s.Headline, s.Sub = join(s.Headline, first), join(rest, s.Sub)
	default:
		s.Headline, s.Sub = t.pass()
	}
	if !strings.Contains(s.Headline+s.Sub, Noun("wait_short")) {
		s.Sub = join(s.Sub, ShortWaits(r.Causes.Waited))
	}
	s.Why, s.Bounds = t.why()
	return s
}

// notJudged says what is missing. With records missing nothing is judged, whatever was counted.
func (t *teller) notJudged() (first, second string) {
	rs := t.r.Reasons
	if len(rs) == 0 {
		return "Not judged.", ""
	}
	why := strings.Join(strings.Fields(t.run.Incomplete), " ")
	if t.run.Lost && len(rs) == 1 && strings.HasSuffix(rs[0], t.run.Incomplete) { // nothing else is missing
		return "Not judged: the run did not go to its end (" + why + ").", "No promise is judged by what was seen until then."
	}
	missing := strings.Join(rs[:min(2, len(rs))], "; ")
	if n := len(rs) - 2; n > 0 {
		missing += fmt.Sprintf(" and %d more", n)
	}
	second = "What they said cannot be told, so no promise is judged by the rest."
	if why != "" { // that is why they are
		return "Not judged: the run did not go to its end (" + why + ").", "Records are missing (" + missing + "). " + second
	}
	return "Not judged: records are missing (" + missing + ").", second
}

func (t *teller) notDecided() (first, second string) {
	rs := t.r.Reasons
	if len(rs) == 0 {
		return "Not decided.", ""
	}
	seen, rest := t.notable()
	first = "Not decided: " + strings.TrimPrefix(rs[0], "not decided: ") + "."
	if what, _, ok := strings.Cut(first, " ("); ok && seen != "" && len(first)+len(seen) > longHeadline {
		first = what + "." // the reason stands whole in the list of all
	}
	if t.takeover() != "" { // the reason of all others
		first = join(seen, first)
	} else {
		first = join(first, seen)
	}
	second = rest
	if n := int64(len(rs) - 1); n > 0 {
		second = join(second, fmt.Sprintf("And for %s, listed below.", words.Plural(n, "more reason", "more reasons")))
	}
	return first, second
}

// model is the sentence of a history from elsewhere, which its model alone judges.
func (t *teller) model() string {
	r := t.r
	switch r.Verdict {
	case result.Violation:
		var bad []string
		for _, name := range r.Forbidden {
			bad = append(bad, fmt.Sprintf("%s: %s", Noun(name), words.Count(t.found(name))))
		}
		if n := r.Writes.Lost; n > 0 {
			bad = append(bad, "acknowledged elements that never came out: "+words.Count(n))
		}
		return fmt.Sprintf("Not a correct %s: %s.", r.Model, strings.Join(bad, ", "))
	case result.Unknown:
		why := ""
		if len(r.Reasons) > 0 {
			why = ": " + r.Reasons[0]
		}
		return fmt.Sprintf("Undecided as %s%s.", r.Model, why)
	}
	return fmt.Sprintf("%s operations are a correct %s.", words.Count(r.ModelOps), r.Model)
}

// found is how many cases of a class there are, by its first scope: one scope of reads holds the other.
func (t *teller) found(class string) int64 {
	for _, f := range t.r.Findings {
		if f.Class == class && f.Count > 0 {
			return f.Count
		}
	}
	return 0
}

// Noun is what a count of a measure or class counts.
func Noun(measure string) string { return result.Promise{Measure: measure}.Noun() }

// pass says what is there, and first of all what a run lost or showed although no promise forbids it.
func (t *teller) pass() (first, second string) {
	r := t.r
	notable, rest := t.notable()
	switch shown := t.shown(); {
	case r.Writes.Known && r.Writes.Lost > 0:
		return join(t.lost(), notable), join(rest, t.lostHow())
	case notable != "" && r.Writes.Known:
		return notable, join(rest, t.nothingLost(), shown)
	case notable != "":
		return notable, join(rest, shown)
	case r.Writes.Known:
		return t.nothingLost(), shown
	case shown != "":
		return shown, fmt.Sprintf("Seen in %s operations.", words.Count(r.Counts.Ops))
	}
	if seen := t.reigns(); seen != "" && !r.Writes.Known {
		return seen, fmt.Sprintf("What became of the writes is not known. Nothing wrong was seen in what %s operations were answered.", words.Count(r.Counts.Ops))
	}
	return fmt.Sprintf("Nothing wrong was seen in %s operations.", words.Count(r.Counts.Ops)), ""
}

// shown says what the scenario exists to show, when it is no loss.
func (t *teller) shown() string {
	var out []string
	for _, s := range t.r.Shows {
		if s.Status == result.Broken {
			out = append(out, s.Text+": "+s.Measured)
		}
	}
	if len(out) == 0 {
		return ""
	}
	return words.Capital(strings.Join(out, "; ")) + "."
}

// nothingLost says what is there where no loss was seen; that nothing is lost is said only where that is known of every write.
func (t *teller) nothingLost() string {
	w := &t.r.Writes
	tail := ", on every node."
	if t.r.Convergence.Divergent > 0 || !t.r.Convergence.Barrier {
		tail = " on the master."
	}
	switch {
	case w.Acked == 0:
		return "No write was acknowledged that leaves something behind."
	case w.LostMost > 0 && w.Survived > 0:
		return fmt.Sprintf("No loss was seen, but up to %s of %s acknowledged writes may be lost: %s are there%s", words.Count(w.LostMost), words.Count(w.Acked), words.Count(w.Survived), tail)
	case w.LostMost > 0:
		return fmt.Sprintf("No loss was seen, but up to %s of %s acknowledged writes may be lost: %s.", words.Count(w.LostMost), words.Count(w.Acked), t.unsure())
	}
	return fmt.Sprintf("Nothing lost: all %s acknowledged writes are there%s", words.Count(w.Acked), tail)
}

// unsure says why the number of lost writes is not known exactly.
func (t *teller) unsure() string {
	w := &t.r.Writes
	if w.MaskedWhy == "" {
		return "not every write's fate can be told"
	}
	return fmt.Sprintf("the fate of %s cannot be told: %s", words.Plural(w.Masked, "write", "writes"), w.MaskedWhy)
}

// lost says how many acknowledged writes were lost, as an interval where it is one.
func (t *teller) lost() string {
	w := &t.r.Writes
	verb := "were"
	if w.Lost == 1 && w.LostMost <= 1 {
		verb = "was"
	}
	return words.Capital(fmt.Sprintf("%s of %s acknowledged writes %s lost%s.", LostWords(w), words.Count(w.Acked), verb, t.lostBy()))
}

// lostBy names the shards of a Cluster that lost writes: ", all by shard 1"; empty without one.
func (t *teller) lostBy() string {
	var names []string
	some := false
	for _, s := range t.r.Shards {
		if s.Lost > 0 {
			names = append(names, fmt.Sprint(s.Shard))
		}
		some = some || s.Lost == 0 && s.LostMost > 0
	}
	switch {
	case len(names) == 0:
		return ""
	case some:
		return fmt.Sprintf(", %s of them by %s", words.Count(t.r.Writes.Lost), shards(names))
	case len(names) == 1 && (t.r.Writes.Lost > 1 || t.r.Writes.LostMost > 1):
		return ", all by " + shards(names)
	}
	return ", by " + shards(names)
}

func shards(names []string) string {
	if len(names) == 1 {
		return "shard " + names[0]
	}
	return "shards " + words.List(names)
}

// LostWords writes the interval of lost writes: "13,652", "at least 350", "between 5,072 and 5,078".
func LostWords(w *result.Account) string {
	switch {
	case w.LostMost <= w.Lost:
		return words.Count(w.Lost)
	case w.LostMost >= w.Acked:
		return "at least " + words.Count(w.Lost)
	}
	return "between " + words.Count(w.Lost) + " and " + words.Count(w.LostMost)
}

// lostHow says when what was lost had been acknowledged, and by whom.
func (t *teller) lostHow() string {
	r, l := t.r, t.r.Loss
	if l == nil {
		return "Which of them cannot be told: " + t.unsure() + "."
	}
	var out []string
	if r.Masters.TwoWritable > 0 && l.SplitBrain > 0 && len(l.Causes) > 0 {
		cause := &l.Causes[0]
		f := t.fault(cause.Trigger)
		verb := "went on acknowledging for"
		if silenced(f) {
			verb = "came back and acknowledged writes until" // it was silent in between
		}
		s := fmt.Sprintf("The old master %s %s after the failover", verb, words.Duration(max(0, l.Last-cause.T)))
		if planned(f) {
			s = fmt.Sprintf("The switchover was asked for (%s); the old master went on acknowledging for %s after the promotion", Fault(*f), words.Duration(max(0, l.Last-cause.T)))
		} else if f != nil && f.Healed > 0 && l.Last > f.Healed {
			s += fmt.Sprintf(", %s of it after the heal", words.Duration(l.Last-f.Healed))
		}
		out = append(out, s+".")
	} else {
		span := "They were acknowledged within " + words.Duration(l.Last-l.First)
		if l.Last == l.First {
			span = "It was acknowledged at " + words.At(l.First)
		} else if len(l.Causes) > 0 {
			if f := t.fault(blame(&l.Causes[0])); f != nil && f.Effect <= l.First+int64(5e8) {
				span += fmt.Sprintf(", from the moment of fault %d on", f.ID)
			}
		}
		out = append(out, span+".")
	}
	if t.run.Attached != nil {
		out = append(out, "No fault of schism's: it injects none into a setup that it did not start.")
	}
	if n := l.Unattributed; n > 0 {
		verb := "are"
		if n == 1 {
			verb = "is"
		}
		to := "any fault"
		if t.run.Attached != nil {
			to = "anything that was seen"
		}
		out = append(out, fmt.Sprintf("%s of them %s not attributed to %s.", words.Count(n), verb, to))
	}
	if s := t.waited(); s != "" {
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// silenced tells of a fault whether the node that it hit could not answer for a while, and then answered again.
func silenced(f *history.Fault) bool {
	return f != nil && len(f.Links) == 0 && slices.Contains([]string{"kill", "stop", "kill-restart", "pause", "debug-sleep"}, f.Kind) && f.Healed > 0
}

// planned tells of a fault whether it is one that asks for another master, and breaks nothing.
func planned(f *history.Fault) bool {
	return f != nil && (f.Kind == "sentinel-failover" || f.Kind == "cluster-failover" || f.Kind == "replicaof")
}

// blame is the fault that explains a cause best: what held replication back, else the trigger.
func blame(c *result.Cause) int {
	if len(c.Enablers) > 0 {
		return c.Enablers[0]
	}
	return c.Trigger
}

func (t *teller) fault(id int) *history.Fault {
	for i := range t.r.Faults {
		if t.r.Faults[i].ID == id && id != 0 {
			return &t.r.Faults[i]
		}
	}
	return nil
}
