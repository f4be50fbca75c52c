package frame

import "strings"

// Table is any table of a page; its first column names the row.
type Table struct {
	Title string // also its caption
	Note  string
	CSV   string // file name; empty: no button
	Head  []Column
	Rows  [][]Cell
}

// Column is a column's head; numbers stand on the right.
type Column struct {
	Name  string
	Right bool
}

// Cell is text, escaped by the template.
type Cell struct {
	Text  string
	Small string // a second line
	Class string // bad, b, m (mono)
	Right bool
}

// Heads are columns by name; one that begins with > is of numbers.
func Heads(names ...string) []Column {
	var out []Column
	for _, n := range names {
		out = append(out, Column{strings.TrimPrefix(n, ">"), strings.HasPrefix(n, ">")})
	}
	return out
}

// Row adds a row of plain cells.
func (t *Table) Row(texts ...string) {
	var cells []Cell
	for i, s := range texts {
		cells = append(cells, Cell{Text: s, Right: i < len(t.Head) && t.Head[i].Right})
	}
	t.Rows = append(t.Rows, cells)
}

// Mark gives the last row's cell a class.
func (t *Table) Mark(col int, class string) { t.Rows[len(t.Rows)-1][col].Class = class }
