package checker

import (
	"fmt"

	"github.com/schismtest/schism/history"
)

// logs turns lines of the servers' output that tell of a crash, a failed assertion or a sanitizer's finding into anomalies.
// A kill by a fault leaves no such line.
func (x *extra) logs() {
	x.looks("crash")
	for _, e := range x.h.Events {
		if e.Kind != history.EvLog {
			continue
		}
		switch e.Name {
		case "crash", "assertion", "sanitizer":
			node := "the run"
			if e.Node >= 0 && int(e.Node) < len(x.h.Run.Nodes) {
				node = x.h.Run.Nodes[e.Node].Name
			}
			x.anomaly("crash", 1, true, fmt.Sprintf("%s at %s: %s", node, seconds(e.T), e.Text))
		}
	}
}
