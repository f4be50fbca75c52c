package reports

import (
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/schismtest/schism/history"
)

// dash stands for what was not measured; it is never a zero.
const dash = "–"

// num writes a count with thousands separated.
func num(n int64) string {
	if n < 0 {
		return "-" + num(max(-n, 0)) // of the least one there is no positive twin; it is nobody's count
	}
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// short writes a count for a narrow place: 13.7k.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return digits(v/1e6) + "M"
	case v >= 1e4:
		return digits(v/1e3) + "k"
	case v == math.Trunc(v):
		return num(int64(v))
	}
	return digits(v)
}

// digits writes three significant digits, without an exponent.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case a == 0:
		return "0"
	case a >= 99.95:
		return num(int64(math.Round(v)))
	case a >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// exact is digits without the zeros of a round number: 4, not 4.00.
func exact(v float64) string {
	s := digits(v)
	if t := trim(s); t != s && math.Abs(v-math.Round(v*100)/100) < 1e-9 {
		return t
	}
	return s
}

// words writes a duration with three digits, as in a sentence: 27.9 s, 634 ms, 85 µs. A negative one was not measured.
func words(ns int64) string {
	n, unit := wordsUnit(ns)
	if unit == "" || ns == 0 {
		return n
	}
	return n + " " + unit
}

// wordsUnit is words with number and unit apart.
func wordsUnit(ns int64) (string, string) {
	s := float64(ns) / 1e9
	switch {
	case ns < 0:
		return dash, ""
	case ns == 0:
		return "0", "s"
	case s >= 5400:
		return digits(s / 3600), "h"
	case s >= 600:
		return digits(s / 60), "min"
	case s >= 0.9995:
		return exact(s), "s"
	case s >= 0.0995:
		return strconv.FormatInt(int64(math.Round(s*1e3)), 10), "ms"
	case s >= 1e-4:
		return exact(s * 1e3), "ms"
	}
	return exact(s * 1e6), "µs"
}

// at writes a moment of the run, with three decimals, as in a table.
func at(ns int64) string { return strconv.FormatFloat(float64(ns)/1e9, 'f', 3, 64) + " s" }

// atShort writes a moment with one decimal, as on a label.
func atShort(ns int64) string { return strconv.FormatFloat(float64(ns)/1e9, 'f', 1, 64) + " s" }

// size writes bytes in decimal units; a negative number was not measured.
func size(b int64) string {
	v := float64(b)
	switch {
	case b < 0:
		return dash
	case v < 1000:
		return num(b) + " B"
	case v < 1e6:
		return strconv.FormatFloat(v/1e3, 'f', 1, 64) + " kB"
	case v < 1e9:
		return strconv.FormatFloat(v/1e6, 'f', 2, 64) + " MB"
	}
	return strconv.FormatFloat(v/1e9, 'f', 2, 64) + " GB"
}

// share writes part of whole in percent; it rounds neither a loss to 0 nor a near whole to 100.
func share(part, whole int64) string {
	if whole <= 0 {
		return dash
	}
	p := float64(part) / float64(whole) * 100
	switch {
	case part == 0:
		return "0 %"
	case part == whole:
		return "100 %"
	case p < 0.01:
		return "below 0.01 %"
	case p > 99.99:
		return "above 99.99 %"
	case p > 99.9:
		return strconv.FormatFloat(p, 'f', 2, 64) + " %"
	}
	return strconv.FormatFloat(p, 'f', decimals(p), 64) + " %"
}

func decimals(p float64) int {
	switch {
	case p >= 10:
		return 1
	case p >= 0.1:
		return 2
	}
	return 3
}

// plural writes a count with its noun.
func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return num(n) + " " + many
}

// list joins names as a sentence does: n1, n2 and n3.
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// clean makes text from elsewhere fit for a terminal line: control characters and line breaks become spaces.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, s)
}

// clip shortens text to n runes.
func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:max(n, 1)-1]) + "…"
}

// upper makes the first letter a capital, but for the name of a node (n1), which is written small everywhere.
func upper(s string) string {
	r := []rune(s)
	if len(r) == 0 || (len(r) > 1 && unicode.IsDigit(r[1])) {
		return s
	}
	r[0] = unicode.ToUpper(r[0])
	return string(r)
}

// nodeName names a node of the run.
func nodeName(run *history.Run, i int32) string {
	if i < 0 || int(i) >= len(run.Nodes) {
		return dash
	}
	return run.Nodes[i].Name
}

// serverName says which server ran, by its exact version where that is known: "redis 7.0.15".
func serverName(run *history.Run) string {
	name := run.Server
	if name == "" {
		name = run.Image
	}
	for _, n := range run.Nodes {
		if n.Kind == history.Server && n.Version != "" {
			if i := strings.LastIndexByte(name, ':'); i >= 0 {
				name = name[:i]
			}
			return name + " " + n.Version
		}
	}
	if i := strings.LastIndexByte(name, ':'); i >= 0 && !strings.Contains(name[i:], "/") {
		name = name[:i] + " " + name[i+1:]
	}
	return name
}

// seconds writes a count of seconds as a duration in words.
func seconds(s float64) string { return words(int64(s * 1e9)) }
