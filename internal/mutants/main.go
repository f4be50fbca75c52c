// Command mutants puts deliberate faults into the checkers, one at a time and in an overlay, and runs tests until one notices: the one
// that the mutant names, the simulator's, then all short tests of the checkers. It prints a table, and exits 1 when a fault survives, 2
// when one cannot be tried; either way it goes on to the end.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// limit bounds one run of tests: a fault may make them hang.
const limit = 5 * time.Minute

func main() {
	only := flag.String("only", "", "files of the checker, separated by commas; default all")
	dry := flag.Bool("dry", false, "only look whether each fault has its place and compiles")
	flag.Parse()
	survived, broken, err := run(context.Background(), *only, *dry)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	case broken > 0:
		os.Exit(2)
	case survived > 0:
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, dry bool) (survived, broken int, err error) {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return 0, 0, fmt.Errorf("make a folder for mutants: %w", err)
	}
	defer os.RemoveAll(dir)
	if !dry { // tests that fail without a fault would kill everything
		none := mutant{file: "doc.go", what: "no fault", old: "package checker", new: "package checker"}
		if res, by, err := none.try(ctx, dir); err != nil || res != "SURVIVED" {
			return 0, 0, errors.Join(fmt.Errorf("the tests fail without any fault: %s", by), err)
		}
	}
	tried := 0
	for i, m := range mutants() {
		if only != "" && !slices.Contains(strings.Split(only, ","), m.file) {
			continue
		}
		tried++
		t := time.Now()
		res, by := "compiles", ""
		var err error
		if dry {
			err = m.compiles(ctx, dir)
		} else {
			res, by, err = m.try(ctx, dir)
		}
		switch {
		case err != nil:
			broken++
			res, by = "BROKEN", err.Error()
		case res == "SURVIVED":
			survived++
		}
		fmt.Printf("%3d  %-9s %-22s %-58s %5.1f s  %s\n", i+1, res, m.file, m.what, time.Since(t).Seconds(), by)
	}
	fmt.Printf("%d faults, %d survived, %d could not be tried\n", tried, survived, broken)
	return survived, broken, nil
}

// place is the file with the fault in it.
func (m mutant) place() (string, error) {
	src, err := os.ReadFile(filepath.Join("checker", m.file))
	if err != nil {
		return "", fmt.Errorf("read the file of a mutant: %w", err)
	}
	if n := strings.Count(string(src), m.old); n != 1 {
		return "", fmt.Errorf("%q stands %d times in %s, not once", m.old, n, m.file)
	}
	return strings.Replace(string(src), m.old, m.new, 1), nil
}

// stage is a set of tests to try: of a package, those that match a pattern and not another.
type stage struct{ pkg, pattern, skip string }

// slow are the checkers' tests that take long: those against brute force, and of many random histories.
const slow = "Brute|Agree|Porcupine|Never|False|Decided|GoesBack|Prefix"

// stages are the tests that may notice, the cheapest first.
func (m mutant) stages() []stage {
	all := []stage{{"checker", ".", slow}, {"checker/result", ".", ""}, {"sim", ".", ""}, {"checker", slow, ""}}
	if m.by == "" {
		return all
	}
	return append([]stage{{"checker", "^" + m.by + "$", ""}}, all...)
}

// overlay writes the file with the fault in it into dir, and the file that tells the compiler to take it.
func (m mutant) overlay(dir string) (string, error) {
	changed, err := m.place()
	if err != nil {
		return "", err
	}
	path, err := filepath.Abs(filepath.Join("checker", m.file))
	if err != nil {
		return "", fmt.Errorf("find %s: %w", m.file, err)
	}
	to, overlay := filepath.Join(dir, filepath.Base(m.file)), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(to, []byte(changed), 0o600); err != nil {
		return "", fmt.Errorf("write a mutant: %w", err)
	}
	raw, err := json.Marshal(map[string]map[string]string{"Replace": {path: to}})
	if err != nil {
		return "", fmt.Errorf("write an overlay: %w", err)
	}
	if err := os.WriteFile(overlay, raw, 0o600); err != nil {
		return "", fmt.Errorf("write an overlay: %w", err)
	}
	return overlay, nil
}

// compiles fails where the fault is none that the compiler takes: it would prove nothing.
func (m mutant) compiles(ctx context.Context, dir string) error {
	overlay, err := m.overlay(dir)
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "./checker/...").CombinedOutput(); err != nil {
		return fmt.Errorf("does not compile: %s", firstLine(string(out), ".go:"))
	}
	return nil
}

// try compiles tests with the fault and runs them until one notices.
func (m mutant) try(ctx context.Context, dir string) (res, by string, err error) {
	overlay, err := m.overlay(dir)
	if err != nil {
		return "", "", err
	}
	for _, s := range m.stages() {
		bin := filepath.Join(dir, filepath.Base(s.pkg)+".test")
		if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", bin, "./"+s.pkg).CombinedOutput(); err != nil {
			return "", "", fmt.Errorf("does not compile: %s", firstLine(string(out), ".go:"))
		}
		if res, by, err = s.run(ctx, bin); err != nil || res != "SURVIVED" {
			return res, by, err
		}
	}
	return "SURVIVED", "", nil
}

var failed = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// run runs the tests of a stage, and names the first that fails.
func (s stage) run(ctx context.Context, bin string) (res, by string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	test := exec.CommandContext(ctx, bin, "-test.short", "-test.failfast", "-test.run", s.pattern, "-test.skip", s.skip)
	test.Dir = s.pkg // for its testdata
	out, err := test.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "SURVIVED", "", nil
	case ctx.Err() != nil:
		return "hung", s.pkg, nil
	case !errors.As(err, &exit):
		return "", "", fmt.Errorf("run the tests of %s: %w", s.pkg, err)
	}
	if m := failed.FindSubmatch(out); m != nil {
		return "killed", s.pkg + " " + string(m[1]), nil
	}
	return "killed", s.pkg + " " + firstLine(string(out), "panic"), nil
}

// firstLine is the first line that has this in it, else the first.
func firstLine(text, with string) string {
	lines := strings.Split(text, "\n")
	for _, l := range lines {
		if strings.Contains(l, with) {
			return l
		}
	}
	return lines[0]
}
