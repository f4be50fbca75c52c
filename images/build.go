package images

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/moby/moby/api/types/build"
	"github.com/moby/moby/client"

	"github.com/schismtest/schism/internal/flock"
)

// hostCA is where Debian keeps the certificates that a mirror behind HTTPS is checked with.
const hostCA = "/etc/ssl/certs/ca-certificates.crt"

// labelServer names the server that an image is made for. It stands at the head of what is built, so that what is under way carries it.
const labelServer = "schism.server"

// dockerfile installs the server's package on a base image of Debian, and refuses a package of another version: suites move on. The
// mirror is that of the machine, given at build time; without one the base image's own is taken.
func dockerfile(base string, s Server, ca bool) string {
	copyCA := ""
	if ca {
		copyCA = "COPY ca-certificates.crt " + hostCA + "\n"
	}
	_, version, _ := strings.Cut(s.Name, ":")
	return fmt.Sprintf(`FROM %[1]s
LABEL %[7]s="%[8]s" schism.from="Debian %[3]s, package %[4]s"
ARG MIRROR
%[2]sRUN printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d \
 && m=${MIRROR:-$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources | head -n 1)} \
 && echo "deb $m %[3]s main" > /etc/apt/sources.list.d/schism.list \
 && apt-get -o Acquire::Check-Valid-Until=false update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -t %[3]s %[4]s \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
RUN %[5]s --version | grep -qF 'v=%[6]s.' || { echo "Debian %[3]s has another version by now:"; %[5]s --version; exit 1; }
`, base, copyCA, s.Suite, s.Package, s.Binary, version, labelServer, s.Name)
}

// baseNames are the base images to look for: Debian's own, then ours.
func baseNames(suite string) (official, ours string) {
	return "debian:" + suite + "-slim", "schism/debian:" + suite
}

// build makes the server's image; one process at a time does.
func (e *engine) build(ctx context.Context, s Server) error {
	unlock, err := lock(ctx, "build")
	if err != nil {
		return err
	}
	defer unlock()
	if id, err := e.id(ctx, s.Built()); err != nil || id != "" { // another process made it meanwhile
		return err
	}
	if err := e.sweep(ctx); err != nil {
		return err
	}
	mirror, noMirror := aptMirror()
	base, err := e.base(ctx, s.base(), mirror, noMirror)
	if err != nil {
		return err
	}
	e.progress(fmt.Sprintf("building %s from Debian %s (%s)", s.Built(), s.Suite, s.Package))
	var ctxTar bytes.Buffer
	w := tar.NewWriter(&ctxTar)
	files := map[string]string{}
	if strings.HasPrefix(mirror, "https:") {
		ca, err := os.ReadFile(hostCA)
		if err != nil {
			return fmt.Errorf("read the certificates for the mirror: %w", err)
		}
		files["ca-certificates.crt"] = string(ca)
	}
	files["Dockerfile"] = dockerfile(base, s, len(files) > 0)
	for name, text := range files {
		if err := errors.Join(w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}), writeAll(w, text)); err != nil {
			return fmt.Errorf("pack build context: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("pack build context: %w", err)
	}
	r, err := e.cli.ImageBuild(ctx, &ctxTar, client.ImageBuildOptions{Tags: []string{s.Built()}, Version: build.BuilderV1, Remove: true, ForceRemove: true,
		BuildArgs: map[string]*string{"MIRROR": &mirror}})
	if err != nil {
		return fmt.Errorf("build %s: %w", s.Built(), err)
	}
	defer r.Body.Close()
	var tail []string
	if err := drain(r.Body, func(line string) {
		if line = strings.TrimSpace(line); line != "" {
			tail = append(tail, line)
			tail = tail[max(0, len(tail)-3):]
		}
	}); err != nil {
		return fmt.Errorf("build %s: %w (%s)", s.Built(), err, strings.Join(tail, " | "))
	}
	return nil
}

// baseDir begins the names of the folders that base images are made in.
const baseDir = "schism-base-"

