//go:build linux && !schism_agents

package main

import (
	"path/filepath"

	"github.com/schismtest/schism/agent"
	"github.com/schismtest/schism/agentbin"
)

// asAgent acts as the agent when this binary was started by the agent's name, as it is in a container of a run; ok is false otherwise.
func asAgent(argv0 string) (code int, ok bool) {
	if filepath.Base(argv0) != agentbin.Name {
		return 0, false
	}
	return agent.Main(), true
}
