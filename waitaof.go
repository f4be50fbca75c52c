package schism

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/schismtest/schism/topology"
	"github.com/schismtest/schism/workloads"
)

// ErrUnavailable is wrapped by the problem of a scenario that needs what the server does not know. Nothing was started for it.
var ErrUnavailable = errors.New("not available on this server")

// waiting settles by what every write is followed: WAIT, WAITAOF or nothing.
func (o Options) waiting(p *plan) error {
	switch {
	case o.Wait < 0:
		return usagef("-wait %d is negative", o.Wait)
	case o.WaitTimeout < 0:
		return usagef("-wait-timeout %s is negative", o.WaitTimeout)
	case o.Wait > 0 && o.WaitAOF != "":
		return usagef("-wait and -waitaof: a write is followed by one of them")
	}
	if o.Wait > 0 {
		p.Work.Wait, p.Work.WaitAOF = o.Wait, workloads.WaitAOF{}
	}
	if o.WaitAOF != "" {
		asked, err := parseWaitAOF(o.WaitAOF)
		if err != nil {
			return usagef("-waitaof %s: %v", o.WaitAOF, err)
		}
		p.Work.Wait, p.Work.WaitAOF = 0, asked
	}
	set(&p.Work.WaitTimeout, o.WaitTimeout)
	if o.WaitTimeout > 0 && p.Work.Wait == 0 && p.Work.WaitAOF == (workloads.WaitAOF{}) {
		return usagef("-wait-timeout %s: nothing is waited for; it goes with -wait or -waitaof", o.WaitTimeout)
	}
	if p.Work.Wait > 0 || p.Work.WaitAOF != (workloads.WaitAOF{}) {
		p.Work.WaitTimeout = p.Work.WithDefaults().WaitTimeout // how long it was to wait stands in run.json
	}
	return nil
}

// parseWaitAOF reads "1,0": the server itself, and no replica.
func parseWaitAOF(text string) (w workloads.WaitAOF, err error) {
	local, replicas, ok := strings.Cut(text, ",")
	l, err1 := strconv.Atoi(strings.TrimSpace(local))
	r, err2 := strconv.Atoi(strings.TrimSpace(replicas))
	if !ok || err1 != nil || err2 != nil || l < 0 || l > 1 || r < 0 || l+r == 0 {
		return w, errors.New("it is LOCAL,REPLICAS: 1 or 0 for the server itself, and how many replicas, such as 1,0 or 1,1; not 0,0")
	}
	return workloads.WaitAOF{Local: l, Replicas: r}, nil
}

// checkWaitAOF refuses WAITAOF before anything is started: on a server that does not know it, and where there is no append-only file to wait
// for.
func (o Options) checkWaitAOF(p *plan) error {
	if p.Work.WaitAOF == (workloads.WaitAOF{}) {
		return nil
	}
	if !p.Spec.KeepsAOF() {
		return usagef("WAITAOF waits for fsyncs of an append-only file, and the servers of this run keep none; use -persistence aof-everysec or aof-always")
	}
	_, text, _ := strings.Cut(o.Server, ":")
	major, minor, ok := strings.Cut(text, ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	if o.Image != "" || !ok || err1 != nil || err2 != nil {
		return nil // it is asked for its version
	}
	return knowsWaitAOF(o.Server, topology.Version{Major: a, Minor: b})
}

// knowsWaitAOF refuses a server that does not know WAITAOF.
func knowsWaitAOF(server string, v topology.Version) error {
	if v.AtLeast(7, 2) {
		return nil
	}
	return &Problem{Exit: ExitUsage, Err: ErrUnavailable,
		Text: fmt.Sprintf("%s does not know WAITAOF, which the clients send after every write; use Redis from 7.2 on, Valkey or Redict", server)}
}
