//go:build linux

// Command schism-agent is what schism copies into every container of a run; package agent says what it does. It is not meant to be
// started by hand.
package main

import (
	"os"

	"github.com/schismtest/schism/agent"
)

func main() { os.Exit(agent.Main()) }
