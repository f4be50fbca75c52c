package schism

import (
	"context"
	"runtime"

	"github.com/schismtest/schism/agentbin"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/version"
)

// Version is schism's own version and commit, as far as they are known, in words.
func Version() string { return version.Own().String() }

// About says which schism this is, with the agent that it would use on a Linux engine of this machine's CPU. The agent's hash is empty
// where it would have to be built first; the error is of a SCHISM_AGENT that cannot be used.
func About(ctx context.Context) (history.Build, error) {
	b := buildOf(agentbin.Agent{})
	ways, err := agentbin.Survey(ctx, "linux", runtime.GOARCH)
	if err != nil {
		return b, surroundings(err)
	}
	for _, w := range ways {
		if w.OK {
			a := asBuild(w)
			b.Agent, b.AgentHow = a.Agent, a.AgentHow
			return b, nil
		}
	}
	b.AgentHow = "none"
	return b, nil
}

// AboutText says it in lines for people: version, commit, agent, Go.
func AboutText(b history.Build) string {
	return "schism " + buildText(b) + "\nagent  " + agentText(b) + "\ngo     " + b.Go + ", " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
}

// asBuild is an agent that would be used.
func asBuild(w agentbin.Tried) history.Build {
	return history.Build{Agent: w.Hash, AgentHow: w.Way + ": " + w.Text}
}

// buildOf is this schism with that agent. A test does not know its own version; the agent, built from the same module, may.
func buildOf(a agentbin.Agent) history.Build {
	own := version.Own()
	if own.Version == "" && own.Commit == "" {
		own.Version, own.Commit, own.Modified = a.Source.Version, a.Source.Commit, a.Source.Modified
	}
	return history.Build{Version: own.Version, Commit: own.Commit, Modified: own.Modified, Go: own.Go, Agent: a.Hash, AgentHow: a.How}
}

func buildText(b history.Build) string { return version.Text(b.Version, b.Commit, b.Modified) }

// shownHash is how much of the agent's hash people are shown.
const shownHash = 12

func agentText(b history.Build) string {
	if b.Agent == "" {
		return b.AgentHow
	}
	return b.Agent[:min(len(b.Agent), shownHash)] + ", " + b.AgentHow
}
