package sentences

import (
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// told is the share of refused writes from which on they belong in the first sentence.
const told = 0.01

// longHeadline is what a headline with a second sentence should not be longer than, in bytes.
const longHeadline = 160

// notable says what must not go by unsaid, whatever was promised: what kept the schedule from going on, refused writes, resyncs in a
// loop, evictions. The first of it belongs in the headline, the rest below.
func (t *teller) notable() (first, rest string) {
	for _, s := range []string{t.takeover(), t.refused(), t.loop(), t.evicted()} {
		if first == "" {
			first = s
			continue
		}
		rest = join(rest, s)
	}
	return first, rest
}

// join makes one text of sentences, of which any may be empty.
func join(sentences ...string) string {
	return strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), " ")
}

// takeover says what did not happen, and what the harness did of its own then.
func (t *teller) takeover() string {
	o := t.r.Causes.Takeover
	if o == nil {
		return ""
	}
	return words.Capital(t.missed(o)) + fmt.Sprintf("; schism then %s. What came after that is not judged.", t.deeds(o))
}

// missed says what the schedule waited for in vain: "nobody was promoted in 60 s (Sentinel: failover-abort-no-good-slave)".
func (t *teller) missed(o *result.Takeover) string {
	within := ""
	if o.Waited > 0 {
		within = " in " + words.Duration(o.Waited)
	}
	text := fmt.Sprintf("what the schedule waited for (%s) did not happen%s", o.Missed, within)
	switch {
	case strings.HasPrefix(o.Missed, "the failover is done"):
		text = "nobody was promoted" + within
	case o.Missed == "":
		text = "what the schedule waited for did not happen" + within
	}
	if o.Said != "" {
		text += " (Sentinel: " + o.Said + ")"
	}
	return text
}

// deeds says what the harness did after it had taken over, each kind once.
func (t *teller) deeds(o *result.Takeover) string {
	verbs := map[string]string{"kill": "restarted", "stop": "restarted", "pause": "let", "replicaof": "gave its role back to"}
	var kinds []string
	on := map[string][]string{}
	for _, d := range o.Did {
		verb := verbs[d.Kind]
		if verb == "" {
			verb = "healed"
		}
		if !slices.Contains(kinds, verb) {
			kinds = append(kinds, verb)
		}
		if verb == "healed" {
			on[verb] = append(on[verb], fmt.Sprintf("fault %d", d.Fault))
			continue
		}
		for _, n := range d.Nodes {
			on[verb] = append(on[verb], Node(t.run, n))
		}
	}
	var out []string
	for _, verb := range kinds {
		text := verb + " " + words.List(on[verb])
		if verb == "let" {
			text += " go on"
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		return "went on"
	}
	return words.List(out)
}

// loop says that replicas asked for one full resync after the other.
func (t *teller) loop() string {
	l := t.r.Causes.Loop
	if l == nil {
		return ""
	}
	text := fmt.Sprintf("Replicas resynchronized in a loop: %s began %s within %s", Node(t.run, l.Node), words.Plural(l.Full, "full resync", "full resyncs"), words.Duration(l.To-l.From))
	if l.Disconnects > 0 {
		text += fmt.Sprintf(", and closed %s over their output buffer", words.Plural(l.Disconnects, "connection", "connections"))
	}
	return text + "."
}

// refusedWrites is how many of the tried writes servers refused.
func (t *teller) refusedWrites() (n int64) {
	for _, r := range t.r.Causes.Refused {
		n += r.Writes
	}
	return n
}

// refused says how many writes were refused and why, where they are more than a few.
func (t *teller) refused() string {
	c := &t.r.Causes
	n := t.refusedWrites()
	if n == 0 || float64(n) <= told*float64(c.Tried) {
		return ""
	}
	verb := "were"
	if n == 1 {
		verb = "was"
	}
	text := fmt.Sprintf("%s of %s tried writes (%s) %s refused", words.Count(n), words.Count(c.Tried), words.Share(n, c.Tried), verb)
	if len(c.Refused) == 1 {
		text += " with " + c.Refused[0].Reason
	} else {
		var parts []string
		for _, r := range c.Refused {
			parts = append(parts, words.Count(r.Writes)+" "+r.Reason)
		}
		text += ": " + words.List(parts)
	}
	if slices.ContainsFunc(c.Refused, func(r result.Refusal) bool { return r.Reason == history.ErrOOM.String() }) {
		text += t.limits(func(k *result.Counters) bool { return k.OOM != 0 && k.MaxMemory > 0 })
	}
	return text + "."
}

// limits names the memory limits of some servers: "; n1 is limited to 10.0 MB".
func (t *teller) limits(of func(k *result.Counters) bool) string {
	var parts []string
	for i := range t.r.Causes.Servers {
		if k := &t.r.Causes.Servers[i]; of(k) {
			parts = append(parts, fmt.Sprintf("%s is limited to %s", Node(t.run, k.Node), words.Size(k.MaxMemory)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "; " + words.List(parts)
}

// evicted says which servers removed keys of their own.
func (t *teller) evicted() string {
	var parts []string
	for _, k := range t.r.Causes.Servers {
		if k.Evicted == 0 {
			continue
		}
		text := fmt.Sprintf("%s evicted %s", Node(t.run, k.Node), words.Plural(k.Evicted, "key", "keys"))
		if k.MaxMemory > 0 {
			text += " to stay within " + words.Size(k.MaxMemory)
		}
		if k.Policy != "" {
			text += " (" + k.Policy + ")"
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 {
		return ""
	}
	return words.Capital(words.List(parts)) + ": what was evicted is no loss."
}

// ShortWaits says how often WAIT, or WAITAOF, counted fewer than asked for; empty where it never did.
func ShortWaits(w *result.Waited) string {
	if w == nil || w.Short == 0 {
		return ""
	}
	return fmt.Sprintf("%s counted fewer than asked for in %s of %s replies (%s).", w.Command, words.Count(w.Short), words.Count(w.Waits), words.Share(w.Short, w.Waits))
}

// waited says what WAIT had counted of the lost writes.
func (t *teller) waited() string {
	var parts []string
	for _, w := range t.r.Causes.Waits {
		if w.Lost == 0 {
			continue
		}
		who := words.Plural(int64(w.Acked), "replica", "replicas")
		switch {
		case w.Local:
			who += " and the master's own file"
		case w.Acked == 0:
			who = "no replica"
		}
		parts = append(parts, fmt.Sprintf("%s for %s", who, words.Count(w.Lost)))
	}
	if len(parts) == 0 {
		return ""
	}
	return "Of the lost writes WAIT had counted " + words.List(parts) + "."
}
