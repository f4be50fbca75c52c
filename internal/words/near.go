package words

import (
	"slices"
	"strings"
)

// DidYouMean is ": did you mean a or b?" with those of the names that are near to one that does not exist; empty when none is.
func DidYouMean(name string, names []string) string {
	type near struct {
		name string
		far  int
	}
	var nears []near
	for _, n := range names {
		d := distance(name, n)
		if len(name) > 2 && strings.Contains(n, name) {
			d = 1
		}
		if d <= 2+len(name)/4 {
			nears = append(nears, near{n, d})
		}
	}
	if len(nears) == 0 || name == "" {
		return ""
	}
	slices.SortStableFunc(nears, func(a, b near) int { return a.far - b.far })
	var meant []string
	for _, n := range nears[:min(3, len(nears))] {
		meant = append(meant, n.name)
	}
	return ": did you mean " + strings.Join(meant, " or ") + "?"
}

// distance is how many letters must be put in, taken out or changed to make a of b.
func distance(a, b string) int {
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		cur := make([]int, len(b)+1)
		cur[0] = i + 1
		for j := range len(b) {
			change := prev[j]
			if a[i] != b[j] {
				change++
			}
			cur[j+1] = min(change, prev[j+1]+1, cur[j]+1)
		}
		prev = cur
	}
	return prev[len(b)]
}
