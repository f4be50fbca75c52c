package topology

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// watchConns notices an agent that ends before it should.
func (d *Deployment) watchConns(context.Context) error {
	for _, n := range d.Nodes {
		d.wg.Go(func() {
			select {
			case <-d.stopping:
			case <-n.Conn.Done():
				d.lose(n)
			}
		})
	}
	return nil
}

func (d *Deployment) lose(n *Node) {
	select {
	case <-d.stopping:
		return
	default:
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lostErr == nil {
		d.lostNode = n
		d.lostErr = &StartError{Node: n.Name, Want: "its agent ended in the middle of the run", Log: lines(n.stream.errs.String(), 3), Err: n.Conn.Err()}
		close(d.lost)
	}
}

// Lost is closed when an agent has ended before Stop; LostErr says which.
func (d *Deployment) Lost() <-chan struct{} { return d.lost }

// LostErr is why Lost was closed; nil before.
func (d *Deployment) LostErr() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lostErr
}

// WhyLost looks why an agent has ended before Stop: because the engine is gone, or its container is, or by itself. nil when none has.
func (d *Deployment) WhyLost(ctx context.Context) error {
	d.mu.Lock()
	err, n := d.lostErr, d.lostNode
	d.mu.Unlock()
	if err == nil {
		return nil
	}
	if gone := d.engine.gone(ctx); gone != nil {
		return gone
	}
	c, inspectErr := d.engine.cli.ContainerInspect(ctx, n.id, client.ContainerInspectOptions{})
	switch {
	case errdefs.IsNotFound(inspectErr):
		return &EngineError{Text: fmt.Sprintf("the container of %s ended in the middle of the run, and nothing of the run's ended it", n.Name), Err: err}
	case inspectErr == nil && c.Container.State != nil && !c.Container.State.Running:
		return &EngineError{Text: fmt.Sprintf("the container of %s ended in the middle of the run with exit code %d, and nothing of the run's ended it", n.Name, c.Container.State.ExitCode), Err: err}
	}
	return err
}
