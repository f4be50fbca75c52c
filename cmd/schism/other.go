package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	docs "github.com/urfave/cli-docs/v3"
	"github.com/urfave/cli/v3"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/scenarios"
)

func (a *app) list() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "the scenarios, each with its why",
		Action: a.act(func(_ context.Context, a *app, c *cli.Command) (int, error) {
			if err := none(c); err != nil {
				return schism.ExitUsage, err
			}
			for _, s := range scenarios.All() {
				fmt.Fprintf(a.out, "%s\n%s\n", s.Name, wrap(s.Why, 4, 80))
			}
			return schism.ExitPass, nil
		}),
	}
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

func (a *app) report() *cli.Command {
	return &cli.Command{
		Name: "report", Usage: "write a run's page anew", ArgsUsage: "RUN",
		Description: `Judges the run's folder anew and writes its result.json and report.html.

Example:
   schism report artifacts/split-brain/redis-7.0/latest`,
		Action: a.act(func(ctx context.Context, a *app, c *cli.Command) (int, error) {
			dir, err := one(c, "one folder of a run")
			if err != nil {
				return schism.ExitUsage, err
			}
			o, err := schism.Report(ctx, dir)
			return finish(o, err, a.out, false)
		}),
	}
}

func (a *app) index() *cli.Command {
	o := schism.IndexOptions{}
	return &cli.Command{
		Name: "index", Usage: "the page over all runs, and what is new since the last night", ArgsUsage: "[DIR...]",
		Description: `Joins the runs and histories of the folders (default: artifacts), and writes the
page over them. The exit code is 1 when the last night has a new violation, 2
when it ran nothing.

Examples:
   schism index
   schism index -into site -summary summary.md -junit junit.xml night-*/artifacts`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "into", Usage: "the `FOLDER` of the page and of the joined history (default: the one that is given)", Destination: &o.Into},
			&cli.StringFlag{Name: "night", Usage: "the `NIGHT` to tell of (default: that of the newest run)", Destination: &o.Night},
			&cli.IntFlag{Name: "keep-nights", Usage: "remove the folders of runs older than `N` nights; their lines stay (default: keep all)", Destination: &o.KeepNights, HideDefault: true},
			&cli.StringFlag{Name: "summary", Usage: "add a summary in Markdown to a `FILE`, - for standard output", Destination: &o.Summary},
			&cli.StringFlag{Name: "junit", Usage: "write JUnit's XML to a `FILE`, - for standard output", Destination: &o.JUnit},
			&cli.StringFlag{Name: "annotations", Usage: "write GitHub's workflow commands for new violations to a `FILE`, - for standard output", Destination: &o.Annotations},
		},
		Action: a.act(func(ctx context.Context, a *app, c *cli.Command) (int, error) {
			dirs := c.Args().Slice()
			if len(dirs) == 0 {
				dirs = []string{"artifacts"}
			}
			o.Out = a.out
			out, err := schism.Index(ctx, dirs, o)
			if err != nil {
				return schism.ExitCode("", err), err
			}
			for _, b := range out.Broken {
				fmt.Fprintf(a.errw, "schism: %s\n", words.Line(b))
			}
			for _, dir := range out.Removed {
				fmt.Fprintf(a.errw, "removed %s\n", words.Line(dir))
			}
			if o.Summary != "-" && o.JUnit != "-" && o.Annotations != "-" {
				fmt.Fprintf(a.out, "%s\n%s\n", words.Line(out.Headline()), out.Page)
			} else { // standard output is somebody's file
				fmt.Fprintf(a.errw, "%s\n%s\n", words.Line(out.Headline()), out.Page)
			}
			return out.Exit(), nil
		}),
	}
}

func (a *app) doctor() *cli.Command {
	return &cli.Command{
		Name: "doctor", Usage: "what is there, what is missing, and what that costs",
		Action: a.act(func(ctx context.Context, a *app, c *cli.Command) (int, error) {
			if err := none(c); err != nil {
				return schism.ExitUsage, err
			}
			lines, ok := schism.Doctor(ctx)
			for _, l := range lines {
				fmt.Fprintf(a.out, "%s %-12s %s\n", map[bool]string{true: "+", false: "x"}[l.OK], l.What, l.Text)
				if l.Cost != "" {
					fmt.Fprintf(a.out, "%15s%s\n", "", l.Cost)
				}
			}
			if !ok {
				return schism.ExitError, nil
			}
			return schism.ExitPass, nil
		}),
	}
}

func (a *app) version() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "this program's version and commit, and the agent that it would use",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "as JSON"}},
		Action: a.act(func(ctx context.Context, a *app, c *cli.Command) (int, error) {
			if err := none(c); err != nil {
				return schism.ExitUsage, err
			}
			b, err := schism.About(ctx)
			if err != nil {
				return schism.ExitCode("", err), err
			}
			if c.Bool("json") {
				return schism.ExitPass, json.NewEncoder(a.out).Encode(b)
			}
			fmt.Fprint(a.out, schism.AboutText(b))
			return schism.ExitPass, nil
		}),
	}
}

// man prints the manual page; make man keeps it.
func (a *app) man() *cli.Command {
	return &cli.Command{
		Name: "man", Usage: "print the manual page", Hidden: true,
		Action: a.act(func(_ context.Context, a *app, c *cli.Command) (int, error) {
			page, err := docs.ToManWithSection(c.Root(), 1)
			if err != nil {
				return schism.ExitError, fmt.Errorf("write the manual page: %w", err)
			}
			fmt.Fprint(a.out, page)
			return schism.ExitPass, nil
		}),
	}
}
