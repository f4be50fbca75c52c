package agentbin

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/internal/version"
)

// fakes are finders on which the ways can be opened one by one.
func fakes(t *testing.T) *finder {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(t.TempDir()) // no module here
	return &finder{goos: "linux", goarch: "amd64", embedded: fstest.MapFS{}, own: version.Info{Main: "example.com/x"},
		executable: func() (string, error) { return "", errors.New("no executable") },
		open:       func() (*store, error) { return &store{dir}, nil },
		check:      func(string, string, string) error { return nil }}
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o755))
	return path
}

func packed(t *testing.T, content string) fs.FS {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return fstest.MapFS{"agents/agent-linux-amd64.zst": {Data: z.EncodeAll([]byte(content), nil)}}
}

// fakeGo puts a go into PATH that is a shell script.
func fakeGo(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\n"+script), 0o755))
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

// goHere answers as Go in a module that requires schism, and builds what it is told to.
const goHere = `case "$1" in
list) echo '{"Path": "github.com/schismtest/schism", "Version": "v1.0.0"}' ;;
build) while [ "$1" != -o ]; do shift; done; echo built > "$2" ;;
env) echo /modules ;;
install) mkdir -p "$GOPATH/bin" && echo installed "$GOMODCACHE" $CGO_ENABLED $GOOS/$GOARCH "$5" > "$GOPATH/bin/schism-agent" ;;
esac
`

// The ways are tried in their order: each is opened besides the ones after it.
func TestOrder(t *testing.T) {
	f := fakes(t)
	fakeGo(t, strings.Replace(goHere, "list)", "list) exit 1 ;; list2)", 1))
	steps := []struct {
		way, how, content string
		open              func()
	}{
		{"go install", "installed as v1.0.0", "installed /modules 0 linux/amd64 github.com/schismtest/schism/cmd/schism-agent@v1.0.0\n", func() {
			f.own.Installable = "v1.0.0"
		}},
		{"go build", "built from the module here", "built\n", func() { fakeGo(t, goHere) }},
		{"this program", "this program itself", "self", func() {
			f.own.Main = commandPackage
			path := file(t, "self")
			f.executable = func() (string, error) { return path, nil }
		}},
		{"embedded", "embedded in this program", "embedded", func() { f.embedded = packed(t, "embedded") }},
		{Env, "named by SCHISM_AGENT", "named", func() { f.named = file(t, "named") }},
	}
	_, err := f.find(t.Context(), f.ways())
	var none *NotFoundError
	require.ErrorAs(t, err, &none)
	for i, s := range steps {
		s.open()
		a, err := f.find(t.Context(), f.ways())
		require.NoError(t, err, s.way)
		require.Equal(t, s.how, a.How)
		b, err := os.ReadFile(a.Path)
		require.NoError(t, err)
		require.Equal(t, s.content, string(b))
		require.Equal(t, hashOf(b), a.Hash)
		require.True(t, filepath.IsAbs(a.Path))

		all, err := f.survey(t.Context(), f.ways())
		require.NoError(t, err)
		require.Len(t, all, 5)
		for j, w := range all {
			require.Equal(t, j >= len(all)-1-i, w.OK, "%s with %s opened: %s", w.Way, s.way, w.Text)
			require.NotEmpty(t, w.Text)
			if w.Way == s.way && s.way != "go build" {
				require.Equal(t, a.Hash, w.Hash, "the survey knows the hash that a run would have")
			}
		}
	}
}

func TestNoWayIsOneLineThatSaysAll(t *testing.T) {
	f := fakes(t)
	t.Setenv("PATH", "")
	_, err := f.find(t.Context(), f.ways())
	require.EqualError(t, err, "there is no agent for linux/amd64 (SCHISM_AGENT: not set; embedded: none in this build; this program: not the schism command; "+
		"go build: no Go in PATH; go install: this program was not installed from a module proxy); "+
		"use a released binary or one of make build, or set SCHISM_AGENT to an agent's path")

	// What fails while it serves is said too, and the next way is tried.
	f.own = version.Info{Main: "x.test", Installable: "v1.0.0"}
	f.embedded = fstest.MapFS{"agents/agent-linux-amd64.zst": {Data: []byte("no zstd")}}
	fakeGo(t, "echo broken >&2; echo twice >&2; exit 1")
	_, err = f.find(t.Context(), f.ways())
	require.ErrorContains(t, err, "embedded: unpack embedded agent: ")
	require.ErrorContains(t, err, "this program: a test;")
	require.ErrorContains(t, err, "go build: broken twice; go install: broken twice)")
	require.NotContains(t, err.Error(), "\n")

	f.goarch = "s390x"
	_, err = f.find(t.Context(), f.ways())
	require.ErrorContains(t, err, "embedded: none for linux/s390x in this program")
}

// A SCHISM_AGENT that cannot be used is the user's mistake, whatever else there would be.
func TestNamedIsUsedOrRefused(t *testing.T) {
	f := fakes(t)
	f.embedded = packed(t, "embedded")
	f.check = checkAgent
	f.named = t.TempDir()
	_, err := f.find(t.Context(), f.ways())
	var refused *RefusedError
	require.ErrorAs(t, err, &refused)
	require.EqualError(t, err, "SCHISM_AGENT="+f.named+" is not used: it is a folder; name a static linux binary of schism-agent, or unset it")
	_, err = f.survey(t.Context(), f.ways())
	require.ErrorAs(t, err, &refused)

	f.named = "" // a relative one is made absolute
	f.check = func(string, string, string) error { return nil }
	path := file(t, "x")
	t.Chdir(filepath.Dir(path))
	f.named = "file"
	a, err := f.find(t.Context(), f.ways())
	require.NoError(t, err)
	require.Equal(t, path, a.Path)
}

// An agent of another version than the program's is never built.
func TestOnlyThisVersionsSources(t *testing.T) {
	cases := []struct {
		name   string
		own    version.Info
		module module
		why    string
	}{
		{"a test knows no version", version.Info{Main: "x.test"}, module{Version: "v1.0.0"}, ""},
		{"the same version", version.Info{Installable: "v1.0.0"}, module{Version: "v1.0.0"}, ""},
		{"another version", version.Info{Installable: "v1.0.0"}, module{Version: "v1.1.0"}, "the module here has schism v1.1.0, this is v1.0.0"},
		{"schism's own sources", version.Info{Installable: "v1.0.0"}, module{Main: true}, "the module here has schism in its own sources, this is v1.0.0"},
		{"the same, replaced", version.Info{Installable: "v1.0.0"}, module{Version: "v1.0.0", Replace: &module{}}, "the module here has schism v1.0.0, this is v1.0.0"},
		{"built in the tree", version.Info{OwnSources: true}, module{Main: true}, ""},
		{"built in the tree, used elsewhere", version.Info{OwnSources: true}, module{Version: "v1.0.0"}, "the module here requires schism v1.0.0, this was built from other sources"},
		{"built in a module that replaces it", version.Info{OwnSources: true}, module{Version: "v0.0.0", Replace: &module{}}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := (&finder{own: c.own}).sameSources(c.module)
			if c.why == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, c.why)
		})
	}
}

