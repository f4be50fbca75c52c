package agentbin

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/schismtest/schism/internal/version"
)

// maxAgent bounds what an embedded agent may unpack to, in bytes.
const maxAgent = 64 << 20

// lookNamed: a file that is named is used or refused, and nothing else is tried.
func (f *finder) lookNamed(context.Context) (Tried, error) {
	if f.named == "" {
		return Tried{}, errors.New("not set")
	}
	if err := f.check(f.named, f.goos, f.goarch); err != nil {
		return Tried{}, &RefusedError{Path: f.named, Why: err.Error()}
	}
	hash, err := hashFile(f.named)
	if err != nil {
		return Tried{}, &RefusedError{Path: f.named, Why: err.Error()}
	}
	return Tried{Text: f.named, Hash: hash}, nil
}

func (f *finder) getNamed(context.Context) (Agent, error) {
	path, err := filepath.Abs(f.named)
	if err != nil {
		return Agent{}, fmt.Errorf("find %s: %w", f.named, err)
	}
	return describe(path, "named by "+Env)
}

func (f *finder) lookEmbedded(context.Context) (Tried, error) {
	b, err := f.unpack()
	if err != nil {
		return Tried{}, err
	}
	return Tried{Text: "in this program", Hash: hashOf(b)}, nil
}

func (f *finder) getEmbedded(context.Context) (Agent, error) {
	b, err := f.unpack()
	if err != nil {
		return Agent{}, err
	}
	s, err := f.open()
	if err != nil {
		return Agent{}, err
	}
	path, err := s.put(f.platform(), b)
	if err != nil {
		return Agent{}, err
	}
	return describe(path, "embedded in this program")
}

// unpack gives the embedded agent.
func (f *finder) unpack() ([]byte, error) {
	file, err := f.embedded.Open("agents/" + f.platform() + ".zst")
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := fs.Stat(f.embedded, "agents"); err == nil {
			return nil, fmt.Errorf("none for %s/%s in this program", f.goos, f.goarch)
		}
		return nil, errors.New("none in this build")
	}
	if err != nil {
		return nil, fmt.Errorf("open embedded agent: %w", err)
	}
	defer file.Close()
	z, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxAgent))
	if err != nil {
		return nil, fmt.Errorf("unpack embedded agent: %w", err)
	}
	defer z.Close()
	b, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("unpack embedded agent: %w", err)
	}
	return b, nil
}

// lookSelf: schism's command is the agent too, wherever it is a binary that any image can run.
func (f *finder) lookSelf(context.Context) (Tried, error) {
	switch {
	case strings.HasSuffix(f.own.Main, ".test"):
		return Tried{}, errors.New("a test")
	case f.own.Main != commandPackage:
		return Tried{}, errors.New("not the schism command")
	case f.goos != runtime.GOOS:
		return Tried{}, errors.New("it is for " + runtime.GOOS)
	}
	path, err := f.executable()
	if err != nil {
		return Tried{}, fmt.Errorf("find this program's file: %w", err)
	}
	if err := f.check(path, f.goos, f.goarch); err != nil {
		return Tried{}, err
	}
	hash, err := hashFile(path)
	if err != nil {
		return Tried{}, err
	}
	return Tried{Text: "it is the agent too", Hash: hash}, nil
}

func (f *finder) getSelf(context.Context) (Agent, error) {
	path, err := f.executable()
	if err != nil {
		return Agent{}, fmt.Errorf("find this program's file: %w", err)
	}
	return describe(path, "this program itself")
}

// platform names a binary's file after the OS and CPU.
func (f *finder) platform() string { return "agent-" + f.goos + "-" + f.goarch }

// describe says all of an agent's file.
func describe(path, how string) (Agent, error) {
	hash, err := hashFile(path)
	if err != nil {
		return Agent{}, err
	}
	a := Agent{Path: path, How: how, Hash: hash}
	if info, err := buildinfo.ReadFile(path); err == nil {
		a.Source = version.Of(info)
	}
	return a, nil
}

func hashFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read agent: %w", err)
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", fmt.Errorf("read agent: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
