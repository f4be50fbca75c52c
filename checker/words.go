package checker

// plural is the word for n of them.
func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// wasWere agrees with a count.
func wasWere(n int64) string { return plural(n, "was", "were") }
