package charts

import (
	"html/template"
)

// Part is one part of a bar: how many, and the class of its colour.
type Part struct {
	N           int64
	Class, Text string
}

// Bar shows parts of a whole side by side.
func Bar(say string, whole int64, parts []Part) template.HTML {
	s := newSVG(14, say)
	at := 0.0
	for i, p := range parts {
		n := 0.0
		if whole > 0 {
			n = float64(p.N) / float64(whole) * 100
		}
		switch {
		case i == 0:
			s.rect(0, n, 0, 14, p.Class)
		case n > 0:
			s.rect(at, max(n, 0.4), 0, 14, p.Class)
		}
		at += n
	}
	return s.done()
}
