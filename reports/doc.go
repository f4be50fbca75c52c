// Package reports turns a run and its result into what people and machines read: one HTML page a run, an index over many, the
// terminal's summary, JSON, JUnit and Markdown. It computes nothing that decides a verdict, and a page is a function of its
// history and analysis alone: the same run gives the same page on any machine.
package reports
