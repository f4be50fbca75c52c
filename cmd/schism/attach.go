package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v3"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

func (a *app) attach() *cli.Command {
	o := &schism.AttachOptions{}
	var flags []cli.Flag
	for _, f := range schism.AttachFlags(o) {
		flags = append(flags, bind(f))
	}
	return &cli.Command{
		Name: "attach", Usage: "watch a setup that already runs", Flags: flags,
		Description: `Finds the setup's servers and sentinels, watches them from here until -for is
over or Ctrl-C, says every second how far replicas are behind, and writes the
page of a run. It breaks nothing, starts nothing, and writes nothing unless
-load is given: then clients of its own write and read keys of their own, which
it removes at the end. No flag takes a password.

Exit codes: 0 unless a -promise breaks (1) or cannot be decided (2); 3 the setup
cannot be reached or does not let us in, 64 usage.

Examples:
   schism attach -addr 10.0.0.1:6379 -for 10m
   schism attach -sentinel 10.0.0.5:26379 -master-name mymaster -load
   schism attach -addr redis.internal:6380 -tls -tls-ca ca.crt -user watcher -password-env WATCHER -promise lag_time=500ms
   schism attach -addr 127.0.0.1:7001 -map 172.18.0.2=127.0.0.1`,
		Action: a.act(func(ctx context.Context, a *app, c *cli.Command) (int, error) {
			if c.NArg() > 0 { // it may hold a password, so it is not repeated
				return schism.ExitUsage, usage("attach takes no arguments, only flags: the setup is given with -addr HOST:PORT or -sentinel HOST:PORT")
			}
			bar := newProgress(a.errw)
			o.Progress = func(p schism.Progress) {
				if p.Phase != "find" {
					a.holds.Store(true) // keys to remove, and a page to write
				}
				bar.show(p)
			}
			o.Status = func(s schism.AttachStatus) {
				bar.show(schism.Progress{Phase: "watch", Text: statusLine(s, bar.width-17)})
			}
			outcome, err := schism.Attach(ctx, *o)
			bar.end()
			return finish(outcome, err, a.out, true)
		}),
	}
}

// statusLine says in so many columns what was seen: masters, then replicas, those in trouble first, sentinels, the load.
func statusLine(s schism.AttachStatus, width int) string {
	var masters, replicas []schism.AttachNode
	var parts, sentinels []string
	watching := 0
	for _, n := range s.Nodes {
		switch {
		case n.Role == history.RoleSentinel && n.Answers && n.Link:
			watching++
		case n.Role == history.RoleSentinel && n.Answers:
			sentinels = append(sentinels, n.Name+" holds the master for down")
		case n.Role == history.RoleSentinel:
			sentinels = append(sentinels, n.Name+" "+silent(n))
		case n.Role == history.RoleMaster:
			masters = append(masters, n)
		default:
			replicas = append(replicas, n)
		}
	}
	for _, n := range masters {
		text := n.Name + " master"
		if !n.Answers {
			text += " " + silent(n)
		}
		parts = append(parts, text)
	}
	slices.SortStableFunc(replicas, func(a, b schism.AttachNode) int { return cmp.Compare(trouble(b), trouble(a)) })
	for _, n := range replicas {
		parts = append(parts, replicaText(n))
	}
	parts = append(parts, sentinels...)
	if watching > 0 {
		parts = append(parts, words.Plural(int64(watching), "sentinel ok", "sentinels ok"))
	}
	if s.Ops > 0 {
		parts = append(parts, fmt.Sprintf("ops %s, %s ok", words.Count(s.Ops), words.Share(s.OK, s.Ops)))
	}
	return fit(parts, width)
}

// trouble orders replicas: silent ones, then those without a link, then by their lag.
func trouble(n schism.AttachNode) time.Duration {
	switch {
	case !n.Answers:
		return time.Duration(1<<62) + 1
	case !n.Link:
		return time.Duration(1 << 62)
	}
	return n.Lag
}

func silent(n schism.AttachNode) string {
	if n.Silent > 0 {
		return "silent " + n.Silent.Round(time.Second).String()
	}
	return "silent"
}

// replicaText is a replica's role, lag in bytes and time, and link.
func replicaText(n schism.AttachNode) string {
	if !n.Answers {
		return n.Name + " " + silent(n)
	}
	link := "up"
	if !n.Link {
		link = "DOWN"
	}
	lag := "lag ?"
	if n.LagBytes >= 0 {
		lag = fmt.Sprintf("%s %d ms", words.Size(n.LagBytes), n.Lag.Milliseconds())
	}
	return fmt.Sprintf("%s replica %s %s", n.Name, lag, link)
}

// fit joins as many parts as there is room for, and says how many are left out.
func fit(parts []string, width int) string {
	line := ""
	for i, p := range parts {
		next := strings.TrimPrefix(line+"  "+p, "  ")
		room := width
		if i < len(parts)-1 {
			room -= 6 // for what would be left out
		}
		if line != "" && utf8.RuneCountInString(next) > room {
			return fmt.Sprintf("%s  +%d", line, len(parts)-i)
		}
		line = next
	}
	return line
}
