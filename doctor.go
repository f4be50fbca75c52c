package schism

import (
	"context"
	"fmt"
	"runtime"

	"github.com/schismtest/schism/agentbin"
	"github.com/schismtest/schism/images"
	"github.com/schismtest/schism/topology"
)

// Finding is one line of the doctor's: what is there, or what is missing and what that costs.
type Finding struct {
	OK   bool
	What string
	Text string
	Cost string // what cannot be done without it, and what to do about it; empty when it is there
}

// Doctor looks at what Run needs, by the same functions, and changes nothing. ok is false when no scenario can run.
func Doctor(ctx context.Context) (findings []Finding, ok bool) {
	add := func(good bool, what, text, cost string) {
		if good {
			cost = ""
		}
		findings = append(findings, Finding{good, what, text, cost})
	}
	add(true, "schism", fmt.Sprintf("%s, %s, %s/%s, %d CPUs", Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), "")
	goos, goarch, engineErr := topology.Platform(ctx)
	if engineErr != nil {
		goos, goarch = "linux", runtime.GOARCH // what it most likely is, once it answers
	}
	agent := agentFinding(ctx, goos, goarch)
	findings = append(findings, agent)
	if engineErr != nil {
		add(false, "docker", engineErr.Error(), "no scenario can run")
		return findings, false
	}
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
	return findings, agent.OK && (have > 0 || r.CanBuild == "")
}

// agentFinding says which agent a run would use, or why there is none.
func agentFinding(ctx context.Context, goos, goarch string) Finding {
	f := Finding{What: "agent", Cost: "no scenario can run"}
	ways, err := agentbin.Survey(ctx, goos, goarch)
	if err != nil {
		f.Text = err.Error()
		return f
	}
	for _, w := range ways {
		if w.OK {
			return Finding{OK: true, What: "agent", Text: fmt.Sprintf("%s/%s, %s", goos, goarch, agentText(asBuild(w)))}
		}
	}
	f.Text = (&agentbin.NotFoundError{OS: goos, Arch: goarch, Tried: ways}).Error()
	return f
}

func orText(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
