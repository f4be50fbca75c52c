package charts

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/schismtest/schism/reports/frame"
)

// Point is one run's number on a line of the last runs, and its words.
type Point struct {
	V     float64
	Known bool
	Text  string
}

// Spark draws the last runs' numbers from 0 to top, the newest in the last of so many slots; a cross stands for a run without one.
func Spark(points []Point, slots int, top float64) template.HTML {
	const w, h = 72.0, 20.0
	var d strings.Builder
	var end string
	var say []string
	cmd := "M"
	for i, p := range points {
		x := 4 + (w-8)*float64(i+slots-len(points))/float64(slots-1)
		if !p.Known {
			cmd = "M"
			end = fmt.Sprintf(`<path class="xx" d="M%s %sl4 4m0-4l-4 4"/>`, f1(x-2), f1(h-6))
			say = append(say, "none")
			continue
		}
		y := h - 3 - p.V/top*(h-6)
		fmt.Fprintf(&d, "%s%s %s", cmd, f1(x), f1(y))
		cmd = "L"
		end = fmt.Sprintf(`<circle class="dot" cx="%s" cy="%s" r="2"/>`, f1(x), f1(y))
		say = append(say, p.Text)
	}
	return template.HTML(fmt.Sprintf(`<svg width="%s" height="%s" role="img" aria-label="%s"><path class="spark" d="%s"/>%s</svg>`,
		f1(w), f1(h), frame.Esc("last runs: "+strings.Join(say, ", ")), d.String(), end))
}
