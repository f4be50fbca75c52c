// Package nights remembers runs: one line a run in history.jsonl, for ever, whatever becomes of the run's folder. It merges the lines of
// several folders and says what the last night found that the night before had not. It decides no verdict: a line repeats what a
// run's result said.
package nights
