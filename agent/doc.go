// Package agent is the static binary that runs as PID 1 beside every server of a run, inside the server's own image: it starts and
// signals the server, cuts its network, observes it, sends it commands and reads its data set out; in a worker's container it runs
// the load. It hears the harness over its standard input and answers over its standard output, and when the input closes or falls
// silent it takes the server with it.
package agent
