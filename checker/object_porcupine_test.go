package checker

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// porcupineDir is where the porcupine module lies: its test data is read in place and not kept here.
func porcupineDir(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/anishathalye/porcupine").Output()
	if err != nil || strings.TrimSpace(string(out)) == "" {
		t.Skip("the porcupine module is not in the module cache")
	}
	return strings.TrimSpace(string(out))
}

// logParser pairs the calls and returns of a log; the line number is the clock.
type logParser struct {
	ops  []history.Op
	open map[int]int // process: its operation in flight
}

func (p *logParser) call(line int64, process int, o history.Op) {
	o.Process, o.Call, o.Return, o.Outcome = int32(process), line, inf, history.Info
	p.open[process] = len(p.ops)
	p.ops = append(p.ops, o)
}

func (p *logParser) end(line int64, process int, set func(o *history.Op)) {
	n, ok := p.open[process]
	if !ok {
		return
	}
	delete(p.open, process)
	p.ops[n].Return, p.ops[n].Outcome = line, history.OK
	set(&p.ops[n])
}

func lines(t *testing.T, file string) []string {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	var out []string
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<24)
	for s.Scan() {
		out = append(out, s.Text())
	}
	require.NoError(t, s.Err())
	return out
}

var jepsenLine = regexp.MustCompile(`^INFO\s+jepsen\.util\s+-\s+(\d+)\s+:(invoke|ok|fail)\s+:(read|write|cas)\s+(.*)$`)

func jepsenOps(t *testing.T, file string) []history.Op {
	t.Helper()
	p := logParser{open: map[int]int{}}
	for n, l := range lines(t, file) {
		m := jepsenLine.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		process, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		nums := numbers(m[4])
		switch {
		case m[2] == "invoke" && m[3] == "read":
			p.call(int64(n), process, op(0, history.FRead, none, none, 0, 0))
		case m[2] == "invoke" && m[3] == "write":
			p.call(int64(n), process, op(0, history.FWrite, nums[0], none, 0, 0))
		case m[2] == "invoke":
			p.call(int64(n), process, withArg(op(0, history.FCAS, nums[0], none, 0, 0), nums[1]))
		case m[3] == "read" && strings.Contains(m[4], "timed-out"):
			p.end(int64(n), process, func(o *history.Op) { o.Outcome = history.Fail })
		case m[3] == "read":
			p.end(int64(n), process, func(o *history.Op) {
				o.Out = null
				if len(nums) > 0 {
					o.Out = nums[0]
				}
			})
		case m[3] == "write" && m[2] == "ok":
			p.end(int64(n), process, func(*history.Op) {})
		case m[3] == "cas":
			p.end(int64(n), process, func(o *history.Op) {
				o.Out = 0
				if m[2] == "ok" {
					o.Out = 1
				}
			})
		}
	}
	return p.ops
}

func numbers(s string) []int64 {
	var out []int64
	for _, w := range regexp.MustCompile(`\d+`).FindAllString(s, -1) {
		n, _ := strconv.ParseInt(w, 10, 64)
		out = append(out, n)
	}
	return out
}

var kvLine = regexp.MustCompile(`{:process (\d+), :type :(\w+), :f :(\w+), :key "(.*)", :value (.*)}`)

// kvOps reads a kv log: the strings are made of pieces "x PROCESS NUMBER y", which are the elements of a list.
func kvOps(t *testing.T, file string) []history.Op {
	t.Helper()
	p := logParser{open: map[int]int{}}
	pieces := func(s string) (out []int64) {
		n := numbers(s)
		for i := 0; i+1 < len(n); i += 2 {
			out = append(out, n[i]*1_000_000+n[i+1])
		}
		return out
	}
	for n, l := range lines(t, file) {
		m := kvLine.FindStringSubmatch(l)
		require.NotNil(t, m, l)
		process, _ := strconv.Atoi(m[1])
		key, _ := strconv.Atoi(m[4])
		switch {
		case m[2] == "invoke" && m[3] == "get":
			p.call(int64(n), process, onKey(op(0, history.FReadList, none, none, 0, 0), uint32(key)))
		case m[2] == "invoke" && m[3] == "put":
			p.call(int64(n), process, onKey(op(0, history.FWrite, pieces(m[5])[0], none, 0, 0), uint32(key)))
		case m[2] == "invoke":
			p.call(int64(n), process, onKey(op(0, history.FAppend, pieces(m[5])[0], none, 0, 0), uint32(key)))
		case m[2] == "ok":
			p.end(int64(n), process, func(o *history.Op) {
				if o.F == history.FReadList {
					o.List = pieces(m[5])
				}
			})
		}
	}
	return p.ops
}

// TestPorcupineData: the verdict of every history that porcupine is tested with is the one that its tests expect.
func TestPorcupineData(t *testing.T) {
	dir := porcupineDir(t)
	var expected strings.Builder
	for _, l := range lines(t, filepath.Join(dir, "porcupine_test.go")) {
		expected.WriteString(l + "\n")
	}
	tried := map[bool]int{}
	verdict := func(name string, ops []history.Op, model string, correct bool) {
		t.Helper()
		h := hist(ops...)
		guess, err := GuessModel(h)
		require.NoError(t, err, name)
		require.Equal(t, model, guess, name)
		a, err := CheckModel(h, guess, ModelOptions{})
		require.NoError(t, err, name)
		want := result.Violation
		if correct {
			want = result.Pass
		}
		require.Equal(t, want, a.Result.Verdict, "%s: %v", name, a.Result.Findings)
		tried[correct]++
	}
	done := map[string]bool{}
	for _, m := range regexp.MustCompile(`checkJepsen\(t, (\d+), (true|false)\)`).FindAllStringSubmatch(expected.String(), -1) {
		n, _ := strconv.Atoi(m[1])
		name := fmt.Sprintf("etcd_%03d.log", n)
		ops := jepsenOps(t, filepath.Join(dir, "test_data", "jepsen", name))
		model := "cas-register"
		h := hist(ops...)
		if newExtra(h, &result.Analysis{}, ModelOptions{}).all&bit(history.FCAS) == 0 {
			model = "register"
		}
		verdict(name, ops, model, m[2] == "true")
	}
	for _, m := range regexp.MustCompile(`checkKv\(t, "([^"]+)", (true|false),`).FindAllStringSubmatch(expected.String(), -1) {
		if done[m[1]] {
			continue
		}
		done[m[1]] = true
		verdict(m[1], kvOps(t, filepath.Join(dir, "test_data", "kv", m[1]+".txt")), "list", m[2] == "true")
	}
	require.Greater(t, tried[true], 10)
	require.Greater(t, tried[false], 70)
}
