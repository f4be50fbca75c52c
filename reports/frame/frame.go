// Package frame is what every page is made of: its style and scripts, the policy that admits these and nothing else, and its tables.
package frame

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html"
	"html/template"
	"io/fs"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/schismtest/schism/internal/words"
)

//go:embed assets
var assets embed.FS

// Frame is what every page has: its style and scripts, and the policy that admits these and nothing else.
type Frame struct {
	Style, Theme, Script, Marks template.HTML
	CSP                         string
}

// New makes the frame of a page with a script of its own.
func New(script []byte) (Frame, error) {
	css, err := assets.ReadFile("assets/style.css")
	if err != nil {
		return Frame{}, fmt.Errorf("read style: %w", err)
	}
	theme, err := assets.ReadFile("assets/theme.js")
	if err != nil {
		return Frame{}, fmt.Errorf("read script: %w", err)
	}
	marks, err := assets.ReadFile("assets/marks.svg")
	if err != nil {
		return Frame{}, fmt.Errorf("read marks: %w", err)
	}
	return Frame{
		Style:  template.HTML("<style>" + string(css) + "</style>"),
		Theme:  template.HTML("<script>" + string(theme) + "</script>"),
		Script: template.HTML("<script>" + string(script) + "</script>"),
		Marks:  template.HTML(marks),
		CSP: fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s' 'sha256-%s'; base-uri 'none'; form-action 'none'",
			digest(css), digest(theme), digest(script)),
	}, nil
}

func digest(b []byte) string {
	s := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(s[:])
}

// Execute fills in a page's template, which is one of a file system; the parts that all pages share are this package's.
func Execute(own fs.FS, pattern, name string, page any) ([]byte, error) {
	t, err := template.New("").Funcs(funcs()).ParseFS(assets, "assets/*.tmpl")
	if err == nil {
		t, err = t.ParseFS(own, pattern)
	}
	if err != nil {
		return nil, fmt.Errorf("parse page: %w", err)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name, page); err != nil {
		return nil, fmt.Errorf("write page: %w", err)
	}
	return bytes.Map(visible, b.Bytes()), nil
}

// visible keeps control characters of what servers and users wrote out of a page: some turn the reading direction, others confuse tools.
func visible(r rune) rune {
	if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
		return ' '
	}
	return r
}

func funcs() template.FuncMap {
	return template.FuncMap{"upper": words.Capital, "lower": strings.ToLower, "moment": Moment, "mark": func(id string) template.HTML {
		return template.HTML(`<svg class="mk" width="16" height="16" aria-hidden="true"><use href="#m-` + id + `"/></svg>`)
	}}
}

// Moment writes a run's start for people; what is no RFC 3339 stays as it is.
func Moment(rfc3339 string) string {
	t, err := time.Parse(time.RFC3339, rfc3339)
	if err != nil {
		return rfc3339
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

// Esc escapes a text for HTML.
func Esc(s string) string { return html.EscapeString(s) }

// typed matches what one types: a configuration's name, a command.
var typed = regexp.MustCompile(`\b(min-replicas-(to-write|max-lag)|down-after(-milliseconds)?|append(only|fsync)|replica-[a-z]+(-[a-z]+)*|split-brain-min-replicas|WAIT(AOF)?|REPLICAOF|DEBUG SLEEP)\b`)

// AsCode puts what one types into backticks, unless a sentence has some already.
func AsCode(s string) string {
	if strings.Contains(s, "`") {
		return s
	}
	return typed.ReplaceAllString(s, "`$0`")
}

// Inline escapes a sentence and sets what stands in backticks as code.
func Inline(s string) template.HTML {
	parts := strings.Split(s, "`")
	if len(parts)%2 == 0 {
		return template.HTML(Esc(s))
	}
	var b strings.Builder
	for i, p := range parts {
		if i%2 == 1 {
			b.WriteString("<code>" + Esc(p) + "</code>")
		} else {
			b.WriteString(Esc(p))
		}
	}
	return template.HTML(b.String())
}
