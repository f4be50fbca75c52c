package words

import "strings"

// Between writes an interval of durations in ns: one where its ends read the same.
func Between(lo, hi int64) string { return Ends(Duration(lo), Duration(hi)) }

// Ends joins the texts of an interval's ends; 4 s and 4.00 s read the same.
func Ends(lo, hi string) string {
	round := strings.NewReplacer(".00 ", " ", ".0 ", " ")
	if round.Replace(lo) == round.Replace(hi) {
		return lo
	}
	return lo + " to " + hi
}
