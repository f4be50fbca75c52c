package nights

import (
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// Diff is something around the runs that is not what it was. The seed is never one: it is drawn anew each night.
type Diff struct{ What, Before, Now string }

// String says it in a few words.
func (d Diff) String() string { return d.What + " " + d.Before + " → " + d.Now }

// Around joins what changed, in words.
func Around(ds []Diff) string {
	if len(ds) == 0 {
		return "nothing that is recorded"
	}
	var out []string
	for _, d := range ds {
		out = append(out, d.String())
	}
	return strings.Join(out, "; ")
}

// aroundServer is what changed about the servers themselves.
func aroundServer(a, b []*Line) []Diff {
	var out []Diff
	name := diff("server", a, b, func(l *Line) string { return l.Release })
	out = append(out, name...)
	out = append(out, diff("server build", a, b, func(l *Line) string { return short(l.Build) })...)
	if d := diff("image", a, b, func(l *Line) string { return l.Image }); len(d) > 0 {
		out = append(out, d...)
	}
	return append(out, diff("image digest", a, b, func(l *Line) string { return short(l.Digest) })...)
}

// short is a digest as people quote it.
func short(digest string) string {
	kind, hash, ok := strings.Cut(digest, ":")
	if !ok {
		return digest[:min(12, len(digest))]
	}
	return kind + ":" + hash[:min(12, len(hash))]
}

// aroundRest is what changed about schism and the machine.
func aroundRest(a, b []*Line) []Diff {
	out := diff("schism", a, b, func(l *Line) string { return l.Schism })
	for _, k := range []string{"harness", "engine", "kernel", "CPUs", "memory"} {
		out = append(out, diff("machine: "+k, a, b, func(l *Line) string { return value(l.Machine, k) })...)
	}
	return out
}

func value(kv []history.KV, k string) string {
	for _, x := range kv {
		if x.K == k {
			return x.V
		}
	}
	return ""
}

// around is all that changed between two nights of one cell.
func around(a, b *Night) []Diff {
	if a == nil || b == nil {
		return nil
	}
	out := append(aroundServer(a.Lines, b.Lines), aroundRest(a.Lines, b.Lines)...)
	return append(out, aroundPromises(a.Lines, b.Lines)...)
}

// diff compares what the runs of two nights say of one thing. Where one night says nothing, nothing can be told.
func diff(what string, a, b []*Line, of func(*Line) string) []Diff {
	x, y := set(a, of), set(b, of)
	if len(x) == 0 || len(y) == 0 || slices.Equal(x, y) {
		return nil
	}
	return []Diff{{what, strings.Join(x, ", "), strings.Join(y, ", ")}}
}

func set(lines []*Line, of func(*Line) string) []string {
	var out []string
	for _, l := range lines {
		if s := of(l); s != "" {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// aroundPromises says which promises came and went.
func aroundPromises(a, b []*Line) []Diff {
	x, y := promises(a), promises(b)
	if len(x) == 0 || len(y) == 0 {
		return nil
	}
	gone := slices.DeleteFunc(slices.Clone(x), func(k string) bool { return slices.Contains(y, k) })
	come := slices.DeleteFunc(slices.Clone(y), func(k string) bool { return slices.Contains(x, k) })
	if len(gone)+len(come) == 0 {
		return nil
	}
	return []Diff{{"promises", some(gone), some(come)}}
}

func some(names []string) string {
	switch {
	case len(names) == 0:
		return "none of these"
	case len(names) > 3:
		return fmt.Sprintf("%s and %s", strings.Join(names[:3], ", "), words.Plural(int64(len(names)-3), "more", "more"))
	}
	return strings.Join(names, ", ")
}

func promises(lines []*Line) []string {
	var out []string
	for _, l := range lines {
		out = append(out, l.Kept...)
		out = append(out, keys(l.Broken)...)
		out = append(out, keys(l.Undecided)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
