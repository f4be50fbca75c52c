package reports

import (
	"fmt"
	"strings"
	"time"
)

func tallyWords(count map[string]int) string {
	var parts []string
	for _, k := range [][3]string{{"violation", "violation", "violations"}, {"unknown", "unknown", "unknown"}, {"error", "error", "errors"}, {"pass", "pass", "passes"}} {
		if n := count[k[0]]; n > 0 {
			parts = append(parts, plural(int64(n), k[1], k[2]))
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
	return clip(strings.TrimSuffix(s, "."), 110)
}

func noun(n int, one string) string {
	if n == 1 {
		return one
	}
	return one + "s"
}

// moment writes a run's start for people; what is no RFC 3339 stays as it is.
func moment(rfc3339 string) string {
	t, err := time.Parse(time.RFC3339, rfc3339)
	if err != nil {
		return rfc3339
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}
