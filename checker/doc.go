// Package checker turns a history into findings and measures, of the types of checker/result. It is pure: the same history gives the same
// result on any machine. checkers.md defines every measure; each file here holds one of them.
package checker
