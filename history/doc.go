// Package history is what a run leaves behind: every client operation, fault window and observation of a server on one
// monotonic clock, the file they are kept in, and their import and export.
//
// Everything that judges or draws a run (checker, reports) is a pure function of a History.
package history
