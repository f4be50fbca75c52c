// Package words writes numbers, durations and names the same way wherever people read them: in findings, on the terminal, on pages.
package words

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// Dash stands for what was not measured; it is never a zero.
const Dash = "–"

// Count writes a count with thousands separated.
func Count(n int64) string {
	if n < 0 {
		return "-" + Count(max(-n, 0)) // of the least one there is no positive twin; it is nobody's count
	}
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Short writes a count for a narrow place: 13.7k.
func Short(v float64) string {
	switch {
	case v >= 1e6:
		return Digits(v/1e6) + "M"
	case v >= 1e4:
		return Digits(v/1e3) + "k"
	case v == math.Trunc(v):
		return Count(int64(v))
	}
	return Digits(v)
}

// Digits writes three significant digits, without an exponent.
func Digits(v float64) string {
	switch a := math.Abs(v); {
	case a == 0:
		return "0"
	case a >= 99.95:
		return Count(int64(math.Round(v)))
	case a >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// exact is digits without the zeros of a round number: 4, not 4.00.
func exact(v float64) string {
	s := Digits(v)
	if t := Trim(s); t != s && math.Abs(v-math.Round(v*100)/100) < 1e-9 {
		return t
	}
	return s
}

// Duration writes a duration with three digits, as in a sentence: 27.9 s, 634 ms, 85 µs. A negative one was not measured.
func Duration(ns int64) string {
	n, unit := DurationUnit(ns)
	if unit == "" || ns == 0 {
		return n
	}
	return n + " " + unit
}

// Span writes a duration as Duration does, and 0 with its unit: 27.9 s, 634 ms, 0 s.
func Span(ns int64) string {
	if ns == 0 {
		return "0 s"
	}
	return Duration(ns)
}

// DurationUnit is words with number and unit apart.
func DurationUnit(ns int64) (string, string) {
	s := float64(ns) / 1e9
	switch {
	case ns < 0:
		return Dash, ""
	case ns == 0:
		return "0", "s"
	case s >= 5400:
		return Digits(s / 3600), "h"
	case s >= 600:
		return Digits(s / 60), "min"
	case s >= 0.9995:
		return exact(s), "s"
	case s >= 0.0995:
		return strconv.FormatInt(int64(math.Round(s*1e3)), 10), "ms"
	case s >= 1e-4:
		return exact(s * 1e3), "ms"
	}
	return exact(s * 1e6), "µs"
}

// At writes a moment of the run, with three decimals, as in a table.
func At(ns int64) string { return strconv.FormatFloat(float64(ns)/1e9, 'f', 3, 64) + " s" }

// AtShort writes a moment with one decimal, as on a label.
func AtShort(ns int64) string { return strconv.FormatFloat(float64(ns)/1e9, 'f', 1, 64) + " s" }

// Size writes bytes in decimal units; a negative number was not measured.
func Size(b int64) string {
	v := float64(b)
	switch {
	case b < 0:
		return Dash
	case v < 1000:
		return Count(b) + " B"
	case v < 1e6:
		return strconv.FormatFloat(v/1e3, 'f', 1, 64) + " kB"
	case v < 1e9:
		return strconv.FormatFloat(v/1e6, 'f', 2, 64) + " MB"
	}
	return strconv.FormatFloat(v/1e9, 'f', 2, 64) + " GB"
}

// Share writes part of whole in percent; it rounds neither a loss to 0 nor a near whole to 100.
func Share(part, whole int64) string {
	if whole <= 0 {
		return Dash
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

// Plural writes a count with its noun.
func Plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// List joins names as a sentence does: n1, n2 and n3.
func List(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// Clean makes text from elsewhere fit for a terminal line: control characters and line breaks become spaces.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, s)
}

// Line is text from elsewhere as one line: the lines of an error stand behind each other.
func Line(s string) string {
	var lines []string
	for l := range strings.SplitSeq(s, "\n") {
		if l = strings.TrimSpace(Clean(l)); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "; ")
}

// Clip shortens text to n runes.
func Clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:max(n, 1)-1]) + "…"
}

// Capital makes the first letter a capital, but for the name of a node (n1), which is written small everywhere.
func Capital(s string) string {
	r := []rune(s)
	if len(r) == 0 || (len(r) > 1 && unicode.IsDigit(r[1])) {
		return s
	}
	r[0] = unicode.ToUpper(r[0])
	return string(r)
}

// Seconds writes a count of seconds as a duration in words.
func Seconds(s float64) string { return Duration(int64(s * 1e9)) }

// Trim drops the zeros at the end of a decimal number, and the sign of a zero.
func Trim(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}
