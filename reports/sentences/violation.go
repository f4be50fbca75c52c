package sentences

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/internal/words"
)

// violation says first which promise is broken, of several the one that matters most; then what else is, and what the run lost or
// showed besides.
func (t *teller) violation() (first, second string) {
	broken := t.broken()
	if len(broken) == 0 {
		return "A promise is broken.", ""
	}
	w := &t.r.Writes
	top := &broken[0]
	var say []string
	switch {
	case isLoss(top.Promise.Measure) && w.Lost > 0:
		first = t.brokenLoss(top)
		if top.Promise.Measure != "lost" {
			say = append(say, t.lostInAll())
		}
		say = append(say, t.lostHow())
	default:
		first = t.brokenPromise(top)
		if text := t.firstCase(top); text != "" {
			say = append(say, text)
		}
	}
	if also := alsoBroken(top, broken[1:]); also != "" {
		say = append(say, also)
	}
	if !isLoss(top.Promise.Measure) && w.Known {
		say = append(say, t.besides(broken))
	}
	return first, strings.Join(say, " ")
}

// broken are the broken promises, the one that matters most first: what is always a bug, damage before sightings; then loss; then
// the rest.
func (t *teller) broken() []result.PromiseResult {
	var out []result.PromiseResult
	for _, p := range t.r.Promises {
		if p.Status == result.Broken {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b result.PromiseResult) int { return cmp.Compare(t.rank(a), t.rank(b)) })
	return out
}

// damage are the classes whose count is one of what the servers did to data, not one of the reads that saw it.
var damage = []string{"divergent", "hole", "resurrected", "duplicated", "executed_twice", "reordered", "counter_above", "queue_duplicated",
	"queue_redelivered_after_ack", "foreign_key", "lost_in_migration", "fork", "counter_fork", "lock_overlap", "lock_lost", "stale_token", "replica_write", "crash", "minority_failover"}

func (t *teller) rank(p result.PromiseResult) int {
	m := p.Promise.Measure
	switch {
	case (p.Promise.By == "always" || t.bugs(m) > 0) && slices.Contains(damage, m):
		return 0
	case p.Promise.By == "always" || t.bugs(m) > 0:
		return 1
	case isLoss(m):
		return 2
	}
	return 3
}

// bugs counts the cases of a class that are bugs whatever was promised.
func (t *teller) bugs(class string) (n int64) {
	for _, f := range t.r.Findings {
		if f.Class == class {
			n += f.Bugs
		}
	}
	return n
}

// isLoss tells the measures that count lost writes.
func isLoss(measure string) bool {
	return slices.Contains([]string{"lost", "lost_outside", "lost_elsewhere", "split_brain_lost", "wait_lost", "avoidable_lost", "lost_other_shards"}, measure)
}

// brokenLoss is the sentence of a broken promise about lost writes.
func (t *teller) brokenLoss(p *result.PromiseResult) string {
	n := amount(p)
	verb := "were"
	if n == "1" {
		verb = "was"
	}
	switch p.Promise.Measure {
	case "lost":
		return t.lost()
	case "lost_outside":
		return words.Capital(fmt.Sprintf("%s acknowledged %s lost outside the time that was promised: %s.", n, "writes "+verb, p.Text))
	case "lost_elsewhere":
		return words.Capital(fmt.Sprintf("%s lost writes had been acknowledged by another node than a deposed master.", n))
	case "lost_other_shards":
		return words.Capital(fmt.Sprintf("%s acknowledged writes %s lost by shards that were to lose none.", n, verb))
	case "split_brain_lost":
		return words.Capital(fmt.Sprintf("%s acknowledged writes %s lost to split brain.", n, verb))
	}
	return words.Capital(Noun(p.Promise.Measure)) + ": " + n + "."
}

// lostInAll is the whole of which a broken promise about lost writes counts a part.
func (t *teller) lostInAll() string {
	return "In all, " + strings.ToLower(t.lost()[:1]) + t.lost()[1:]
}

// brokenPromise is the sentence of any other broken promise. A class is named by what it counts, and a count of reads stays one of reads.
func (t *teller) brokenPromise(p *result.PromiseResult) string {
	m := p.Promise.Measure
	switch {
	case m == "divergent" && len(t.r.Convergence.Sample) > 0:
		return t.divergent()
	case p.Promise.By == "always" || t.found(m) > 0:
		return words.Capital(Noun(m)) + ": " + amount(p) + "."
	case p.Why != "" && !p.Value.Point():
		return fmt.Sprintf("A promise is broken: %s. Measured: %s (%s).", p.Text, amount(p), p.Why)
	}
	return fmt.Sprintf("A promise is broken: %s. Measured: %s.", p.Text, p.Measured)
}

