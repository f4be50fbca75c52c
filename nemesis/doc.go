// Package nemesis breaks a deployment on purpose: faults, what they hit, and when.
//
// A Schedule is data: it is written into run.json, read back and replayed. It reads like a sentence:
//
//	nemesis.Schedule{
//		After(5*time.Second, Kill(Master)),
//		AfterFailover(3*time.Second, Restart(Killed)),
//	}
//
// Run carries a schedule out against a Cluster. Every fault goes through the same stages: its undo is registered, it is injected,
// proved to have taken effect, healed, and proved to have healed; each moment is recorded. Nothing is left broken behind, whatever
// ends the run.
package nemesis
