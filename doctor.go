package schism

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"github.com/schismtest/schism/images"
)

// Finding is one line of the doctor's: what is there, or what is missing and what that costs.
type Finding struct {
	OK   bool
	What string
	Text string
	Cost string // what cannot be done without it, and what to do about it; empty when it is there
}

// Doctor looks at the surroundings. ok is false when no scenario can run.
func Doctor(ctx context.Context) (findings []Finding, ok bool) {
	add := func(good bool, what, text, cost string) {
		if good {
			cost = ""
		}
		findings = append(findings, Finding{good, what, text, cost})
	}
	add(true, "schism", fmt.Sprintf("%s, %s, %s/%s, %d CPUs", Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), "")
	goBin, err := exec.LookPath("go")
	add(err == nil, "go", orText(goBin, "not found"), "the agent cannot be built; install Go, or name a built agent in SCHISM_AGENT")
	good := err == nil || os.Getenv("SCHISM_AGENT") != ""
	r, err := images.Look(ctx)
	if err != nil {
		add(false, "docker", err.Error(), "no scenario can run")
		return findings, false
	}
	add(true, "docker", r.Engine, "")
	add(r.CanBuild == "", "debootstrap", orText(r.CanBuild, "base images can be made here"), "a server whose image is neither here nor to be pulled cannot be built")
	have := 0
	for _, s := range r.Servers {
		if s.Ref != "" {
			have++
			add(true, s.Server.Name, fmt.Sprintf("%s (%s)", s.Ref, s.Kind), "")
			continue
		}
		text := "not here yet: pulled or built when it is first used"
		if r.CanBuild != "" {
			text = "not here: it must be pulled when it is first used"
		}
		add(r.CanBuild == "", s.Server.Name, text, "scenarios on "+s.Server.Name+" need a registry that answers")
	}
	return findings, good && (have > 0 || r.CanBuild == "")
}

func orText(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
