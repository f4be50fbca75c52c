package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/internal/words"
)

// bad is something that nobody can do, and what the one line about it must name.
type bad struct {
	args []string
	says []string
}

// badInputs are what people mistype, and what attackers try. None of it may start anything.
func badInputs(t *testing.T) []bad {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	var all []bad
	add := func(says string, args ...string) { all = append(all, bad{args, strings.Split(says, "|")}) }
	// Commands and arguments.
	add("takes a command|list")
	for _, c := range []string{"frob", "runn", "Run", "lits", "-", "--", "--version=x", "run healthy", "\x1b[31m", "run\x00"} {
		add("schism", c)
	}
	for _, c := range []string{"run", "check", "report", "export"} {
		add(c+" takes one", c)
		add(c+" takes one", c, "a", "b")
		add(c+" takes one", c, "", "b")
		add("no flag -bogus", c, "x", "-bogus")
		add("no flag -bogus", c, "--bogus=3", "x")
	}
	for _, c := range []string{"list", "doctor", "version"} {
		add(c+" takes no arguments", c, "x")
		add("no flag -x", c, "-x")
	}
	for _, name := range []string{"", " ", "splt-brain", "Healthy", "healthy ", "../healthy", "healthy/", "-5", "healthy\n", "\u202eyhtlaeh", strings.Repeat("x", 10_000)} {
		add("", "run", name)
	}
	// Values of the flags of run, one dash and two, before and behind the name.
	type flag struct {
		name, want string
		values     []string
	}
	for _, f := range []flag{
		{"duration", "a time such as 20s|more than nothing", []string{"", "soon", "-5s", "0", "0s", "5", "1e3s", "NaN", "9999999999h", "5 s", "５s", "-", "--", "1d"}},
		{"seed", "a whole number from 1 on", []string{"", "x", "0", "-1", "1.5", "0x10", "99999999999999999999", "1e3", " 1", "NaN"}},
		{"replicas", "a whole number from 1 on", []string{"", "x", "0", "-1", "1.5", "99999999999999999999", "NaN", "two"}},
		{"sentinels", "a whole number from 1 on", []string{"", "x", "0", "-1", "3.0", "99999999999999999999", "Inf"}},
		{"rate", "a whole number from 1 on", []string{"", "x", "0", "-1", "2k", "2_000", "99999999999999999999", "NaN"}},
		{"wait", "a whole number from 1 on", []string{"", "x", "0", "-1", "1.5", "all"}},
		{"waitaof", "cannot be empty|it is LOCAL,REPLICAS", []string{"", "x", "1", "1 1", "2,0", "0,0", "-1,1", "1,-1", "1,1,1", "1,99999999999999999999"}},
		{"wait-timeout", "a time such as 20s|more than nothing|nothing is waited for", []string{"", "soon", "-5s", "0", "5", "5s"}},
		{"closed", "true or false", []string{"maybe", "2", "yes please"}},
		{"keep", "true or false", []string{"maybe", "-1"}},
		{"cold-sentinels", "true or false", []string{"maybe", "3"}},
		{"server", "cannot be empty|is not on the list", []string{"", " ", "redis", "redis:5.0", "redis:7", "REDIS:7.0", "valkey:7.0", "redis:7.0 ", "redis:7.0\n", "mysql:8", "\x1b]0;x\a"}},
		{"image", "cannot be empty|cannot be a name", []string{"", " ", "My/Redis", "redis:", ":7.0", "redis@", "a//b", "redis:7 0", "redis:7.0\n", strings.Repeat("a", 300) + "/" + "b:" + strings.Repeat("c", 200)}},
		{"config", "cannot be empty|has no value|cannot be set|line breaks", []string{"", " ", "maxmemory", "maxmemory 1mb\nport 1", "save\x00 1", "appendonly=yes\rport=1"}},
		{"config-file", "cannot be empty|cannot be read|no value|long.conf:1: xxx", []string{"", filepath.Join(dir, "none.conf"), dir, write("novalue.conf", "# fine\nmaxmemory\n"), "/dev/null/x", write("long.conf", strings.Repeat("x", 1<<20))}},
		{"runs", "cannot be empty|cannot be made", []string{"", " ", write("file", ""), "/dev/null/x", "/proc/none/x", strings.Repeat("y", 5000)}},
		{"artifacts", "cannot be empty|cannot be made", []string{"", "/dev/null/x"}},
	} {
		for _, v := range f.values {
			for _, dash := range []string{"-", "--"} {
				add("-"+f.name+"|"+f.want, "run", "healthy", dash+f.name+"="+v)
				add("-"+f.name+"|"+f.want, "run", dash+f.name+"="+v, "healthy")
			}
		}
		if f.name != "closed" && f.name != "keep" && f.name != "cold-sentinels" {
			add("-"+f.name+" needs a value", "run", "healthy", "-"+f.name)
		}
	}
	for _, n := range []string{"51", "1000000000", "2147483647"} {
		add("at most 50", "run", "healthy", "-replicas", n)
		add("at most 50", "run", "sentinel-kill", "-sentinels", n)
	}
	add("kind replicas has none", "run", "empty-restart-wipe", "-sentinels", "3")
	add("-fault", "run", "split-brain", "-fault", "x")
	for _, v := range []string{"1", "1.for", "1.for=soon", "9.for=5s", "1.x=3", "1.target=n9", "for=5s"} {
		add("fault", "run", "sentinel-kill", "-fault", v)
	}
	for _, v := range []string{"ring", "Sentinel", "none"} {
		add("it is one of sentinel, replicas, chain, cluster, standalone", "run", "healthy", "-topology", v)
		add("it is one of aof-everysec", "run", "healthy", "-persistence", v+"x")
	}
	add("redis:7.0 does not know WAITAOF", "run", "healthy", "-waitaof", "1,0")
	add("redis:6.0 does not know WAITAOF", "run", "waitaof", "-server", "redis:6.0")
	add("-wait and -waitaof", "run", "healthy", "-waitaof", "1,0", "-wait", "1")
	add("keep none", "run", "healthy", "-server", "valkey:8.1", "-waitaof", "1,0", "-persistence", "rdb")
	add("kind chain has none", "run", "chain-healthy", "-sentinels", "3")
	for _, f := range []string{"down-after", "failover-timeout"} {
		add("-"+f, "run", "sentinel-kill", "-"+f, "-1s")
	}
	for _, v := range []string{"", "never", "-1s", "0", "5"} {
		add("cluster-reload", "run", "cluster-healthy", "-cluster-reload", v)
	}
	add("name a Cluster", "run", "healthy", "-cluster-reload", "library")
	add("quorum", "run", "sentinel-kill", "-quorum", "9")
	add("-password-env", "run", "healthy", "-password-env", "X")
	add("-user", "run", "healthy", "-user", "me")
	add("sentinel", "run", "healthy", "-sentinel-config", write("sentinel.conf", "port 26379\n"))
	add("cluster-enabled", "run", "healthy", "-config-file", write("cluster.conf", "cluster-enabled yes\n"))
	// Promises: every measure with limits that mean nothing.
	for _, v := range []string{"", "=", "lost", "lots=0", "=0", "lost=0=1", "lost=-1", "lost=1.5", "lost=NaN", "lost=9999999999999999999999", "los t=0", "lost=0,,rta=1s", "lost_outside=0", "\x1b[31m=0"} {
		add("-promise", "run", "healthy", "-promise", v)
	}
	for _, m := range result.Measures() {
		if _, ok := m.Promisable(); !ok {
			continue
		}
		values := []string{"NaN", "soon"}
		switch m.Unit {
		case result.Timed:
			values = append(values, "-1s", "5", "Inf", "1e99s")
		case result.Share:
			values = append(values, "101%", "-1%", "Inf", "1e308")
		case result.Size:
			values = append(values, "-1kB", "1e308GB", "Inf", "5XB")
		case result.Number:
			values = append(values, "-1", "1.5", "Inf")
		}
		for _, v := range values {
			add("-promise|"+m.Name, "run", "healthy", "-promise", m.Name+"="+v)
		}
	}
	// Histories and folders.
	for _, path := range []string{filepath.Join(dir, "none"), dir, "/dev/null", write("empty", ""), write("zeros", strings.Repeat("\x00", 4096)), write("torn.edn", "{:process 0 :type"), write("html", "<html>")} {
		for _, c := range []string{"check", "report", "export"} {
			add("", c, path)
		}
	}
	good := write("good.jsonl", `{"f":"write","in":1,"call":10,"return":20,"process":0}`+"\n")
	add("dance", "check", good, "-model", "dance")
	add("xml", "check", good, "-format", "xml")
	add("xml", "export", good, "-to", "xml")
	add("-total", "check", good, "-total", "many")
	add("-promise is about a run's folder", "check", good, "-promise", "lost=0")
	add("-into", "index", dir, dir)
	add("none", "index", filepath.Join(dir, "none"))
	add("-keep-nights", "index", dir, "-keep-nights", "-1")
	add("-keep-nights", "index", dir, "-keep-nights", "many")
	add("-o ", "export", good, "-o", filepath.Join(dir, "none", "x"))
	return all
}

