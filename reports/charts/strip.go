package charts

import (
	"fmt"
	"html/template"
	"strings"
)

// State is what one night says: its shape in a strip.
type State uint8

// The states.
const (
	NotThere State = iota // not run, or it could not be
	Open                  // not decided
	Kept
	Broken
)

// Strip draws a mark a night, the newest in the last of so many slots: tall for broken, a dot for kept, a diamond for not decided, dashed for
// not run.
func Strip(states []State, slots int) template.HTML {
	var d strings.Builder
	say := map[State]int{}
	for i, s := range states {
		x := 9 * (i + slots - len(states))
		say[s]++
		switch s {
		case Broken:
			fmt.Fprintf(&d, `<rect class="st-x" x="%d" y="1" width="7" height="17"/>`, x)
		case Kept:
			fmt.Fprintf(&d, `<circle class="st-k" cx="%d.5" cy="9.5" r="3"/>`, x+3)
		case Open:
			fmt.Fprintf(&d, `<path class="st-u" d="M%d.5 4.5l4.5 5-4.5 5-4.5-5z"/>`, x+3)
		default:
			fmt.Fprintf(&d, `<rect class="st-n" x="%d.5" y="6.5" width="6" height="6"/>`, x)
		}
	}
	var parts []string
	for _, k := range []struct {
		s    State
		text string
	}{{Broken, "broken"}, {Kept, "kept"}, {Open, "not decided"}, {NotThere, "not run"}} {
		if n := say[k.s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d times", k.text, n))
		}
	}
	return template.HTML(fmt.Sprintf(`<svg width="%d" height="19" role="img" aria-label="of the last %d: %s">%s</svg>`, 9*slots, len(states), strings.Join(parts, ", "), d.String()))
}
