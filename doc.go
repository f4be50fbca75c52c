// Package schism runs a named scenario against real servers and says what its clients saw: Run starts the topology, drives
// load, injects the faults, brings everything to rest, checks the history and writes the report, and leaves nothing behind.
package schism
