package observer

import (
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/clusterview"
)

// viewAfter is how long a server's view of its cluster may be old before it is asked for again: its text is long, and what it tells
// changes in steps of a tenth of a second and more.
const viewAfter = 75 * time.Millisecond

// viewEvery is after how many looks that is.
func viewEvery(interval time.Duration) int { return max(1, int(viewAfter/interval)) }

// views are what a server of a Cluster said of it.
type views struct {
	due     bool // to be asked for at the next look, whenever the last one was
	shown   *history.View
	pending []history.View
}

// take takes in the texts of CLUSTER INFO and CLUSTER NODES, and keeps what differs from before. Others than these two (the server still
// loads, or the command is refused) leave the view as it was.
func (v *views) take(texts []string, number map[string]int32, call, ret int64) {
	v.due = true
	if len(texts) != 2 {
		return
	}
	now, err := clusterview.View(texts[0], texts[1], number)
	if err != nil {
		return
	}
	v.due = false
	now.Call, now.Return = call, ret
	if v.shown != nil && clusterview.Same(v.shown, &now) {
		return
	}
	v.shown = &now
	v.pending = append(v.pending, now)
}
