package topology

import (
	"context"

	"github.com/schismtest/schism/agentbin"
)

// Platform asks the engine for its OS and CPU, as Go calls them. Its error is an *EngineError.
func Platform(ctx context.Context) (goos, goarch string, err error) {
	e, err := connect(ctx)
	if err != nil {
		return "", "", err
	}
	return e.os, e.arch, e.close()
}

// FindAgent gives an agent for the engine's OS and CPU. Its error is an *EngineError, or one of agentbin.Find's.
func FindAgent(ctx context.Context) (agentbin.Agent, error) {
	goos, goarch, err := Platform(ctx)
	if err != nil {
		return agentbin.Agent{}, err
	}
	return agentbin.Find(ctx, goos, goarch)
}
