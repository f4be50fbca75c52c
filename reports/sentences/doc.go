// Package sentences puts a result into words, the same for the page, the terminal and the files: what happened, why, and what bounds it.
package sentences