// A SCHISM_AGENT that cannot be one is refused before anything is made, with an engine or without.
func TestBadAgent(t *testing.T) {
	t.Chdir(t.TempDir())
	text := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(text, []byte("no program"), 0o755))
	t.Setenv("DOCKER_HOST", "unix:///none.sock")
	for path, says := range map[string]string{t.TempDir(): "it is a folder", text: "it is no whole ELF binary", "/none": "no such file", "/dev/null": "it is no regular file"} {
		t.Setenv("SCHISM_AGENT", path)
		var out, errw bytes.Buffer
		require.Equal(t, schism.ExitUsage, dispatch(t.Context(), []string{"schism", "run", "healthy"}, &out, &errw, nil), path)
		require.Contains(t, errw.String(), "SCHISM_AGENT="+path+" is not used: "+says)
		left, err := os.ReadDir(".")
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

// TestBadInputs: each is one line that names what is wrong, exit code 64, at once, without a panic, and leaves nothing behind.
func TestBadInputs(t *testing.T) {
	inputs := badInputs(t)
	require.GreaterOrEqual(t, len(inputs), 430)
	t.Chdir(t.TempDir())
	for _, b := range inputs {
		var out, errw bytes.Buffer
		began := time.Now()
		code := dispatch(t.Context(), append([]string{"schism"}, b.args...), &out, &errw, nil)
		took, said := time.Since(began), errw.String()
		left, err := os.ReadDir(".")
		require.NoError(t, err)
		for _, l := range left {
			require.NoError(t, os.RemoveAll(l.Name()))
		}
		named := slices.ContainsFunc(b.says, func(s string) bool { return strings.Contains(said, s) })
		args := words.Clip(fmt.Sprintf("%q", b.args), 200)
		assert.Equal(t, schism.ExitUsage, code, "%s: %s", args, said)
		assert.Less(t, took, 10*time.Second, args) // it takes milliseconds; a busy machine may hold it up
		assert.Regexp(t, `\Aschism: [^\n]+\n\z`, said, args)
		assert.NotRegexp(t, "[\x00\x1b\u202e]", said, args)
		assert.NotContains(t, said, "panic", args)
		assert.Less(t, len(said), 1200, args)
		assert.Empty(t, out.String(), args)
		assert.True(t, named, "%s names none of %q: %s", args, b.says, said)
		assert.Empty(t, left, args)
	}
}
