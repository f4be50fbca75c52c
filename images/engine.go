package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// removeTime is how long the engine may take to remove a container; the next start tries again.
const removeTime = 30 * time.Second

// engine is a store on a real engine.
type engine struct {
	cli      *client.Client
	progress func(string)
	labels   map[string]string // of containers

	noPull error // why no registry is asked again: none answered
}

func (e *engine) id(ctx context.Context, ref string) (string, error) {
	r, err := e.cli.ImageInspect(ctx, ref)
	if errdefs.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for image %s: %w", ref, err)
	}
	return r.ID, nil
}

// pull gives up when nothing comes for pullTime.
func (e *engine) pull(ctx context.Context, ref string) error {
	if e.noPull != nil {
		return e.noPull
	}
	e.progress("pulling " + ref)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := fmt.Errorf("no registry answered within %s", pullTime)
	alarm := time.AfterFunc(pullTime, func() { cancel(silent) })
	defer alarm.Stop()
	err := e.drainPull(ctx, ref, alarm)
	if errors.Is(context.Cause(ctx), silent) {
		e.noPull = silent
		return silent
	}
	return err
}

func (e *engine) drainPull(ctx context.Context, ref string, alarm *time.Timer) error {
	r, err := e.cli.ImagePull(ctx, ref, client.ImagePullOptions{})
	if err != nil {
		return err
	}
	defer r.Close()
	return drain(r, func(string) { alarm.Reset(pullTime) })
}

// drain reads an engine's stream of messages to its end and returns the error it tells of. said gets each message.
func drain(r io.Reader, said func(string)) error {
	d := json.NewDecoder(r)
	for {
		var m struct {
			Stream string `json:"stream"`
			Status string `json:"status"`
			Error  string `json:"error"`
		}
		switch err := d.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read engine's messages: %w", err)
		case m.Error != "":
			return errors.New(m.Error)
		}
		said(m.Stream + m.Status)
	}
}

// serverIn finds the server's binary in an image, in a container that is never started.
func (e *engine) serverIn(ctx context.Context, ref string) (bin string, err error) {
	c, err := e.cli.ContainerCreate(ctx, client.ContainerCreateOptions{Config: &container.Config{Image: ref, Cmd: []string{"true"}, Labels: e.labels}})
	if err != nil {
		return "", fmt.Errorf("look into image %s: %w", ref, err)
	}
	defer func() {
		rm, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
		defer cancel()
		_, rmErr := e.cli.ContainerRemove(rm, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		err = errors.Join(err, rmErr)
	}()
	for _, name := range []string{"redis-server", "valkey-server", "redict-server"} {
		for _, dir := range []string{"/usr/local/bin/", "/usr/bin/", "/opt/bitnami/redis/bin/", "/opt/bitnami/valkey/bin/", "/bin/"} {
			_, err := e.cli.ContainerStatPath(ctx, c.ID, client.ContainerStatPathOptions{Path: dir + name})
			if err == nil {
				return dir + name, nil
			}
			if !errdefs.IsNotFound(err) {
				return "", fmt.Errorf("look into image %s: %w", ref, err)
			}
		}
	}
	return "", fmt.Errorf("%w: %s holds no redis-server, valkey-server or redict-server; name an image that does", ErrNotAServer, ref)
}
