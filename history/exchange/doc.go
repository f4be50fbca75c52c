// Package exchange reads histories from elsewhere and writes ours for elsewhere: JSON Lines, Jepsen's EDN and console logs, Parquet.
//
// It is apart from package history so that the agent, which only records, links none of their libraries.
package exchange
