//go:build linux

package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// procState is the state of a process or thread in /proc/.../stat: one of R S D T t Z X I; "" when there is none.
func procState(pid int) string { return statState(fmt.Sprintf("/proc/%d/stat", pid)) }

func statState(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	state, _, err := parseStat(b)
	if err != nil {
		return ""
	}
	return state
}

// parseStat reads "pid (comm) state ppid ...". The command may hold spaces and parentheses, so it ends at the last one.
func parseStat(b []byte) (state string, ppid int, err error) {
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return "", 0, errors.New("stat without a command")
	}
	f := bytes.Fields(b[i+1:])
	if len(f) < 2 {
		return "", 0, errors.New("stat ends early")
	}
	ppid, err = strconv.Atoi(string(f[1]))
	return string(f[0]), ppid, err
}

// userHz is the unit of /proc/stat on every Linux that Go runs on: a hundredth of a second.
const userHz = 10_000_000

// times are the run delay and processor time of all threads of a process, and what the hypervisor took from the machine, ns each; -1
// where the kernel does not tell.
func times(pid int) (runDelay, cpuTime, steal int64) {
	runDelay, cpuTime, steal = -1, -1, -1
	if b, err := os.ReadFile("/proc/stat"); err == nil {
		steal = parseSteal(b)
	}
	if pid == 0 {
		return runDelay, cpuTime, steal
	}
	dir := fmt.Sprintf("/proc/%d/task", pid)
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return runDelay, cpuTime, steal
	}
	for _, t := range tasks {
		b, err := os.ReadFile(filepath.Join(dir, t.Name(), "schedstat"))
		if err != nil {
			continue // a thread that ended meanwhile, or a kernel without them
		}
		if ran, waited, ok := parseSchedstat(b); ok {
			runDelay, cpuTime = max(runDelay, 0)+waited, max(cpuTime, 0)+ran
		}
	}
	return runDelay, cpuTime, steal
}

// parseSchedstat reads "ran waited slices", ns.
func parseSchedstat(b []byte) (ran, waited int64, ok bool) {
	f := bytes.Fields(b)
	if len(f) < 2 {
		return 0, 0, false
	}
	ran, err1 := strconv.ParseInt(string(f[0]), 10, 64)
	waited, err2 := strconv.ParseInt(string(f[1]), 10, 64)
	return ran, waited, err1 == nil && err2 == nil
}

// allocator is the thread of the allocator's own, which touches no file.
const allocator = "jemalloc_bg_thd"

// threadWakes grows with whatever the threads of a process do, the first one and the allocator's apart: with every turn that they get on a
// processor and with the time, ns, that they run. -1 where the kernel does not tell it of all of them, or there is none.
func threadWakes(pid int) int64 {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return -1
	}
	sum, threads := int64(0), 0
	for _, t := range tasks {
		name, err := os.ReadFile(filepath.Join(dir, t.Name(), "comm"))
		if t.Name() == strconv.Itoa(pid) || string(bytes.TrimSpace(name)) == allocator {
			continue
		}
		b, err2 := os.ReadFile(filepath.Join(dir, t.Name(), "schedstat"))
		did, ok := parseTurns(b)
		if err != nil || err2 != nil || !ok {
			return -1
		}
		sum, threads = sum+did, threads+1
	}
	if threads == 0 {
		return -1
	}
	return sum
}

// parseTurns reads "ran waited turns" and returns the sum of the first, ns, and the last.
func parseTurns(b []byte) (int64, bool) {
	f := bytes.Fields(b)
	if len(f) < 3 {
		return 0, false
	}
	ran, err1 := strconv.ParseInt(string(f[0]), 10, 64)
	turns, err2 := strconv.ParseInt(string(f[2]), 10, 64)
	return ran + turns, err1 == nil && err2 == nil
}

// parseSteal reads the first line of /proc/stat, "cpu user nice system idle iowait irq softirq steal ...", and returns ns; -1 when there
// is no such figure.
func parseSteal(b []byte) int64 {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	f := bytes.Fields(line)
	if len(f) < 9 || string(f[0]) != "cpu" {
		return -1
	}
	n, err := strconv.ParseInt(string(f[8]), 10, 64)
	if err != nil {
		return -1
	}
	return n * userHz
}

// oomKills is how many processes of this container the kernel has killed for want of memory; -1 when it does not tell.
func oomKills() int64 {
	for _, path := range []string{"/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"} {
		if b, err := os.ReadFile(path); err == nil {
			return parseOOMKills(b)
		}
	}
	return -1
}

// parseOOMKills reads the line "oom_kill n", which both versions of control groups have.
func parseOOMKills(b []byte) int64 {
	for line := range bytes.Lines(b) {
		if num, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			if n, err := strconv.ParseInt(string(bytes.TrimSpace(num)), 10, 64); err == nil {
				return n
			}
		}
	}
	return -1
}

// threadStates are the states of all threads of a process; none when it is gone.
func threadStates(pid int) []string {
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return nil
	}
	var out []string
	for _, p := range paths {
		if s := statState(p); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// stopped reports whether every thread of the process is in state T.
func stopped(pid int) bool {
	states := threadStates(pid)
	for _, s := range states {
		if s != "T" && s != "t" {
			return false
		}
	}
	return len(states) > 0
}

// descendants are the children of pid, their children and so on.
func descendants(pid int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	children := map[int][]int{}
	for _, e := range entries {
		p, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if errors.Is(err, fs.ErrNotExist) || err != nil {
			continue // gone meanwhile
		}
		if _, ppid, err := parseStat(b); err == nil {
			children[ppid] = append(children[ppid], p)
		}
	}
	var out []int
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		out = append(out, children[queue[0]]...)
		queue = append(queue, children[queue[0]]...)
	}
	return out, nil
}
