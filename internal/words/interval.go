package words

import "strings"

// Between writes an interval of durations in ns: one where its ends read the same.
func Between(lo, hi int64) string { return Ends(Duration(lo), Duration(hi)) }

// BetweenUnit is an interval of durations in ns with number and unit apart, in few words: "25.5 to 25.8" and "s", "up to 3", "at least 52.8".
// A negative hi is one that is not known.
func BetweenUnit(lo, hi int64) (n, unit string) {
	n, unit = DurationUnit(lo)
	if hi < 0 {
		return "at least " + n, unit
	}
	most, of := DurationUnit(hi)
	switch {
	case Ends(Duration(lo), Duration(hi)) == Duration(lo):
		return n, unit
	case lo == 0:
		return "up to " + most, of
	case unit == of:
		return n + " to " + most, unit
	}
	return n + " " + unit + " to " + most, of
}

// Ends joins the texts of an interval's ends; 4 s and 4.00 s read the same.
func Ends(lo, hi string) string {
	round := strings.NewReplacer(".00 ", " ", ".0 ", " ")
	if round.Replace(lo) == round.Replace(hi) {
		return lo
	}
	return lo + " to " + hi
}