// amount writes what was measured as a sentence does: "at least 350", "between 5,072 and 5,078".
func amount(p *result.PromiseResult) string {
	if lo, hi, ok := strings.Cut(p.Measured, " to "); ok {
		return "between " + lo + " and " + hi
	}
	return p.Measured
}

// firstCase is the first case of a broken class, in words.
func (t *teller) firstCase(p *result.PromiseResult) string {
	if p.Promise.Measure == "divergent" {
		return "" // its sentence names them
	}
	text := ""
	for _, f := range t.r.Findings {
		if f.Class == p.Promise.Measure && f.Text != "" && (text == "" || f.Bugs > 0) {
			text = f.Text
			if f.Bugs > 0 {
				break
			}
		}
	}
	if text == "" {
		return ""
	}
	return "The first: " + strings.TrimSuffix(words.Clip(text, 240), ".") + "."
}

// divergent names the keys that differ, the first few, and the nodes between which they do.
func (t *teller) divergent() string {
	const most = 3
	c := &t.r.Convergence
	var keys []string
	odd := t.oddOut(&c.Sample[0])
	for i := range c.Sample {
		if o := t.oddOut(&c.Sample[i]); o != odd && (i < most || c.Divergent <= int64(len(c.Sample))) {
			odd = ""
		}
		if i < most {
			keys = append(keys, c.Sample[i].Key)
		}
	}
	verb := "differ"
	if c.Divergent == 1 {
		verb = "differs"
	}
	text := fmt.Sprintf("%s of %s %s", words.Count(c.Divergent), words.Plural(c.Keys, "key", "keys"), verb)
	more := c.Divergent - int64(len(keys))
	switch {
	case odd == "":
		text += " between nodes: " + strings.Join(keys, ", ")
	case c.Divergent > int64(len(c.Sample)): // of the rest it is not known between which
		text += " between nodes: " + strings.Join(keys, ", ") + " (" + odd + ")"
	default:
		text += ", " + odd + ": " + strings.Join(keys, ", ")
	}
	if more > 0 {
		text += fmt.Sprintf(" and %s more", words.Count(more))
	}
	return text + "."
}

// oddOut says between which nodes a key differs: "n2 from n1 and n3"; empty where that cannot be told.
func (t *teller) oddOut(k *result.DivergentKey) string {
	by := map[string][]int32{}
	for i, n := range k.Nodes {
		if i < len(k.Text) {
			by[k.Text[i]] = append(by[k.Text[i]], n)
		}
	}
	if len(by) != 2 {
		return ""
	}
	var few, many []int32
	for _, ns := range by {
		if few == nil || len(ns) < len(few) {
			few, many = ns, few
		} else {
			many = ns
		}
	}
	if len(few) == len(many) && few[0] > many[0] {
		few, many = many, few
	}
	return t.nodes(few) + " from " + t.nodes(many)
}

func (t *teller) nodes(ns []int32) string {
	var names []string
	for _, n := range ns {
		names = append(names, Node(t.run, n))
	}
	return words.List(names)
}

// alsoBroken names the other broken promises. What the first sentence is a part of, or says already, is not one.
func alsoBroken(top *result.PromiseResult, rest []result.PromiseResult) string {
	const most = 2
	var names []string
	for _, p := range rest {
		if p.Text != top.Text && !slices.Contains(names, p.Text) {
			names = append(names, p.Text)
		}
	}
	if len(names) == 0 {
		return ""
	}
	if n := len(names) - most; n > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", n))
	}
	return "Also broken: " + strings.Join(names, "; ") + "."
}

// besides says what a run with another violation lost or showed.
func (t *teller) besides(broken []result.PromiseResult) string {
	if t.r.Writes.Lost == 0 {
		return t.nothingLost()
	}
	lost := strings.ToLower(t.lost()[:1]) + t.lost()[1:]
	if slices.ContainsFunc(broken, func(p result.PromiseResult) bool { return isLoss(p.Promise.Measure) }) {
		return "Besides, " + lost
	}
	return "Besides, " + strings.TrimSuffix(lost, ".") + ", which no promise of this run forbids."
}
