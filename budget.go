package schism

import "time"

// What a run may still take after it was interrupted, or its time was up. Each has a budget of its own, so that nothing uses up another's;
// the last is for cleaning.
const (
	healBudget    = 20 * time.Second // to heal what is broken
	haltBudget    = 10 * time.Second // to stop the load; client timeouts are far below
	collectBudget = 10 * time.Second // to take home the last samples and configs
	judgeBudget   = 20 * time.Second // to check the history and write the page; not enforced
	cleanBudget   = 30 * time.Second // to remove the containers, while the history is judged

	// EndTime is how long before its last moment a run must be interrupted, so that it can heal, judge, report and clean.
	EndTime = healBudget + haltBudget + collectBudget + cleanBudget + judgeBudget
)
