package images

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMirrorOfList(t *testing.T) {
	for text, want := range map[string]string{
		"deb http://mirror.example/debian bookworm main\n":                                                          "http://mirror.example/debian",
		"# deb http://old.example/debian sid main\ndeb [arch=amd64 signed-by=/x] http://m.example/debian/ sid main": "http://m.example/debian/",
		"deb https://packages.example/apt stable main\n":                                                            "",
		"deb http://m.example/debian-security bookworm-security main\n":                                             "",
		"deb-src http://m.example/debian bookworm main":                                                             "",
		"": "",
	} {
		require.Equal(t, want, mirrorOfList(text), text)
	}
}

func TestMirrorOfSources(t *testing.T) {
	text := "Types: deb\nURIs: https://other.example/node\nSuites: nodistro\nComponents: main\n\nTypes: deb deb-src\n# a comment\nURIs: http://m.example/debian\nSuites: bookworm\n bookworm-updates\nComponents: main contrib\n"
	require.Equal(t, "http://m.example/debian", mirrorOfSources(text))
	require.Empty(t, mirrorOfSources("Enabled: no\n"+strings.Split(text, "\n\n")[1]))
}

func TestDockerfileNamesSuiteAndPackage(t *testing.T) {
	s, err := Find("valkey:8.0")
	require.NoError(t, err)
	d := dockerfile("schism/debian:"+s.base(), s, false)
	require.Contains(t, d, "FROM schism/debian:bookworm\n")
	require.Contains(t, d, "-t bookworm-backports valkey-server")
	require.Contains(t, d, "valkey-server --version | grep -qF 'v=8.0.'")
	require.NotContains(t, d, "COPY")
	require.Contains(t, dockerfile("x", s, true), "COPY ca-certificates.crt")
}

// fakeStore is an engine that has, can pull and can build what it says.
type fakeStore struct {
	has, pullable map[string]bool
	buildable     bool
	did           []string
}

func (f *fakeStore) id(_ context.Context, ref string) (string, error) {
	if f.has[ref] {
		return "id of " + ref, nil
	}
	return "", nil
}

func (f *fakeStore) pull(_ context.Context, ref string) error {
	f.did = append(f.did, "pull")
	if !f.pullable[ref] {
		return context.DeadlineExceeded
	}
	f.has[ref] = true
	return nil
}

func (f *fakeStore) build(_ context.Context, s Server) error {
	f.did = append(f.did, "build")
	if !f.buildable {
		return context.DeadlineExceeded
	}
	f.has[s.Built()] = true
	return nil
}

func TestChoiceOfTheImage(t *testing.T) {
	set := func(refs ...string) map[string]bool {
		m := map[string]bool{}
		for _, r := range refs {
			m[r] = true
		}
		return m
	}
	for _, c := range []struct {
		name string
		st   fakeStore
		want string
		did  []string
	}{
		{"official before built", fakeStore{has: set("redis:7.0", "schism/redis:7.0")}, "redis:7.0", nil},
		{"built, without asking a registry", fakeStore{has: set("schism/redis:7.0"), pullable: set("redis:7.0")}, "schism/redis:7.0", nil},
		{"pulled", fakeStore{has: set(), pullable: set("redis:7.0")}, "redis:7.0", []string{"pull"}},
		{"built when no registry answers", fakeStore{has: set(), buildable: true}, "schism/redis:7.0", []string{"pull", "build"}},
		{"not to be had", fakeStore{has: set()}, "", []string{"pull", "build"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Find("redis:7.0")
			require.NoError(t, err)
			img, err := ensure(t.Context(), &c.st, s)
			require.Equal(t, c.want, img.Ref)
			require.Equal(t, c.did, c.st.did)
			if c.want == "" {
				require.ErrorIs(t, err, ErrNoImage)
			} else {
				require.NoError(t, err)
			}
		})
	}
}

func TestUnknownServerNamesTheList(t *testing.T) {
	_, err := Find("redis:5.0")
	require.ErrorIs(t, err, ErrUnknownServer)
	require.ErrorContains(t, err, "redict:7.3")
}

func TestEnsureYieldsARunnableServer(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	img, err := Ensure(t.Context(), "redis:7.0", "", nil, func(s string) { t.Log(s) })
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), "docker", "run", "--rm", "--network", "none", "--entrypoint", img.Binary, img.Ref, "--version").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "v=7.0")
	own, err := Ensure(t.Context(), "", img.Ref, map[string]string{"schism.test": "1"}, func(string) {})
	require.NoError(t, err)
	require.Equal(t, KindUser, own.Kind)
	require.Contains(t, own.Binary, "redis-server")
}

// What a build left that was cut off goes with the next build; what has a name, or is not ours, stays.
func TestNextBuildSweeps(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	unlock, err := lock(t.Context(), "build") // no build is under way
	require.NoError(t, err)
	defer unlock()
	t.Setenv("TMPDIR", t.TempDir())
	tree, other := filepath.Join(os.TempDir(), baseDir+"1"), filepath.Join(os.TempDir(), "base-1")
	require.NoError(t, errors.Join(os.MkdirAll(filepath.Join(tree, "etc"), 0o755), os.Mkdir(other, 0o755)))
	empty := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "docker", append([]string{"import"}, args...)...)
		cmd.Stdin = bytes.NewReader(make([]byte, 1024)) // a tar archive of nothing
		out, err := cmd.Output()
		require.NoError(t, err)
		id := strings.TrimSpace(string(out))
		t.Cleanup(func() { _ = exec.Command("docker", "rmi", id).Run() })
		return id
	}
	cut := empty("--change", "LABEL "+labelServer+"=cut", "-")
	named := empty("--change", "LABEL "+labelServer+"=named", "-", "schism-test/sweep:"+strconv.Itoa(os.Getpid()))
	foreign := empty("--change", "LABEL other=1", "-")
	cli, err := Client(t.Context())
	require.NoError(t, err)
	defer cli.Close()
	e := &engine{cli: cli, progress: func(string) {}}
	require.NoError(t, e.sweep(t.Context()))
	for id, there := range map[string]bool{cut: false, named: true, foreign: true} {
		got, err := e.id(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, there, got != "", id)
	}
	if os.Geteuid() == 0 {
		require.NoDirExists(t, tree)
	}
	require.DirExists(t, other)
}
