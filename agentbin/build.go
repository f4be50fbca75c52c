package agentbin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/schismtest/schism/internal/version"
)

// buildFlags are the same everywhere, so that the same sources give the same agent. The sources' commit stays out of it: an agent is
// a new one only when its content is.
var buildFlags = []string{"-trimpath", "-buildvcs=false", "-ldflags=-s -w"}

// module is what `go list -m -json` says.
type module struct {
	Version string
	Main    bool
	Dir     string
	Replace *module
}

// lookSource finds the module of the working directory and schism in it.
func (f *finder) lookSource(ctx context.Context) (Tried, error) {
	out, err := goTool(ctx, "", nil, "list", "-mod=readonly", "-m", "-json", version.Module)
	if err != nil {
		switch text := err.Error(); {
		case strings.Contains(text, "go.mod file not found"):
			return Tried{}, errors.New("no go.mod here or above")
		case strings.Contains(text, "not a known dependency"):
			return Tried{}, fmt.Errorf("the module here does not require %s", version.Module)
		}
		return Tried{}, err
	}
	var m module
	if err := json.Unmarshal(out, &m); err != nil {
		return Tried{}, fmt.Errorf("read what go list says: %w", err)
	}
	if err := f.sameSources(m); err != nil {
		return Tried{}, err
	}
	return Tried{Text: "from the module here"}, nil
}

// sameSources refuses another version's agent, as far as this program's own version is known: in a test it is not, but then the test is
// of this module.
func (f *finder) sameSources(m module) error {
	local := m.Main || m.Replace != nil
	switch {
	case f.own.Installable != "" && (local || m.Version != f.own.Installable):
		return fmt.Errorf("the module here has schism %s, this is %s", orText(m.Version, "in its own sources"), f.own.Installable)
	case f.own.OwnSources && !local:
		return fmt.Errorf("the module here requires schism %s, this was built from other sources", m.Version)
	}
	return nil
}

func (f *finder) getSource(ctx context.Context) (Agent, error) {
	a, err := f.locked(ctx, func(s *store) (string, error) {
		// go build does nothing when this file is up to date, and tells so faster than anybody else could.
		built := filepath.Join(s.dir, f.platform())
		args := append(append([]string{"build", "-mod=readonly"}, buildFlags...), "-o", built, agentPackage)
		if _, err := goTool(ctx, "", f.target(), args...); err != nil {
			return "", err
		}
		return s.keep(f.platform(), built)
	})
	if err != nil {
		return Agent{}, err
	}
	a.How = "built from the module here"
	if a.Source.Version == "" {
		a.Source.Commit, a.Source.Modified = commitHere(ctx)
	}
	return a, nil
}

// lookInstall: only what a module proxy gave can be had from one again.
func (f *finder) lookInstall(context.Context) (Tried, error) {
	if f.own.Installable == "" {
		return Tried{}, errors.New("this program was not installed from a module proxy")
	}
	if s, err := f.open(); err == nil {
		if _, hash := s.installed(f.platform(), f.own.Installable); hash != "" {
			return Tried{Text: f.own.Installable + ", installed before", Hash: hash}, nil
		}
	}
	if _, err := exec.LookPath("go"); err != nil {
		return Tried{}, errNoGo
	}
	return Tried{Text: fmt.Sprintf("would install %s@%s", agentPackage, f.own.Installable)}, nil
}

func (f *finder) getInstall(ctx context.Context) (Agent, error) {
	a, err := f.locked(ctx, func(s *store) (string, error) {
		if path, hash := s.installed(f.platform(), f.own.Installable); hash != "" {
			return s.use(path)
		}
		// A GOPATH of its own, since Go refuses to install another platform's program into a GOBIN; the modules stay the user's.
		gopath, err := os.MkdirTemp(s.dir, "gopath-*")
		if err != nil {
			return "", fmt.Errorf("make a folder to install into: %w", err)
		}
		defer os.RemoveAll(gopath)
		cache, err := goTool(ctx, gopath, nil, "env", "GOMODCACHE")
		if err != nil {
			return "", err
		}
		env := append(f.target(), "GOPATH="+gopath, "GOBIN=", "GOMODCACHE="+strings.TrimSpace(string(cache)))
		args := append(append([]string{"install"}, buildFlags...), agentPackage+"@"+f.own.Installable)
		if _, err := goTool(ctx, gopath, env, args...); err != nil {
			return "", err
		}
		bin := filepath.Join(gopath, "bin", Name)
		if _, err := os.Stat(bin); err != nil { // for another platform than the toolchain's own
			bin = filepath.Join(gopath, "bin", f.goos+"_"+f.goarch, Name)
		}
		path, err := s.keep(f.platform(), bin)
		if err != nil {
			return "", err
		}
		return path, s.remember(f.platform(), f.own.Installable, path)
	})
	a.How = "installed as " + f.own.Installable
	return a, err
}

// locked builds in the store, one at a time.
func (f *finder) locked(ctx context.Context, build func(*store) (string, error)) (Agent, error) {
	s, err := f.open()
	if err != nil {
		return Agent{}, err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return Agent{}, err
	}
	defer unlock()
	path, err := build(s)
	if err != nil {
		return Agent{}, err
	}
	return describe(path, "")
}

// target is the environment that makes Go build a static binary for the engine.
func (f *finder) target() []string {
	return []string{"CGO_ENABLED=0", "GOOS=" + f.goos, "GOARCH=" + f.goarch}
}

// errNoGo is why neither building nor installing serves where nothing else can be told.
var errNoGo = errors.New("no Go in PATH")

// killedWithin is how long a killed command's children may hold on to its output.
const killedWithin = time.Second

// goTool runs Go and gives its standard output; the error is in one line. Flags that the user keeps in GOFLAGS could make another agent.
func goTool(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	return command(ctx, dir, append(env, "GOFLAGS="), "go", args...)
}

func command(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, text bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, append(os.Environ(), env...), &out, &text
	// A group of its own: the compilers end with it, and not by the terminal's Ctrl-C before it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = killedWithin
	err := cmd.Run()
	switch {
	case err == nil:
		return out.Bytes(), nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("run %s %s: %w", name, args[0], context.Cause(ctx))
	case errors.Is(err, exec.ErrNotFound):
		return nil, errNoGo
	case strings.TrimSpace(text.String()) == "":
		return nil, fmt.Errorf("run %s %s: %w", name, args[0], err)
	}
	return nil, errors.New(oneLine(text.String()))
}

// oneLine is the first lines of a command's complaint.
func oneLine(text string) string {
	const most = 3
	lines := strings.FieldsFunc(strings.TrimSpace(text), func(r rune) bool { return r == '\n' || r == '\r' })
	return strings.Join(strings.Fields(strings.Join(lines[:min(len(lines), most)], " ")), " ")
}

// commitHere is the commit of schism's sources where they are a work tree: `go test` records none.
func commitHere(ctx context.Context) (commit string, modified bool) {
	out, err := goTool(ctx, "", nil, "list", "-mod=readonly", "-m", "-json", version.Module)
	var m module
	if err != nil || json.Unmarshal(out, &m) != nil || m.Dir == "" {
		return "", false
	}
	git := func(args ...string) string {
		out, err := command(ctx, m.Dir, nil, "git", args...)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	if git("rev-parse", "--show-prefix") != "" { // a copy in somebody else's repository
		return "", false
	}
	commit = git("rev-parse", "HEAD")
	return commit, commit != "" && git("status", "--porcelain", "-uno") != ""
}