// sweep removes what builds left that were cut off: layers that no image has, and trees. It is called by who holds the lock of builds, so
// none is under way; containers of theirs the engine removes itself when whoever asked is gone.
func (e *engine) sweep(ctx context.Context) error {
	unused := make(client.Filters).Add("dangling", "true").Add("label", labelServer)
	if _, err := e.cli.ImagePrune(ctx, client.ImagePruneOptions{Filters: unused}); err != nil {
		return fmt.Errorf("remove what builds left: %w", err)
	}
	trees, err := filepath.Glob(filepath.Join(os.TempDir(), baseDir+"*"))
	if err != nil {
		return fmt.Errorf("look for what builds left: %w", err)
	}
	for _, dir := range trees {
		if os.Geteuid() != 0 {
			break // root made them
		}
		for _, at := range []string{"proc", "sys"} { // a killed debootstrap leaves them mounted; mostly they are not
			_ = exec.CommandContext(ctx, "umount", "-R", "-l", filepath.Join(dir, at)).Run()
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove what a build left: %w", err)
		}
	}
	return nil
}

func writeAll(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

// base finds or makes a base image of a Debian suite.
func (e *engine) base(ctx context.Context, suite, mirror string, noMirror error) (string, error) {
	official, ours := baseNames(suite)
	for _, ref := range []string{official, ours} {
		if id, err := e.id(ctx, ref); err != nil || id != "" {
			return ref, err
		}
	}
	if e.pull(ctx, official) == nil {
		return official, nil
	}
	if noMirror != nil {
		return "", noMirror
	}
	return ours, e.debootstrap(ctx, suite, mirror, ours)
}

// debootstrap makes a base image from the mirror.
func (e *engine) debootstrap(ctx context.Context, suite, mirror, ref string) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("making a base image needs root; run scripts/setup.sh and this as root once, or load the official image into the engine")
	}
	tool, err := exec.LookPath("debootstrap")
	if err != nil {
		return errors.New("making a base image needs debootstrap; install it (apt-get install debootstrap)")
	}
	e.progress("making the base image " + ref + " with debootstrap")
	dir, err := os.MkdirTemp("", baseDir)
	if err != nil {
		return fmt.Errorf("make base image: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	args := []string{"--variant=minbase", suite, dir, mirror}
	if _, statErr := os.Stat("/usr/share/debootstrap/scripts/" + suite); statErr != nil {
		args = append(args, "/usr/share/debootstrap/scripts/sid") // a suite newer than this debootstrap
	}
	if out, err := exec.CommandContext(ctx, tool, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("debootstrap %s: %w: %s", suite, err, lastLine(out))
	}
	return e.importTree(ctx, dir, ref)
}

// importTree packs a tree with tar, which keeps what Go's tar would need many lines for, and makes an image of it.
func (e *engine) importTree(ctx context.Context, dir, ref string) error {
	tarCmd := exec.CommandContext(ctx, "tar", "-C", dir, "--numeric-owner", "--exclude=./var/cache/apt/archives/*.deb", "--exclude=./dev/*", "-c", ".")
	out, err := tarCmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("pack base image: %w", err)
	}
	if err := tarCmd.Start(); err != nil {
		return fmt.Errorf("pack base image: %w", err)
	}
	r, err := e.cli.ImageImport(ctx, client.ImageImportSource{Source: out, SourceName: "-"}, ref, client.ImageImportOptions{Message: "schism: Debian by debootstrap"})
	if err == nil {
		err = errors.Join(drain(r, func(string) {}), r.Close())
	}
	if err = errors.Join(err, tarCmd.Wait()); err != nil {
		return fmt.Errorf("import base image %s: %w", ref, err)
	}
	return nil
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// lock keeps processes of this machine from doing the same work at once; it is waited for as long as the context lets.
func lock(ctx context.Context, name string) (unlock func(), err error) {
	path := filepath.Join(os.TempDir(), "schism-"+name+".lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
	if errors.Is(err, os.ErrPermission) { // another user's file: its lock can be taken without writing
		f, err = os.Open(path)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	if err := flock.Wait(ctx, f); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), f.Close())
	}
	return func() { f.Close() }, nil
}
