package topology

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/schismtest/schism/internal/guard"
)

const (
	// goneTime is how long a container may take to go after its stream was closed, before it is removed by force.
	goneTime = 5 * time.Second
	// detachTime is how long the engine may take to remove one container or network; a busy one takes longer than one would think.
	detachTime = 30 * time.Second
	pollEvery  = 10 * time.Millisecond
)

// Stop ends every agent, waits until the containers are gone and removes the network. Calling it again changes nothing.
func (d *Deployment) Stop(ctx context.Context) error {
	d.stopOnce.Do(func() { d.stopErr = d.stop(ctx) })
	return d.stopErr
}

func (d *Deployment) stop(ctx context.Context) error {
	close(d.stopping)
	var g guard.Group
	for _, n := range d.Nodes {
		g.Go(func() error { return d.stopNode(ctx, n) })
	}
	err := g.Wait()
	d.wg.Wait()
	err = errors.Join(err, d.engine.remove(ctx, d.opts.RunID))
	if err != nil {
		err = cmp.Or(d.engine.gone(context.WithoutCancel(ctx)), err) // not every request that failed for it
	}
	err = errors.Join(err, d.engine.close())
	if err != nil {
		return fmt.Errorf("stop topology: %w", err)
	}
	return nil
}

// discard removes the containers of a first try, so that there can be another.
func (d *Deployment) discard(ctx context.Context, nodes []*Node) error {
	var g guard.Group
	for _, n := range nodes {
		g.Go(func() error {
			err := d.stopNode(ctx, n)
			n.id, n.Conn, n.stream, n.started = "", nil, nil, false
			return err
		})
	}
	return g.Wait()
}

// stopNode closes the node's stream, which ends its agent, which takes its server along, upon which the engine removes the container.
func (d *Deployment) stopNode(ctx context.Context, n *Node) error {
	if n.id == "" {
		return nil
	}
	patience := goneTime
	if !n.started {
		patience = 0 // it has no agent that could end
	}
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// Asked for before the end, so that a container that goes quickly is not missed.
	gone := d.engine.cli.ContainerWait(wait, n.id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	if n.Conn != nil {
		// What the closing of a stream says after the run is of no use: the agent is gone either way.
		_ = n.Conn.Close()
		_ = n.stream.Close()
	}
	select {
	case <-gone.Result:
		return nil
	case err := <-gone.Error:
		if errdefs.IsNotFound(err) {
			return nil
		}
	}
	return d.engine.removeContainer(ctx, n.id)
}

// ofRun lists the containers and networks of a run by id.
func (e *engine) ofRun(ctx context.Context, run string) (containers, networks []string, err error) {
	filter := make(client.Filters).Add("label", labelRun+"="+run)
	cs, err := e.cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, nil, fmt.Errorf("list containers: %w", err)
	}
	for _, c := range cs.Items {
		containers = append(containers, c.ID)
	}
	ns, err := e.cli.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		return nil, nil, fmt.Errorf("list networks: %w", err)
	}
	for _, n := range ns.Items {
		networks = append(networks, n.ID)
	}
	return containers, networks, nil
}

// remove removes whatever is left of a run.
func (e *engine) remove(ctx context.Context, run string) error {
	containers, networks := e.removeBoth(ctx, run, detachTime)
	return errors.Join(containers, networks)
}

// removeBoth removes a run's containers, then its networks, which may take so long each. It returns what kept it from the ones and from
// the others.
func (e *engine) removeBoth(ctx context.Context, run string, patience time.Duration) (containers, networks error) {
	cs, ns, err := e.ofRun(ctx, run)
	if err != nil {
		return err, nil
	}
	var g guard.Group
	for _, id := range cs {
		g.Go(func() error { return e.removeContainer(ctx, id) })
	}
	containers = g.Wait()
	for _, id := range ns {
		networks = errors.Join(networks, e.removeNetwork(ctx, id, patience))
	}
	return containers, networks
}

// removeContainer kills and removes a container, and returns when it is gone.
func (e *engine) removeContainer(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, detachTime)
	defer cancel()
	_, err := e.cli.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) {
		return fmt.Errorf("remove container: %w", err)
	}
	if errdefs.IsNotFound(err) {
		return nil
	}
	// A conflict means that it is being removed already.
	gone := e.cli.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	select {
	case <-gone.Result:
		return nil
	case err := <-gone.Error:
		if errdefs.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("wait for removal of container: %w", err)
	}
}

// removeNetwork removes a network, as soon as the engine has noticed that its containers are gone.
func (e *engine) removeNetwork(ctx context.Context, id string, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	for {
		_, err := e.cli.NetworkRemove(ctx, id, client.NetworkRemoveOptions{})
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return fmt.Errorf("remove network: %w", err)
		}
	}
}
