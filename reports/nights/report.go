package nights

import "github.com/schismtest/schism/internal/words"

// Class sorts changes: what is broken and was not, what is no longer broken, and all else.
type Class string

// The classes.
const (
	New     Class = "new"
	Gone    Class = "gone"
	Changed Class = "changed"
)

// Change is one way in which a cell's last night differs from the one before.
type Change struct {
	Class Class
	Kind  string // "New violation", "Could not run", ...
	Cell  Cell
	Last  *Night // the cell's; that before is nil for a first one
	Prev  *Night // that which it is compared with
	Line  *Line  // the run to look at
	Held  *Held  // the promise, of a violation
	// Before and Now say what it was and is, Note what is to be known besides. Around is what changed around it.
	Before, Now, Note string
	Around            []Diff
	rank              int
}

// AroundWords says what changed around it.
func (c *Change) AroundWords() string {
	switch c.Prev {
	case nil:
		return "there is no earlier run to compare with"
	case c.Last:
		return words.Dash
	}
	return Around(c.Around)
}

// Standing is a violation that was there before.
type Standing struct {
	Cell   Cell
	Held   Held   // as it was broken last
	Line   *Line  // the run to look at: the last that broke it
	Since  *Night // the first of the nights in a row that broke it
	Nights int    // how many nights broke it since
	Last   *Night // the cell's last; whether it broke the promise says Told
	Told   bool   // false: the last night did not tell (unknown, error, not run)
	Why    string // why it did not
	Runs   string // "2 of 3 runs"
}

// CellReport is a cell with all its nights, oldest first.
type CellReport struct {
	Cell   Cell
	Nights []*Night
	Going  bool // another run goes on
	NotRun bool // the last night of all has no run of it
	// New and Standing: its last night broke a promise that it had kept, or had broken before.
	New, Standing bool
	Age           int     // nights of its oldest standing violation
	Change        *Change // the first of its changes
}

// Last is the cell's last night, nil before a first run has ended.
func (c *CellReport) Last() *Night {
	if len(c.Nights) == 0 {
		return nil
	}
	return c.Nights[len(c.Nights)-1]
}

// Report is what the last night says, held against those before.
type Report struct {
	// Last and Before are the last two nights over all cells; nil where runs by hand are compared, each cell with its own run before.
	Last, Before *Night
	Earlier      bool // some cell has a night to compare with
	Cells        []*CellReport
	Changes      []Change // the worst first
	Standing     []Standing
	Around       []string // what changed around the last night, by server
	Old          []Cell   // cells that none of the last Shown nights ran; nothing more is said of them
	History      *History
}

// NewOnes are the new violations, worst first.
func (r *Report) NewOnes() []Change { return r.Of(New) }

// Of are the changes of one class.
func (r *Report) Of(c Class) []Change {
	var out []Change
	for _, ch := range r.Changes {
		if ch.Class == c {
			out = append(out, ch)
		}
	}
	return out
}
