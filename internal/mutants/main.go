// Command mutants puts deliberate faults into the checkers, one at a time and in an overlay, and runs their short tests: each fault
// must be noticed. It prints a table and exits 1 when one survives.
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
	"slices"
	"strings"
	"time"
)

// limit bounds one run of the tests: a fault may make them hang.
const limit = 90 * time.Second

func main() {
	only := flag.String("only", "", "files of the checker, separated by commas; default all")
	flag.Parse()
	survived, err := run(context.Background(), *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if survived > 0 {
		os.Exit(1)
	}
}

func run(ctx context.Context, only string) (survived int, err error) {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return 0, fmt.Errorf("make a folder for mutants: %w", err)
	}
	defer os.RemoveAll(dir)
	// Tests that fail without a fault would kill everything.
	none := mutant{"doc.go", "no fault", "package checker", "package checker"}
	if res, err := none.try(ctx, dir); err != nil || res != "SURVIVED" {
		return 0, errors.Join(errors.New("the tests fail without any fault: "+res), err)
	}
	tried := 0
	for i, m := range mutants() {
		if only != "" && !slices.Contains(strings.Split(only, ","), m.file) {
			continue
		}
		tried++
		t := time.Now()
		res, err := m.try(ctx, dir)
		if err != nil {
			return survived, fmt.Errorf("try mutant %d (%s): %w", i+1, m.what, err)
		}
		if res == "SURVIVED" {
			survived++
		}
		fmt.Printf("%2d  %-9s %-24s %-62s %4.1f s\n", i+1, res, m.file, m.what, time.Since(t).Seconds())
	}
	fmt.Printf("%d faults, %d survived\n", tried, survived)
	return survived, nil
}

// try compiles the checkers with the fault and runs their tests. A fault that does not compile proves nothing, and is an error.
func (m mutant) try(ctx context.Context, dir string) (string, error) {
	path, err := filepath.Abs(filepath.Join("checker", m.file))
	if err != nil {
		return "", err
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(src), m.old); n != 1 {
		return "", fmt.Errorf("%q stands %d times in %s, not once", m.old, n, m.file)
	}
	changed, overlay := filepath.Join(dir, m.file), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(src), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	raw, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, raw, 0o600); err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "checker.test")
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", bin, "./checker").CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile: %w\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	test := exec.CommandContext(ctx, bin, "-test.short", "-test.failfast")
	test.Dir = "checker" // for its testdata
	err = test.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "SURVIVED", nil
	case ctx.Err() != nil:
		return "hung", nil
	case errors.As(err, &exit):
		return "killed", nil
	}
	return "", err
}
