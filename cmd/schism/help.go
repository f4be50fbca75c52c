package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v3"
)

// helpWidth is how many columns help takes.
const helpWidth = 80

// ownHelp prints help as people read it in a terminal: one dash, and what a flag does below its name. The library keeps its printer for
// the whole process, so main calls this once.
func ownHelp() {
	cli.HelpPrinter = func(w io.Writer, _ string, data any) {
		if c, ok := data.(*cli.Command); ok {
			fmt.Fprint(w, help(c))
		}
	}
}

func help(c *cli.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s - %s\n\n", c.FullName(), c.Usage)
	flags := c.VisibleFlags()
	b.WriteString("    " + c.FullName())
	if len(c.VisibleCommands()) > 0 {
		b.WriteString(" COMMAND")
	}
	if c.Root() != c && len(flags) > 1 { // there is always -help
		b.WriteString(" [flags]")
	}
	b.WriteString(strings.TrimRight(" "+c.ArgsUsage, " ") + "\n")
	if c.Description != "" {
		b.WriteString("\n" + c.Description + "\n")
	}
	if cs := c.VisibleCommands(); len(cs) > 0 {
		b.WriteString("\nCommands (schism COMMAND -h tells more):\n")
		for _, c := range cs {
			fmt.Fprintf(&b, "  %-11s %s\n", c.Name, c.Usage)
		}
	}
	if c.Root() != c {
		b.WriteString("\nFlags:\n")
		for _, f := range flags {
			flagHelp(&b, f)
		}
	}
	return b.String()
}

func flagHelp(b *strings.Builder, f cli.Flag) {
	d, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return
	}
	usage := d.GetUsage()
	_, rest, _ := strings.Cut(usage, "`")
	name, _, _ := strings.Cut(rest, "`")
	for i, n := range f.Names() {
		if i > 0 {
			b.WriteString(", ")
		} else {
			b.WriteString("  ")
		}
		b.WriteString(strings.TrimRight("-"+n+" "+name, " "))
	}
	b.WriteString("\n" + wrap(strings.ReplaceAll(usage, "`", ""), 8, helpWidth) + "\n")
}
