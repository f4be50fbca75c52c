package topology

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// orphanAge is how old what belongs to nobody must be before it is removed. A live run has nothing that is older than a few seconds
// and does not run.
const orphanAge = 2 * time.Minute

// sweepTime is how long the engine may take to remove a dead run's network, whose containers have long been gone.
const sweepTime = 2 * time.Second

// leftover is what there is of one run.
type leftover struct {
	run, lock, host string
	running         bool      // it has a running container
	newest          time.Time // when the newest of it was made
}

// Sweep removes what dead runs left: containers that were created and never started, and networks; running containers too, which end
// by themselves otherwise. A run is dead when its lock can be taken. Where its lock file is gone, or is on another machine that uses
// the same engine, only what has not been running for a while is taken. A run that is alive is never touched.
func Sweep(ctx context.Context) error {
	e, err := connect(ctx)
	if err != nil {
		return err
	}
	defer e.close()
	found, err := e.leftovers(ctx)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	for _, l := range found {
		err = errors.Join(err, e.sweep(ctx, l))
	}
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	return nil
}

// sweep removes one run if it is dead. The lock is held meanwhile, so that two sweepers do not meet.
func (e *engine) sweep(ctx context.Context, l *leftover) error {
	if l.host == hostID() && l.lock != "" {
		f, err := os.OpenFile(l.lock, os.O_RDWR, 0)
		if err == nil {
			defer f.Close()
			if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
				return nil
			}
			return e.sweepRun(ctx, l.run)
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil // not ours to judge
		}
	}
	if l.running || time.Since(l.newest) < orphanAge {
		return nil
	}
	return e.sweepRun(ctx, l.run)
}

// sweepRun removes what is left of a dead run. A network that something foreign is on, or of which the engine has lost count, stays, and
// is tried again the next time: it must not keep anybody from starting.
func (e *engine) sweepRun(ctx context.Context, run string) error {
	containers, _ := e.removeBoth(ctx, run, sweepTime)
	if containers == nil {
		containers = ctx.Err()
	}
	return containers
}

// leftovers lists everything that carries a run's label, by run.
func (e *engine) leftovers(ctx context.Context) (map[string]*leftover, error) {
	found := map[string]*leftover{}
	see := func(labels map[string]string, made time.Time, running bool) {
		l := found[labels[labelRun]]
		if l == nil {
			l = &leftover{run: labels[labelRun], lock: labels[labelLock], host: labels[labelHost]}
			found[l.run] = l
		}
		l.running = l.running || running
		if made.After(l.newest) {
			l.newest = made
		}
	}
	filter := make(client.Filters).Add("label", labelRun)
	cs, err := e.cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	for _, c := range cs.Items {
		see(c.Labels, time.Unix(c.Created, 0), c.State == container.StateRunning || c.State == container.StatePaused)
	}
	ns, err := e.cli.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	for _, n := range ns.Items {
		see(n.Labels, n.Created, false)
	}
	return found, nil
}

// hostID names this machine: a lock file's path means nothing on another one that uses the same engine. In a container the machine
// is the container.
func hostID() string {
	name, _ := os.Hostname()
	id, _ := os.ReadFile("/etc/machine-id")
	sum := sha256.Sum256([]byte(name + "\n" + strings.TrimSpace(string(id))))
	return hex.EncodeToString(sum[:8])
}
