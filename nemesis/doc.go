// Package nemesis breaks a deployment on purpose: faults, what they hit, and when.
package nemesis

// Schedule is the faults of a run in order.
type Schedule []Step

// Step is one fault and its moments.
type Step struct{}
