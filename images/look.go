package images

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/moby/moby/client"
)

// Survey is what is there.
type Survey struct {
	Engine string // its version, kernel and architecture
	// CanBuild says why images cannot be built here from nothing; empty when they can.
	CanBuild string
	Servers  []ServerState
}

// ServerState tells of one server's image; Ref is empty when there is none.
type ServerState struct {
	Server Server
	Ref    string
	Kind   Kind
}

// Look surveys the engine without changing anything.
func Look(ctx context.Context) (*Survey, error) {
	cli, err := Client(ctx)
	if err != nil {
		return nil, err
	}
	defer cli.Close()
	v, err := cli.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return nil, fmt.Errorf("ask engine for its version: %w", err)
	}
	info, err := cli.Info(ctx, client.InfoOptions{})
	if err != nil {
		return nil, fmt.Errorf("ask engine about itself: %w", err)
	}
	r := &Survey{Engine: fmt.Sprintf("%s on %s/%s, kernel %s, cgroup v%s", v.Version, v.Os, v.Arch, info.Info.KernelVersion, info.Info.CgroupVersion)}
	if _, err := exec.LookPath("debootstrap"); err != nil {
		r.CanBuild = "debootstrap is not installed"
	}
	if _, err := aptMirror(); err != nil {
		r.CanBuild = err.Error()
	}
	if os.Geteuid() != 0 {
		r.CanBuild = "making base images needs root"
	}
	e := &engine{cli: cli, progress: func(string) {}}
	for _, s := range Servers() {
		state := ServerState{Server: s}
		for _, ref := range []string{s.Official(), s.Built()} {
			img, err := present(ctx, e, s, ref)
			if err != nil {
				return nil, err
			}
			if img.ID != "" {
				state.Ref, state.Kind = img.Ref, img.Kind
				break
			}
		}
		r.Servers = append(r.Servers, state)
	}
	return r, nil
}
