// Package result is what a run came to, as data: the result with its values, measures and findings, what can be promised and what became of
// it. Checkers fill it in, reports read it, and scenarios and users name their promises with it. Nothing here looks at a history's operations.
package result
