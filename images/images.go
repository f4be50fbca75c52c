// Package images gets the image of a server: the official one where the engine has it or can pull it, else one built here from
// Debian's package, under a name of ours and never under an official one.
package images

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// Server is a server and version that schism knows how to get.
type Server struct {
	Name    string // "redis:7.0", also the official image's name
	Binary  string // "redis-server"
	Package string // Debian's
	Suite   string // the suite that has this version
	Base    string // the suite of its base image, where that is another
}

// Servers returns all servers that -server takes.
func Servers() []Server {
	return []Server{
		{Name: "redis:6.0", Binary: "redis-server", Package: "redis-server", Suite: "bullseye"},
		{Name: "redis:7.0", Binary: "redis-server", Package: "redis-server", Suite: "bookworm"},
		{Name: "redis:8.0", Binary: "redis-server", Package: "redis-server", Suite: "trixie"},
		{Name: "redis:8.6", Binary: "redis-server", Package: "redis-server", Suite: "experimental", Base: "sid"},
		{Name: "valkey:8.0", Binary: "valkey-server", Package: "valkey-server", Suite: "bookworm-backports", Base: "bookworm"},
		{Name: "valkey:8.1", Binary: "valkey-server", Package: "valkey-server", Suite: "trixie"},
		{Name: "valkey:9.1", Binary: "valkey-server", Package: "valkey-server", Suite: "forky"},
		{Name: "redict:7.3", Binary: "redict-server", Package: "redict-server", Suite: "bookworm-backports", Base: "bookworm"},
	}
}

// Find is the server of this name.
func Find(name string) (Server, error) {
	var names []string
	for _, s := range Servers() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Server{}, &unknownServer{fmt.Sprintf("-server %s is not on the list (%s); any other image goes with -image", name, strings.Join(names, ", "))}
}

// unknownServer is an ErrUnknownServer with the list.
type unknownServer struct{ text string }

// Error implements error.
func (e *unknownServer) Error() string { return e.text }

// Is makes it an ErrUnknownServer.
func (e *unknownServer) Is(target error) bool { return target == ErrUnknownServer }

func (s Server) base() string {
	if s.Base != "" {
		return s.Base
	}
	return s.Suite
}

// Official is the official image's name. Redict has none on the usual registry.
func (s Server) Official() string { return s.Name }

// Built is the name of the image that is built here.
func (s Server) Built() string { return "schism/" + s.Name }

// Kind says where an image comes from.
type Kind string

// The kinds of images.
const (
	KindOfficial Kind = "official"
	KindBuilt    Kind = "built here from Debian's package"
	KindUser     Kind = "named by -image"
)

// Image is an image that is there.
type Image struct {
	Ref    string // what the engine knows it by
	Server string // the server's name; empty for an image of the user's
	Binary string // the server's binary
	ID     string // the engine's
	Kind   Kind
}

// Errors to branch on.
var (
	ErrUnknownServer = errors.New("unknown server")     // usage
	ErrNotAServer    = errors.New("no server in it")    // usage: -image
	ErrNoEngine      = errors.New("no Docker engine")   // surroundings
	ErrNoImage       = errors.New("no image to be had") // surroundings
)

// pullTime is how long a registry may take to begin to answer.
const pullTime = 10 * time.Second

// Ensure returns the image of a server, or the user's own image where one is named; what is missing is pulled or built.
// progress is told of what takes its time.
func Ensure(ctx context.Context, server, own string, progress func(string)) (Image, error) {
	cli, err := Client(ctx)
	if err != nil {
		return Image{}, err
	}
	defer cli.Close()
	e := &engine{cli: cli, progress: progress}
	if own != "" {
		return ensureOwn(ctx, e, own)
	}
	s, err := Find(server)
	if err != nil {
		return Image{}, err
	}
	return ensure(ctx, e, s)
}

// Client is a client of an engine that answers.
func Client(ctx context.Context) (*client.Client, error) {
	cli, err := client.New(client.FromEnv)
	if err != nil {
		return nil, fmt.Errorf("%w answers: %v; run make doctor, or scripts/setup.sh as root", ErrNoEngine, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := cli.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		if strings.Contains(err.Error(), "permission denied") {
			return nil, errors.Join(fmt.Errorf("%w may be used by this user at %s; join the group docker, or run as root", ErrNoEngine, cli.DaemonHost()), cli.Close())
		}
		return nil, errors.Join(fmt.Errorf("%w answers at %s; start Docker, or run scripts/setup.sh as root", ErrNoEngine, cli.DaemonHost()), cli.Close())
	}
	return cli, nil
}

// store is what the choice of an image needs of an engine.
type store interface {
	id(ctx context.Context, ref string) (string, error) // empty when it is not there
	pull(ctx context.Context, ref string) error
	build(ctx context.Context, s Server) error
}

// ensure chooses: what is there, the official image first; then what can be pulled; then what can be built.
func ensure(ctx context.Context, st store, s Server) (Image, error) {
	for _, ref := range []string{s.Official(), s.Built()} {
		img, err := present(ctx, st, s, ref)
		if err != nil || img.ID != "" {
			return img, err
		}
	}
	pullErr := st.pull(ctx, s.Official())
	if pullErr == nil {
		return must(ctx, st, s, s.Official())
	}
	if err := ctx.Err(); err != nil {
		return Image{}, err
	}
	if err := st.build(ctx, s); err != nil {
		return Image{}, fmt.Errorf("%w for %s: it can neither be pulled (%v) nor built (%w)", ErrNoImage, s.Name, pullErr, err)
	}
	return must(ctx, st, s, s.Built())
}

func must(ctx context.Context, st store, s Server, ref string) (Image, error) {
	img, err := present(ctx, st, s, ref)
	if err == nil && img.ID == "" {
		err = fmt.Errorf("%w: %s is not there although it was just made", ErrNoImage, ref)
	}
	return img, err
}

func present(ctx context.Context, st store, s Server, ref string) (Image, error) {
	id, err := st.id(ctx, ref)
	if err != nil || id == "" {
		return Image{}, err
	}
	kind := KindOfficial
	if ref == s.Built() {
		kind = KindBuilt
	}
	return Image{Ref: ref, Server: s.Name, Binary: s.Binary, ID: id, Kind: kind}, nil
}

// ensureOwn takes an image of the user's if a server is in it.
func ensureOwn(ctx context.Context, e *engine, ref string) (Image, error) {
	id, err := e.id(ctx, ref)
	if err != nil {
		return Image{}, err
	}
	if id == "" {
		if err := e.pull(ctx, ref); err != nil {
			return Image{}, fmt.Errorf("%w: the engine does not have %s, and it cannot be pulled: %v", ErrNoImage, ref, err)
		}
		if id, err = e.id(ctx, ref); err != nil {
			return Image{}, err
		}
	}
	bin, err := e.serverIn(ctx, ref)
	if err != nil {
		return Image{}, err
	}
	return Image{Ref: ref, Binary: bin, ID: id, Kind: KindUser}, nil
}
