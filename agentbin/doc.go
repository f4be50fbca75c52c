// Package agentbin finds the agent's binary for an engine's OS and CPU. The ways are tried in this order: the file that SCHISM_AGENT
// names; one embedded in this program; this program itself; `go build` in a module that requires schism; `go install` of this
// program's own version. Find takes the first that serves, Survey says of each whether it would, and both ask the same functions.
package agentbin
