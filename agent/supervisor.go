//go:build linux

package agent

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/schismtest/schism/conf"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
	"golang.org/x/sys/unix"
)

// supervisor is the parent of the server and, as PID 1 or as subreaper, of all orphans. Only its reaper waits for children, so
// that no two waits race for one pid.
type supervisor struct {
	emit *emitter
	srv  *wire.Server
	once sync.Once // starts the reaper

	mu      sync.Mutex
	pid     int // 0: not running
	started int64
	exit    string
	out     *output
	read    chan struct{} // closed when all of its output was read
	asked   int           // the process that something of ours has asked to end; 0: none
	oom     int64         // oomKills when it was started
	changed chan struct{} // closed and replaced when a child was reaped
	wg      sync.WaitGroup
}

func newSupervisor(e *emitter, srv *wire.Server) *supervisor {
	return &supervisor{emit: e, srv: srv, changed: make(chan struct{})}
}

// start starts the server and returns when its process exists.
func (s *supervisor) start(ctx context.Context, set wire.SetupArgs) (wire.Proc, error) {
	s.once.Do(s.reap)
	attr, path, err := s.attributes(set)
	if err != nil {
		return wire.Proc{}, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return wire.Proc{}, fmt.Errorf("make pipe: %w", err)
	}
	defer w.Close()
	attr.Files[1], attr.Files[2] = w, w
	defer attr.Files[0].Close()

	// The lock is held until the pid is noted, so that the reaper cannot report a child that nobody knows.
	s.mu.Lock()
	if s.pid != 0 {
		s.mu.Unlock()
		_ = r.Close()
		return wire.Proc{}, wire.Coded(wire.CodeUsage, "the server is running as %d", s.pid)
	}
	st := wire.Stamp(ctx)
	st.T0 = monotonic()
	p, err := os.StartProcess(path, set.Argv, attr)
	st.T1 = monotonic()
	if err != nil {
		s.mu.Unlock()
		_ = r.Close()
		return wire.Proc{}, fmt.Errorf("start %s: %w", set.Argv[0], err)
	}
	protectFromOOM(p.Pid)
	s.pid, s.started, s.exit, s.asked, s.oom = p.Pid, s.emit.now(), "", 0, oomKills()
	s.out = newOutput(s.emit, s.srv, conf.NewMasker(set.Secrets))
	out, read := s.out, make(chan struct{})
	s.read = read
	s.wg.Go(func() {
		defer close(read)
		out.read(r)
	})
	_ = p.Release()
	proc := s.procLocked()
	s.mu.Unlock()
	s.emit.event(history.EvProcess, history.ProcessStarted, fmt.Sprintf("pid %d", proc.Pid))
	return proc, nil
}

func (s *supervisor) attributes(set wire.SetupArgs) (*os.ProcAttr, string, error) {
	path, err := exec.LookPath(set.Argv[0])
	if err != nil {
		return nil, "", fmt.Errorf("find server: %w", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, "", fmt.Errorf("open server's input: %w", err)
	}
	// A process group of its own: a signal to the group reaches its RDB and AOF children too.
	attr := &os.ProcAttr{Dir: set.Dir, Env: append(os.Environ(), set.Env...), Files: []*os.File{null, nil, nil},
		Sys: &syscall.SysProcAttr{Setpgid: true}}
	if set.User != "" {
		if attr.Sys.Credential, err = credential(set.User); err != nil {
			_ = null.Close()
			return nil, "", err
		}
	}
	return attr, path, nil
}

func credential(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, wire.Coded(wire.CodeUsage, "find user: %w", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("user %s has ids %s and %s", name, u.Uid, u.Gid)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// protectFromOOM makes the kernel take the server, not the agent, when the container's memory is used up: the agent must live to
// tell. Lowering one's own score needs a right that containers rarely have; raising the child's does not.
func protectFromOOM(pid int) {
	child := "1000"
	if os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0) == nil {
		child = "0"
	}
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte(child), 0)
}

// reap starts the goroutine that waits for children. It lasts as long as the agent.
func (s *supervisor) reap() {
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	sig := notifyChild()
	go func() {
		for range sig {
			s.reapAll()
		}
	}()
}

func (s *supervisor) reapAll() {
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if pid <= 0 {
			return
		}
		s.reaped(pid, ws)
	}
}

