package charts

import (
	"fmt"
	"html"
	"html/template"
	"strconv"
	"strings"

	"github.com/schismtest/schism/internal/words"
)

// svg builds one chart. Places along x are percent of its width, so that text keeps its size at every width; y is in px.
// All text and labels are escaped here.
type svg struct {
	b strings.Builder
}

// newSVG opens a chart whose label says in a sentence what it shows; without one it is decoration.
func newSVG(height float64, label string) *svg {
	s := &svg{}
	if label == "" {
		s.printf(`<svg width="100%%" height="%s" aria-hidden="true">`, f1(height))
	} else {
		s.printf(`<svg width="100%%" height="%s" role="img" aria-label="%s">`, f1(height), html.EscapeString(label))
	}
	return s
}

func (s *svg) printf(format string, args ...any) { fmt.Fprintf(&s.b, format, args...) }

func (s *svg) done() template.HTML {
	s.b.WriteString("</svg>")
	return template.HTML(s.b.String())
}

// f1 and f2 write numbers as short as they get.
func f1(v float64) string { return words.Trim(strconv.FormatFloat(v, 'f', 1, 64)) }
func f2(v float64) string { return words.Trim(strconv.FormatFloat(v, 'f', 2, 64)) }

func class(c string) string {
	if c == "" {
		return ""
	}
	return ` class="` + c + `"`
}

func (s *svg) rect(x, w, y, h float64, cls string) {
	s.printf(`<rect x="%s%%" width="%s%%" y="%s" height="%s"%s/>`, f2(x), f2(max(0, w)), f1(y), f1(h), class(cls))
}

func (s *svg) hline(y float64, cls string) {
	s.printf(`<line x1="0" x2="100%%" y1="%s" y2="%s"%s/>`, f1(y), f1(y), class(cls))
}

func (s *svg) line(x1, y1, x2, y2 float64, cls string) {
	s.printf(`<line x1="%s%%" x2="%s%%" y1="%s" y2="%s"%s/>`, f2(x1), f2(x2), f1(y1), f1(y2), class(cls))
}

// label is a text with its options.
type label struct {
	cls    string
	anchor string // "", "middle", "end"
	dx     float64
	attrs  string // trusted
}

func (s *svg) text(x, y float64, l label, txt string) {
	s.printf(`<text x="%s%%" y="%s"%s`, f2(x), f1(y), class(l.cls))
	if l.anchor != "" {
		s.printf(` text-anchor="%s"`, l.anchor)
	}
	if l.dx != 0 {
		s.printf(` dx="%s"`, f1(l.dx))
	}
	s.printf(`%s>%s</text>`, l.attrs, html.EscapeString(txt))
}

// px guesses how wide a text of the chart's size is.
func px(txt string) float64 { return float64(len([]rune(txt)))*6.2 + 8 }

// The width of a chart on the widest page and on a phone, for deciding what fits.
const (
	plotWide   = 948.0
	plotNarrow = 322.0
)
