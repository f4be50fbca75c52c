package checker

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Count writes a number with commas: 13,652.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	neg := strings.TrimPrefix(s, "-")
	var b strings.Builder
	for i, c := range neg {
		if i > 0 && (len(neg)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	if len(neg) < len(s) {
		return "-" + b.String()
	}
	return b.String()
}

// Words writes a duration in ns with three digits and its unit: 27.9 s, 634 ms, 1.20 ms, 65 µs. -1 is "–".
func Words(ns int64) string {
	if ns < 0 {
		return "–"
	}
	d := time.Duration(ns)
	switch {
	case ns == 0:
		return "0 s"
	case d >= 99950*time.Millisecond:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d >= time.Second-500*time.Microsecond:
		return digits(d.Seconds()) + " s"
	case d >= time.Millisecond-500*time.Nanosecond:
		return digits(float64(d)/1e6) + " ms"
	case d >= time.Microsecond:
		return digits(float64(d)/1e3) + " µs"
	}
	return fmt.Sprintf("%d ns", ns)
}

// digits writes three significant digits, as many as are left of the point at least.
func digits(v float64) string {
	switch {
	case v >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case v >= 9.995:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// Seconds writes a moment or duration in ns with three decimals: 13.297 s. -1 is "–".
func Seconds(ns int64) string {
	if ns < 0 {
		return "–"
	}
	return fmt.Sprintf("%.3f s", float64(ns)/1e9)
}

// Size writes bytes: 1.26 MB, 197 kB, 512 B. -1 is "–".
func Size(n int64) string {
	switch {
	case n < 0:
		return "–"
	case n >= 999_500:
		return digits(float64(n)/1e6) + " MB"
	case n >= 1000:
		return digits(float64(n)/1e3) + " kB"
	}
	return fmt.Sprintf("%d B", n)
}

// plural is the word for n of them.
func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// isAre agrees with a count.
func isAre(n int64) string { return plural(n, "is", "are") }

// wasWere agrees with a count.
func wasWere(n int64) string { return plural(n, "was", "were") }

// ns is a number of seconds in ns.
func ns(seconds float64) int64 { return int64(math.Round(seconds * 1e9)) }
