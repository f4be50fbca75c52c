package sentences

import (
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// measured is what a run showed of its greatest cause of loss. Whatever is said of why and of what bounds it rests on this alone.
type measured struct {
	kind         string // of the branch end
	old, winner  string
	cause        *result.Cause
	fault        *history.Fault // the trigger, nil for none
	cut          bool           // the trigger cut links
	heldBack     bool           // another fault held replication back
	split        bool           // the deposed master acknowledged writes after the promotion, and they are lost
	sentinels    bool           // there were sentinels to promote
	rejoins      bool           // the node whose branch ended came back: its fault healed, and all nodes came to rest behind one master
	refused      int64          // writes refused with NOREPLICAS
	minReplicas  bool           // min-replicas-to-write was set on the node whose branch ended
	keepsNothing bool           // that node kept nothing on disk: its config says neither AOF nor RDB
	persistence  string         // what that node kept on disk, by its settings: "appendonly no, save off"; empty where not told
	silenced     bool           // the trigger kept it from answering for a while, and it answered again
	planned      bool           // the trigger asked for another master, and broke nothing
	waitMisled   bool           // a WAIT counted a replica that did not hold a write, or writes it counted are lost
	lastAck      int64          // ns after the trigger's effect at which the last lost write was acknowledged; -1 without a trigger
	lastPromoted int64          // ns after the promotion; negative before it
	lastHealed   int64          // ns after the trigger's heal; negative before it, and where it never healed
}

// measure reads the facts, nil where no cause of loss is known.
func (t *teller) measure() *measured {
	r := t.r
	if r.Loss == nil || len(r.Loss.Causes) == 0 {
		return nil
	}
	c := &r.Loss.Causes[0]
	m := &measured{kind: c.Kind, cause: c, old: t.nodeOr(c.Node, "a node"), winner: t.nodeOr(c.Winner, "another node"), fault: t.fault(c.Trigger), heldBack: len(c.Enablers) > 0,
		split: r.Loss.SplitBrain > 0 && c.Last > c.T, refused: r.Counts.Errors[history.ErrNoReplicas.String()], lastAck: -1, lastPromoted: c.Last - c.T, lastHealed: -1}
	m.sentinels = slices.ContainsFunc(t.run.Nodes, func(n history.Node) bool { return n.Kind == history.Sentinel })
	m.silenced, m.planned = silenced(m.fault), planned(m.fault)
	if f := m.fault; f != nil {
		m.cut = len(f.Links) > 0
		m.rejoins = f.Healed > 0 && !f.Permanent && r.Convergence.Barrier
		m.lastAck = c.Last - f.Effect
		if f.Healed > 0 && !m.planned {
			m.lastHealed = c.Last - f.Healed
		}
	}
	m.minReplicas = !slices.Contains([]string{"", "0"}, t.setting(c.Node, "min-replicas-to-write"))
	m.persistence, m.keepsNothing = t.persistence(c.Node)
	for _, f := range r.Findings {
		m.waitMisled = m.waitMisled || f.Count > 0 && strings.HasPrefix(f.Class, "wait_")
	}
	return m
}

func (t *teller) nodeOr(n int32, other string) string {
	if name := Node(t.run, n); name != words.Dash {
		return name
	}
	return other
}

// setting is a setting of a node as it was in effect; empty where that is the default.
func (t *teller) setting(node int32, name string) string {
	if node < 0 || int(node) >= len(t.run.Nodes) {
		return ""
	}
	return t.run.Nodes[node].Setting(name)
}

// persistence says what a node's settings let it keep on disk, empty where they do not tell, and whether that is nothing.
func (t *teller) persistence(node int32) (text string, nothing bool) {
	if node < 0 || int(node) >= len(t.run.Nodes) {
		return "", false
	}
	n := &t.run.Nodes[node]
	save, told := n.Setting("save"), n.Has("save")
	switch {
	case n.Setting("appendonly") == "yes":
		text = "appendonly yes"
		if fsync := n.Setting("appendfsync"); fsync != "" {
			text += ", appendfsync " + fsync
		}
		return text, false
	case !told:
		return "", false
	case save == "":
		return "appendonly no, no save points", true
	}
	return "appendonly no, save " + save, false
}

// why tells the mechanism behind the greatest cause of loss, and what bounds it.
func (t *teller) why() (why, bounds string) {
	m := t.measure()
	if m == nil {
		return "", ""
	}
	if t.run.Attached != nil { // who promoted it is not known, and settings may not be
		m.sentinels = false
		if !t.told(m.cause.Node) {
			return m.mechanism(), ""
		}
	}
	var out []string
	for _, a := range advice() {
		if a.applies(m) {
			out = append(out, a.text(m))
		}
	}
	why = m.mechanism()
	if m.cause.Shard > 0 && m.kind != "migration" {
		why = fmt.Sprintf("In shard %d: %s", m.cause.Shard, why)
	}
	return why, strings.Join(out, " ")
}

// mechanism says how the writes were lost, each half sentence by what was measured.
func (m *measured) mechanism() string {
	promoted := m.winner + " was promoted"
	if m.sentinels {
		promoted = "Sentinel promoted " + m.winner
	}
	thrown := ""
	if m.rejoins {
		thrown = fmt.Sprintf(" When %s rejoined as a replica of %s, it threw its own copy away.", m.old, m.winner)
	}
	switch {
	case m.kind == "promotion" && m.planned:
		text := fmt.Sprintf("A switchover was asked for, with nothing broken: %s. %s", Fault(*m.fault), words.Capital(promoted))
		if m.split {
			return fmt.Sprintf("%s, and %s went on acknowledging writes until %s after that.", text, m.old, words.Duration(m.lastPromoted))
		}
		return fmt.Sprintf("%s without the last writes that %s had acknowledged.", text, m.old)
	case m.kind == "promotion" && m.split && m.cut:
		return fmt.Sprintf("%s was cut off from %s. %s, while %s went on answering OK to the clients on its side for %s.%s", m.old, m.winner, promoted, m.old, words.Duration(m.lastPromoted), thrown)
	case m.kind == "promotion" && m.split && !m.silenced:
		return fmt.Sprintf("%s, while %s still took itself for the master and acknowledged writes, the last one %s after the promotion.%s", words.Capital(promoted), m.old, words.Duration(m.lastPromoted), thrown)
	case m.kind == "promotion" && m.split:
		return fmt.Sprintf("%s did not answer for a while, and %s. When %s came back it still took itself for the master and acknowledged writes, the last one %s after the promotion.%s",
			m.old, promoted, m.old, words.Duration(m.lastPromoted), strings.Replace(thrown, "When "+m.old+" rejoined as a replica of "+m.winner+", it threw its own copy", "As a replica of "+m.winner+" it threw its own copy", 1))
	case m.kind == "promotion" && m.heldBack:
		return fmt.Sprintf("%s acknowledged them while a fault held back its link to %s. %s without them.%s", m.old, m.winner, words.Capital(promoted), thrown)
	case m.kind == "promotion":
		return fmt.Sprintf("%s acknowledged them, but %s did not have them yet. %s without them.%s", m.old, m.winner, words.Capital(promoted), thrown)
	case m.kind == "restart":
		if m.persistence != "" {
			return fmt.Sprintf("%s was started anew and came back without data that it had acknowledged. Its settings: %s.", m.old, m.persistence)
		}
		return fmt.Sprintf("%s was started anew and came back without data that it had acknowledged.", m.old)
	case m.kind == "migration":
		return words.Capital(m.cause.Text) + "."
	case m.kind == "flush":
		return fmt.Sprintf("%s was emptied.", m.old)
	}
	return fmt.Sprintf("%s made a full resynchronization from %s, and replaced its own data with what it found there.", m.old, m.winner)
}

// bound is one piece of advice: what limits such a loss. It applies only where what was measured bears it out, or at least does not
// contradict it.
type bound struct {
	name    string
	applies func(m *measured) bool
	text    func(m *measured) string
}

// advice is all of it, in the order in which it is given.
func advice() []bound {
	promotion := func(m *measured) bool { return m.kind == "promotion" }
	return []bound{
		{"refusals came", func(m *measured) bool {
			return promotion(m) && m.split && m.minReplicas && m.refused > 0 && m.lastAck >= 0
		},
			func(m *measured) string {
				return fmt.Sprintf("min-replicas-to-write is set on %s: %s refused with NOREPLICAS; the last lost one was acknowledged %s after the fault took effect.",
					m.old, words.Plural(m.refused, "write was", "writes were"), words.Duration(m.lastAck))
			}},
		{"refusals did not come", func(m *measured) bool { return promotion(m) && m.split && m.minReplicas && m.refused == 0 },
			func(m *measured) string {
				return fmt.Sprintf("min-replicas-to-write is set on %s, yet no write was refused with NOREPLICAS.", m.old)
			}},
		{"refusals would help a cut-off master", func(m *measured) bool { return promotion(m) && m.split && m.cut && !m.minReplicas && m.refused == 0 },
			func(m *measured) string {
				return fmt.Sprintf("min-replicas-to-write was 0 on %s, the default. With 1, a master refuses writes once no replica has been heard of for min-replicas-max-lag: scenario split-brain-min-replicas.", m.old)
			}},
		{"demotion ends it", func(m *measured) bool {
			return promotion(m) && m.split && m.silenced && m.sentinels && m.lastHealed > 0
		},
			func(m *measured) string {
				return fmt.Sprintf("Here the last lost write was acknowledged %s after %s had come back: Sentinel's demotion ends it.", words.Duration(m.lastHealed), m.old)
			}},
		{"refusals would help a returned master", func(m *measured) bool {
			return promotion(m) && m.split && !m.cut && !m.planned && !m.minReplicas && m.refused == 0
		},
			func(m *measured) string {
				return "min-replicas-to-write, which was 0, with min-replicas-max-lag makes a master without replicas refuse writes."
			}},
		{"asynchronous", func(m *measured) bool { return promotion(m) && !m.split },
			func(m *measured) string {
				return "Replication is asynchronous: an OK says nothing about replicas."
			}},
		{"WAIT tells", func(m *measured) bool { return promotion(m) && !m.split && !m.waitMisled },
			func(m *measured) string { return "WAIT tells how many have a write." }},
		{"refusals would help a master without replicas", func(m *measured) bool {
			return promotion(m) && !m.split && m.heldBack && !m.minReplicas && m.refused == 0
		},
			func(m *measured) string {
				return "min-replicas-to-write, which was 0, refuses writes when replicas fall silent."
			}},
		{"persistence", func(m *measured) bool { return m.kind == "restart" && m.keepsNothing },
			func(m *measured) string {
				return fmt.Sprintf("%s kept nothing on disk. Persistence on the master, or no automatic restart of one without it, keeps an empty master from wiping its replicas.", m.old)
			}},
		{"who may send REPLICAOF", func(m *measured) bool {
			return m.kind == "resync" && m.fault != nil && strings.Contains(m.fault.Kind, "replicaof")
		},
			func(m *measured) string {
				return "REPLICAOF asks nothing: only who may send it bounds the damage."
			}},
	}
}
