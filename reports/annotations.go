package reports

import (
	"fmt"
	"io"
	"strings"

	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/nights"
)

// AnnotationsMost is how many annotations of a level GitHub shows of a step.
const AnnotationsMost = 10

// Annotations writes a workflow command for each new violation, the worst first. Where there are more than are shown, the last says how many
// are left. Text of servers and users cannot end a command or begin one.
func Annotations(w io.Writer, r *nights.Report) error {
	news := r.NewOnes()
	var b strings.Builder
	for i, c := range news {
		if i == AnnotationsMost-1 && len(news) > AnnotationsMost {
			fmt.Fprintf(&b, "::error title=%s::%s\n", property("More new violations"), data(fmt.Sprintf("%d more are in the summary and on the page.", len(news)-i)))
			break
		}
		fmt.Fprintf(&b, "::error title=%s::%s\n", property(fmt.Sprintf("New violation: %s on %s", c.Cell.Scenario, c.Cell.Server)),
			data(words.Clip(fmt.Sprintf("%s: %s. %s Changed around it: %s.", c.Held.Text, c.Now, c.Note, c.AroundWords()), 1000)))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write annotations: %w", err)
	}
	return nil
}

// data escapes the text of a workflow command, property that of one of its properties.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(words.Clean(s))
}

func property(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data(words.Clip(s, 200)))
}
