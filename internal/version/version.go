// Package version says what this schism is: its version and commit, from the Go toolchain's record or, in a released binary, from the
// linker's flags.
package version

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// Module is schism's own module path.
const Module = "github.com/schismtest/schism"

// Set by the linker in what `make build`, `release` and `image` make: -X .../internal/version.release=v1.2.3. Nothing else writes them.
var (
	release string
	commit  string
)

// Info is what is known of a build of schism. Version and Commit may be empty.
type Info struct {
	// Version is a release's or a module's ("v1.2.3").
	Version string
	// Commit is the whole hash. Modified: the sources differed from it.
	Commit   string
	Modified bool
	// Installable is the version that the module proxy gave this build by, so that it gives the same again; else empty.
	Installable string
	// Main is the import path of the program's main package; a test's ends in ".test".
	Main string
	// OwnSources: the program is one of schism's own commands, and not from a module proxy.
	OwnSources bool
	// Go is the toolchain's version.
	Go string
}

// Own is this program's.
func Own() Info {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	i := Of(info)
	if release != "" {
		i.Version = release
	}
	if commit != "" {
		i.Commit, i.Modified = strings.CutSuffix(commit, "-dirty")
	}
	return i
}

// Of reads a program's build info.
func Of(info *debug.BuildInfo) Info {
	i := Info{Main: info.Path, Go: info.GoVersion}
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path != Module {
			continue
		}
		if m.Replace == nil && m.Version != "(devel)" {
			i.Version = m.Version
			if m.Sum != "" { // a version without one was made up from the work tree
				i.Installable = m.Version
			}
		}
	}
	if info.Main.Path != Module {
		return i // the settings are of somebody else's repository
	}
	i.OwnSources = i.Installable == "" && !strings.HasSuffix(info.Path, ".test")
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			i.Commit = s.Value
		case "vcs.modified":
			i.Modified = s.Value == "true"
		}
	}
	return i
}

// shortCommit is how much of a commit's hash is shown.
const shortCommit = 12

// String says it for people, in one line without the toolchain.
func (i Info) String() string { return Text(i.Version, i.Commit, i.Modified) }

// Text says a version and a commit for people; either may be empty.
func Text(version, commit string, modified bool) string {
	if commit != "" {
		commit = "commit " + commit[:min(len(commit), shortCommit)]
		if modified {
			commit += " with changes"
		}
	}
	switch {
	case version == "" && commit == "":
		return "of unknown version"
	case version == "":
		return commit
	case commit == "":
		return version
	}
	return version + ", " + commit
}
