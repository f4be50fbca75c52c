package conf

import (
	"fmt"
	"strings"
)

// Mistake is one thing that cannot be.
type Mistake struct {
	Where string // "redis.conf:12", "-config"
	Name  string // the directive; empty where it is about something else
	Text  string // holds no secret: values of lines are not repeated where they may be one
}

// longestName is how many bytes of a directive's name are repeated; the longest of the servers' have 40.
const longestName = 60

// Error implements error.
func (m Mistake) Error() string {
	parts := make([]string, 0, 3)
	name := m.Name
	if len(name) > longestName { // the line is no directive, whatever it is
		name = strings.ToValidUTF8(name[:longestName], "") + "…"
	}
	for _, p := range []string{m.Where, name, m.Text} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ": ")
}

// Mistakes are all of them at once, in the order of the files.
type Mistakes []Mistake

// add notes one more.
func (m *Mistakes) add(where, name, format string, args ...any) {
	*m = append(*m, Mistake{Where: where, Name: name, Text: fmt.Sprintf(format, args...)})
}

// Error implements error: one line for one, a list for several.
func (m Mistakes) Error() string {
	if len(m) == 1 {
		return m[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the config has %d mistakes:", len(m))
	for _, x := range m {
		b.WriteString("\n  " + x.Error())
	}
	return b.String()
}

// Err is nil where there are none.
func (m Mistakes) Err() error {
	if len(m) == 0 {
		return nil
	}
	return m
}
