package topology

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	agentPackage = "github.com/schismtest/schism/cmd/schism-agent"
	// AgentEnv names the environment variable that holds the path of an agent to use instead of building one.
	AgentEnv = "SCHISM_AGENT"
	// keepAgents is how long an agent that is not used any more stays in the cache.
	keepAgents = 7 * 24 * time.Hour
)

// BuildAgent gives the path of the agent's binary for the engine's OS and CPU: the one that SCHISM_AGENT names, else built from the
// module that the working directory belongs to or requires. Built agents stay in the user's cache under a name that tells their
// content, so that a build never changes a binary that another run has mounted.
func BuildAgent(ctx context.Context) (string, error) {
	if p := os.Getenv(AgentEnv); p != "" {
		if _, err := os.Stat(p); err != nil {
			return "", &EngineError{Text: fmt.Sprintf("the agent that %s names cannot be read: %v", AgentEnv, err), Do: "unset it to have one built", Err: err}
		}
		return p, nil
	}
	e, err := connect(ctx)
	if err != nil {
		return "", err
	}
	defer e.close()
	dir, err := cacheDir()
	if err != nil {
		return "", err
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return "", err
	}
	defer unlock()
	// go build does nothing when this file is up to date, and tells so faster than anybody else could.
	built := filepath.Join(dir, "agent-"+e.os+"-"+e.arch)
	if err := goBuild(ctx, built, e.os, e.arch); err != nil {
		return "", err
	}
	return keep(dir, built)
}

// cacheDir is where agents are kept.
func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		base = filepath.Join(os.TempDir(), fmt.Sprintf("cache-%d", os.Getuid()))
	}
	dir := filepath.Join(base, "schism", "agent")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", &EngineError{Text: "the folder for agents cannot be made: " + err.Error(), Do: "set XDG_CACHE_HOME to one that can be written", Err: err}
	}
	return dir, nil
}

// lockDir makes builds wait for each other.
func lockDir(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock of agents: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock agents: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

func goBuild(ctx context.Context, out, goos, goarch string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, agentPackage)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch, "GOFLAGS=")
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("build agent: %w", context.Cause(ctx))
	case errors.Is(err, exec.ErrNotFound):
		return &EngineError{Text: "there is no Go to build the agent with", Do: "install it, or set " + AgentEnv + " to an agent's path", Err: err}
	}
	return &EngineError{Text: "the agent cannot be built: " + lines(text.String(), 3),
		Do: "run in the folder of a module that requires github.com/schismtest/schism, or set " + AgentEnv + " to an agent's path", Err: err}
}

// keep gives the built agent a name of its own and removes what was not used for long.
func keep(dir, built string) (string, error) {
	sum, err := hashFile(built)
	if err != nil {
		return "", err
	}
	path := built + "-" + sum
	if _, err := os.Stat(path); err != nil {
		if err := copyFile(built, path); err != nil {
			return "", err
		}
	}
	now := time.Now()
	if err := os.Chtimes(path, now, now); err != nil {
		return "", fmt.Errorf("keep agent: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("list agents: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasPrefix(e.Name(), filepath.Base(built)+"-") && now.Sub(info.ModTime()) > keepAgents {
			_ = os.Remove(filepath.Join(dir, e.Name())) // another sweeper may have been faster
		}
	}
	return path, nil
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read agent: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read agent: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// copyFile makes an executable copy in one step.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy agent: %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return fmt.Errorf("copy agent: %w", err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("copy agent: %w", err)
	}
	if err := os.Rename(to+".new", to); err != nil {
		return fmt.Errorf("copy agent: %w", err)
	}
	return nil
}
