package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/scenarios"
)

func listCmd(_ context.Context, args []string, out, _ io.Writer) (int, error) {
	if len(args) > 0 {
		return schism.ExitUsage, fmt.Errorf("list takes no arguments")
	}
	for _, s := range scenarios.All() {
		fmt.Fprintf(out, "%s\n%s\n", s.Name, wrap(s.Why, 4, 80))
	}
	return schism.ExitPass, nil
}

// wrap breaks a text into lines of at most width columns, indented.
func wrap(text string, indent, width int) string {
	var b strings.Builder
	pad := strings.Repeat(" ", indent)
	col := width + 1
	for _, w := range strings.Fields(text) {
		if col+1+len(w) > width {
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(pad)
			col = indent
		} else {
			b.WriteByte(' ')
			col++
		}
		b.WriteString(w)
		col += len(w)
	}
	return b.String()
}

func reportCmd(_ context.Context, args []string, out, _ io.Writer) (int, error) {
	if len(args) != 1 {
		return schism.ExitUsage, fmt.Errorf("report takes one folder of a run")
	}
	o, err := schism.Report(args[0])
	return finish(o, err, out, false)
}
