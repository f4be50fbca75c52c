package conf

import (
	"embed"
	"slices"
	"strings"
)

// known holds, for servers that were asked, the directives that each takes; "yes/no" stands behind those that take nothing else.
//
//go:embed known/*.txt
var known embed.FS

// directives are those of a server ("redis:7.0"), with whether they take only yes and no; nil: it was never asked.
func directives(server string) map[string]bool {
	b, err := known.ReadFile("known/" + strings.ReplaceAll(server, ":", "-") + ".txt")
	if err != nil {
		return nil
	}
	out := map[string]bool{}
	for l := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(l), " ")
		out[name] = rest == "yes/no"
	}
	return out
}

// table is what is known about directives when a run's server is.
type table struct {
	server string
	own    map[string]bool            // of the server itself; nil: unknown
	all    map[string]map[string]bool // of each server that was asked
}

func newTable(server string) table {
	t := table{server: server, own: directives(server), all: map[string]map[string]bool{}}
	files, _ := known.ReadDir("known")
	for _, f := range files {
		name := strings.Replace(strings.TrimSuffix(f.Name(), ".txt"), "-", ":", 1)
		t.all[name] = directives(name)
	}
	return t
}

// wrong says what is wrong with a directive as far as its name, and yes and no, can tell; empty when nothing is. A name that no server
// is known to take is left to the server, unless it is a slip away from one: it may be a module's.
func (t table) wrong(l Line) string {
	if t.own == nil {
		return ""
	}
	yesNo, ok := t.own[l.Name]
	switch {
	case ok && yesNo && l.arg(0) != "yes" && l.arg(0) != "no":
		return "it is either yes or no"
	case ok && yesNo && len(l.Args) > 1:
		return "it has one value"
	case ok:
		return ""
	}
	if in := t.servers(l.Name); len(in) > 0 {
		does := " does"
		if len(in) > 1 {
			does = " do"
		}
		return t.server + " does not know it; " + strings.Join(in, ", ") + does
	}
	for _, n := range slices.Sorted(keys(t.own)) {
		if slip(l.Name, n) {
			return t.server + " does not know it; did you mean " + n + "?"
		}
	}
	return ""
}

// servers are those that take a directive.
func (t table) servers(name string) []string {
	var out []string
	for s, d := range t.all {
		if _, ok := d[name]; ok {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}

func keys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// slip tells whether one letter more, less or other, or two that changed places, make one name of the other. Short names are not
// compared: too many are alike.
func slip(a, b string) bool {
	if len(a) < 5 || len(b) < 5 || len(a)-len(b) > 1 || len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	x, y := a[i:], b[i:]
	switch {
	case len(x) == len(y) && len(x) > 0:
		return x[1:] == y[1:] || len(x) > 1 && x[0] == y[1] && x[1] == y[0] && x[2:] == y[2:]
	case len(x) > len(y):
		return x[1:] == y
	case len(y) > len(x):
		return y[1:] == x
	}
	return false
}