func TestWhatAnotherProgramIs(t *testing.T) {
	const own = version.Module
	cases := []struct {
		name string
		info debug.BuildInfo
		want version.Info
	}{
		{"installed from a proxy", debug.BuildInfo{Path: commandPackage, Main: debug.Module{Path: own, Version: "v1.2.3", Sum: "h1:x"}},
			version.Info{Main: commandPackage, Version: "v1.2.3", Installable: "v1.2.3"}},
		{"built in a work tree", debug.BuildInfo{Path: commandPackage, Main: debug.Module{Path: own, Version: "v1.2.4-0.2026-abc+dirty"},
			Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}},
			version.Info{Main: commandPackage, Version: "v1.2.4-0.2026-abc+dirty", Commit: "abc", Modified: true, OwnSources: true}},
		{"without version control", debug.BuildInfo{Path: commandPackage, Main: debug.Module{Path: own, Version: "(devel)"}},
			version.Info{Main: commandPackage, OwnSources: true}},
		{"somebody's program", debug.BuildInfo{Path: "example.com/x", Main: debug.Module{Path: "example.com/x", Version: "v9.0.0", Sum: "h1:y"},
			Deps: []*debug.Module{{Path: own, Version: "v1.2.3", Sum: "h1:x"}}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "theirs"}}},
			version.Info{Main: "example.com/x", Version: "v1.2.3", Installable: "v1.2.3"}},
		{"somebody's with a replaced one", debug.BuildInfo{Path: "example.com/x", Main: debug.Module{Path: "example.com/x"},
			Deps: []*debug.Module{{Path: own, Version: "v1.2.3", Replace: &debug.Module{Path: "../x"}}}},
			version.Info{Main: "example.com/x"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, version.Of(&c.info)) })
	}
	require.Equal(t, "v1.2.3, commit 0123456789ab with changes", version.Text("v1.2.3", "0123456789abcdef", true))
	require.Equal(t, "commit 0123", version.Text("", "0123", false))
	require.Equal(t, "of unknown version", version.Text("", "", false))
}

func TestCancelled(t *testing.T) {
	f := fakes(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("Ctrl-C"))
	_, err := f.find(ctx, f.ways())
	require.ErrorContains(t, err, "Ctrl-C")
	_, err = f.survey(ctx, f.ways())
	require.ErrorContains(t, err, "Ctrl-C")
}