func (s *supervisor) reaped(pid int, ws unix.WaitStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pid == s.pid {
		s.pid, s.exit = 0, exitText(ws)
		e := exit{at: s.emit.now(), how: s.exit, asked: s.asked == pid, out: s.out, read: s.read}
		e.oom = !e.asked && s.oom >= 0 && oomKills() > s.oom
		s.wg.Go(func() { e.tell(s.emit) })
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// exit is how the server ended.
type exit struct {
	at    int64
	how   string
	asked bool // by something of ours
	oom   bool // the kernel killed something in this container for want of memory
	out   *output
	read  chan struct{}
}

// lastOutput is how long the last output of a process that ended is waited for: it is in the pipe already, unless a child holds the
// pipe's other end still.
const lastOutput = 200 * time.Millisecond

// tell records the exit when its last output is there.
func (e exit) tell(to *emitter) {
	t := time.NewTimer(lastOutput)
	defer t.Stop()
	select {
	case <-e.read:
	case <-t.C:
	}
	name := history.ProcessByItself
	if e.asked {
		name = history.ProcessExited
	}
	text := e.how
	if e.oom {
		text += ", for want of memory"
	}
	if tail := lastLines(e.out.tail(), history.ExitLines, history.ExitBytes); tail != "" {
		text += "\n" + tail
	}
	to.batch(&history.Batch{Events: []history.Event{{T: e.at, Kind: history.EvProcess, Name: name, Text: text}}})
}

// ask notes that the server is asked to end, right before it is, and returns its pid; 0 when it is not running.
func (s *supervisor) ask() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = s.pid
	return s.pid
}

func exitText(ws unix.WaitStatus) string {
	switch {
	case ws.Exited():
		return fmt.Sprintf("exit status %d", ws.ExitStatus())
	case ws.Signaled():
		return fmt.Sprintf("killed by %s", unix.SignalName(ws.Signal()))
	}
	return fmt.Sprintf("wait status %#x", uint32(ws))
}

// proc is the present state.
func (s *supervisor) proc() wire.Proc {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.procLocked()
}

func (s *supervisor) procLocked() wire.Proc {
	p := wire.Proc{Pid: s.pid, Exit: s.exit, Started: s.started}
	if s.pid != 0 {
		p.State = procState(s.pid)
	} else if s.out != nil {
		p.Tail = s.out.tail()
	}
	return p
}

// upFrozen is what the observer asks: whether the process exists, and whether it is stopped.
func (s *supervisor) upFrozen() (up, frozen bool) {
	s.mu.Lock()
	pid := s.pid
	s.mu.Unlock()
	if pid == 0 {
		return false, false
	}
	st := procState(pid)
	return st != "" && st != "Z", st == "T" || st == "t"
}

// times are those of the server's process.
func (s *supervisor) times() (runDelay, cpuTime, steal int64) {
	s.mu.Lock()
	pid := s.pid
	s.mu.Unlock()
	return times(pid)
}

// wakes is what the server's other threads did, see threadWakes.
func (s *supervisor) wakes() int64 {
	s.mu.Lock()
	pid := s.pid
	s.mu.Unlock()
	return threadWakes(pid)
}

// family is the server and its descendants. Children whose server died before belong to nobody, so all orphans of a container
// count: its PID 1 is the agent.
func (s *supervisor) family(pid int) []int {
	root := os.Getpid()
	if pid == 0 && root != 1 {
		return nil
	}
	if root != 1 {
		root = pid
	}
	ds, err := descendants(root)
	if err != nil {
		return []int{pid}
	}
	if pid != 0 && !slices.Contains(ds, pid) {
		ds = append(ds, pid)
	}
	return ds
}

// writeFile writes one of the server's files, which may hold passwords and keys: nobody else reads it. Its owner owns the folder too:
// Sentinel writes its config anew through a file beside it.
func writeFile(path, content string, owner *syscall.Credential) error {
	if !filepath.IsAbs(path) {
		return wire.Coded(wire.CodeUsage, "file %q is no absolute path", path)
	}
	if err := makeFolder(filepath.Dir(path), owner); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	return give(path, owner)
}

// makeFolder makes a folder of the server's.
func makeFolder(dir string, owner *syscall.Credential) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	return give(dir, owner)
}

// give makes the server's user the owner.
func give(path string, owner *syscall.Credential) error {
	if int(owner.Uid) == os.Getuid() {
		return nil
	}
	if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
		return fmt.Errorf("give file to the server's user: %w", err)
	}
	return nil
}
