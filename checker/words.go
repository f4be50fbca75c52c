package checker

import (
	"math"

	"github.com/schismtest/schism/internal/words"
)

// Count, Words, Seconds and Size write numbers in findings as all reports do.

// Count writes a number with commas: 13,652.
func Count(n int64) string { return words.Count(n) }

// Words writes a duration in ns with its unit, 0 too: 27.9 s, 634 ms, 65 µs, 0 s. A negative one is "–".
func Words(ns int64) string {
	if ns == 0 {
		return "0 s"
	}
	return words.Duration(ns)
}

// Seconds writes a moment in ns with three decimals: 13.297 s.
func Seconds(ns int64) string { return words.At(ns) }

// Size writes bytes: 1.26 MB, 512 B. A negative number is "–".
func Size(n int64) string { return words.Size(n) }

// plural is the word for n of them.
func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// wasWere agrees with a count.
func wasWere(n int64) string { return plural(n, "was", "were") }

// ns is a number of seconds in ns.
func ns(seconds float64) int64 { return int64(math.Round(seconds * 1e9)) }
