package schism

import (
	"errors"
	"fmt"

	"github.com/schismtest/schism/checker/result"
)

// Exit codes of the command line.
const (
	ExitPass      = 0
	ExitViolation = 1
	ExitUnknown   = 2
	ExitError     = 3  // what the surroundings lack
	ExitUsage     = 64 // what the user wrote
)

// Problem is why a run could not be made: one clear line, and what to do about it.
type Problem struct {
	Exit int // ExitUsage or ExitError
	Text string
	Do   string
	Err  error // what lies beneath, if anything
}

// Error implements error.
func (p *Problem) Error() string {
	if p.Do == "" {
		return p.Text
	}
	return p.Text + "; " + p.Do
}

// Unwrap gives what lies beneath.
func (p *Problem) Unwrap() error { return p.Err }

// usagef is a problem with what the user wrote.
func usagef(format string, args ...any) error {
	return &Problem{Exit: ExitUsage, Text: fmt.Sprintf(format, args...)}
}

// ExitCode is the exit code of a run that ended with this error, or this verdict.
func ExitCode(v result.Verdict, err error) int {
	var p *Problem
	switch {
	case errors.As(err, &p):
		return p.Exit
	case err != nil:
		return ExitError
	case v == result.Pass, v == result.Watched:
		return ExitPass
	case v == result.Violation:
		return ExitViolation
	case v == result.Unknown:
		return ExitUnknown
	}
	return ExitError
}
