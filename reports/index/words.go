package index

import (
	"fmt"
	"strings"

	"github.com/schismtest/schism/internal/words"
)

func tallyWords(count map[string]int) string {
	var parts []string
	for _, k := range [][3]string{{"violation", "violation", "violations"}, {"unknown", "unknown", "unknown"}, {"error", "error", "errors"}, {"pass", "pass", "passes"}} {
		if n := count[k[0]]; n > 0 {
			parts = append(parts, words.Plural(int64(n), k[1], k[2]))
		}
	}
	return strings.Join(parts, ", ")
}

func filters(count map[string]int, changes int) []filter {
	var out []filter
	for _, k := range [][3]string{{"violation", "bad", "Violation"}, {"pass", "ok", "Pass"}, {"unknown", "und", "Unknown"}, {"error", "err", "Error"}} {
		if n := count[k[0]]; n > 0 {
			out = append(out, filter{k[1], k[0], fmt.Sprintf("%s %d", k[2], n)})
		}
	}
	if changes > 0 {
		out = append(out, filter{"", "changed", fmt.Sprintf("Changed %d", changes)})
	}
	return out
}

// firstSentence is what fits into a row's head.
func firstSentence(s string) string {
	for _, end := range []string{". ", "; "} {
		if i := strings.Index(s, end); i > 0 {
			s = s[:i]
		}
	}
	return words.Clip(strings.TrimSuffix(s, "."), 110)
}

func noun(n int, one string) string {
	if n == 1 {
		return one
	}
	return one + "s"
}
