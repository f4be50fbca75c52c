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
