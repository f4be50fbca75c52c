// Package wire is what the harness and its agents say to each other over a container's attach stream: requests as JSON lines one
// way, framed responses and record batches the other way. It holds both ends.
package wire
