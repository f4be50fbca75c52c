package agentbin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/schismtest/schism/internal/version"
)

const (
	// Env names the environment variable that holds the path of an agent to use.
	Env = "SCHISM_AGENT"
	// Name is the agent's file name in a container. cmd/schism acts as the agent when it is started by this name.
	Name = "schism-agent"

	agentPackage   = version.Module + "/cmd/" + Name
	commandPackage = version.Module + "/cmd/schism"
)

// Agent is one that was found.
type Agent struct {
	Path string
	// How says for people where it comes from.
	How string
	// Hash is the SHA-256 of its content, in hex.
	Hash string
	// Source is the schism that it was built from, as far as that is known.
	Source version.Info
}

// Tried is one way to an agent: whether it serves, and what it would use or why it does not.
type Tried struct {
	Way  string
	OK   bool
	Text string
	// Hash is the agent's, where that is known before it is built.
	Hash string
}

// RefusedError is a SCHISM_AGENT that cannot be used: what the user wrote is wrong.
type RefusedError struct {
	Path string
	Why  string
}

// Error implements error.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s=%s is not used: %s; name a static linux binary of schism-agent, or unset it", Env, e.Path, e.Why)
}

// NotFoundError says of every way why it did not serve.
type NotFoundError struct {
	OS, Arch string
	Tried    []Tried
}

// Error implements error, in one line.
func (e *NotFoundError) Error() string {
	var why []string
	for _, t := range e.Tried {
		why = append(why, t.Way+": "+t.Text)
	}
	return fmt.Sprintf("there is no agent for %s/%s (%s); use a released binary or one of make build, or set %s to an agent's path",
		e.OS, e.Arch, strings.Join(why, "; "), Env)
}

// way is one place to get an agent from.
type way struct {
	name string
	// look says what would serve, or by its error why nothing does. It changes nothing.
	look func(ctx context.Context) (Tried, error)
	// get is called after look succeeded.
	get func(ctx context.Context) (Agent, error)
}

// finder is what the ways look at.
type finder struct {
	goos, goarch string
	named        string // SCHISM_AGENT
	embedded     fs.FS
	own          version.Info
	executable   func() (string, error)
	open         func() (*store, error)
	check        func(path, goos, goarch string) error
}

func newFinder(goos, goarch string) *finder {
	return &finder{goos: goos, goarch: goarch, named: os.Getenv(Env), embedded: embedded, own: version.Own(), executable: os.Executable,
		open: openStore, check: checkAgent}
}

// Find gives an agent for the OS and CPU, as Go calls them. Its error is a *RefusedError, a *NotFoundError, or the context's.
func Find(ctx context.Context, goos, goarch string) (Agent, error) {
	f := newFinder(goos, goarch)
	return f.find(ctx, f.ways())
}

// CheckNamed says what is wrong with the file that SCHISM_AGENT names, as far as that can be told before an engine is asked; nil where it names
// none. Its error is a *RefusedError.
func CheckNamed() error {
	path := os.Getenv(Env)
	if path == "" {
		return nil
	}
	if err := checkAgent(path, "linux", ""); err != nil {
		return &RefusedError{Path: path, Why: err.Error()}
	}
	return nil
}

// Survey says of every way whether it serves, without building or writing anything and without the network. The error is a
// *RefusedError, or the context's.
func Survey(ctx context.Context, goos, goarch string) ([]Tried, error) {
	f := newFinder(goos, goarch)
	return f.survey(ctx, f.ways())
}

func (f *finder) ways() []way {
	return []way{
		{Env, f.lookNamed, f.getNamed},
		{"embedded", f.lookEmbedded, f.getEmbedded},
		{"this program", f.lookSelf, f.getSelf},
		{"go build", f.lookSource, f.getSource},
		{"go install", f.lookInstall, f.getInstall},
	}
}

func (f *finder) find(ctx context.Context, ways []way) (Agent, error) {
	failed := &NotFoundError{OS: f.goos, Arch: f.goarch}
	for _, w := range ways {
		_, err := w.look(ctx)
		if err == nil {
			var a Agent
			if a, err = w.get(ctx); err == nil {
				return a, nil
			}
		}
		var refused *RefusedError
		switch {
		case ctx.Err() != nil:
			return Agent{}, fmt.Errorf("look for an agent: %w", context.Cause(ctx))
		case errors.As(err, &refused):
			return Agent{}, err
		}
		failed.Tried = append(failed.Tried, Tried{Way: w.name, Text: err.Error()})
	}
	return Agent{}, failed
}

func (f *finder) survey(ctx context.Context, ways []way) ([]Tried, error) {
	var all []Tried
	for _, w := range ways {
		t, err := w.look(ctx)
		var refused *RefusedError
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("look for an agent: %w", context.Cause(ctx))
		case errors.As(err, &refused):
			return nil, err
		case err != nil:
			t = Tried{Text: err.Error()}
		default:
			t.OK = true
		}
		t.Way = w.name
		all = append(all, t)
	}
	return all, nil
}
