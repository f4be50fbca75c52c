package conf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Line is one directive with the place where it stands.
type Line struct {
	// File is where it was read, for people; Number counts from 1, 0: there is no file ("-config").
	File   string
	Number int
	// Dir is the folder that relative paths in it start from; empty: the present one.
	Dir  string
	Text string // as it stands, without blanks around it
	// Name is the directive in lower case, Args its values.
	Name string
	Args []string
}

// Where says where the line stands: "redis.conf:12".
func (l Line) Where() string {
	if l.Number == 0 {
		return l.File
	}
	return fmt.Sprintf("%s:%d", l.File, l.Number)
}

// arg is a value, in lower case; empty where there is none.
func (l Line) arg(i int) string {
	if i >= len(l.Args) {
		return ""
	}
	return strings.ToLower(l.Args[i])
}

// Bounds of what a file may hold: an include of itself by another name, or a device, ends somewhere.
const (
	maxFiles = 100
	maxBytes = 1 << 20
)

// Read reads a file with all that it includes, in the order in which Redis would. An included file's path, which may be a pattern, is
// relative to the file that names it.
func Read(path string) ([]Line, Mistakes) {
	r := &reader{}
	if err := r.file(path); err != nil {
		r.mistakes.add(filepath.Base(path), "", "the file cannot be read: %s", short(err))
	}
	return r.lines, r.mistakes
}

type reader struct {
	open     []string // the files under way, absolute
	files    int
	bytes    int
	lines    []Line
	mistakes Mistakes
}

func (r *reader) file(path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	switch {
	case slices.Contains(r.open, abs):
		return errors.New("it includes itself")
	case r.files >= maxFiles:
		return fmt.Errorf("more than %d files", maxFiles)
	}
	text, err := readRegular(path, maxBytes-r.bytes)
	if err != nil {
		return err
	}
	r.files++
	r.bytes += len(text)
	r.open = append(r.open, abs)
	defer func() { r.open = r.open[:len(r.open)-1] }()
	n := 0
	for t := range strings.SplitSeq(text, "\n") {
		n++
		l, ok := r.line(t, filepath.Base(path), n)
		if !ok {
			continue
		}
		l.Dir = filepath.Dir(path)
		if l.Name == "include" && len(l.Args) == 1 {
			r.include(l)
			continue
		}
		r.lines = append(r.lines, l)
	}
	return nil
}

// readRegular reads a file that is one: a pipe would be waited for.
func readRegular(path string, most int) (string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", errors.New("it is no regular file")
	case info.Size() > int64(most):
		return "", fmt.Errorf("more than %d KiB of config", maxBytes>>10)
	}
	b, err := os.ReadFile(path)
	return string(b), err
}

// short is a file error's reason without the path, which the message has already.
func short(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

func (r *reader) line(text, file string, n int) (Line, bool) {
	l, why := ParseLine(text)
	l.File, l.Number = file, n
	if why != "" {
		r.mistakes.add(l.Where(), l.Name, "%s", why)
		return l, false
	}
	return l, l.Name != ""
}

// ParseLine reads one line. Name is empty for a blank line and a comment; why says what is wrong with it, and never quotes a value.
func ParseLine(text string) (l Line, why string) {
	text = strings.Trim(text, " \t\r\n")
	if text == "" || text[0] == '#' {
		return Line{}, ""
	}
	l.Text = text
	args, ok := Split(text)
	if f := strings.Fields(text); len(f) > 0 {
		l.Name = strings.ToLower(strings.Trim(f[0], `"'`))
	}
	switch {
	case strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }):
		l.Name = printable(l.Name)
		return l, "a config line holds one directive, without line breaks or control characters"
	case !ok:
		return l, "its quotes are not balanced"
	case len(args) == 0 || args[0] == "":
		return Line{}, ""
	}
	l.Name, l.Args = strings.ToLower(args[0]), args[1:]
	if strings.ContainsFunc(l.Name, func(c rune) bool { return c <= ' ' || c > '~' }) {
		l.Name = printable(l.Name)
		return l, "no directive has such a name"
	}
	if len(l.Args) == 0 {
		return l, "it has no value"
	}
	return l, ""
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// include reads what an include names. A pattern that matches nothing is fine, as it is for Redis.
func (r *reader) include(l Line) {
	path := l.Args[0]
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.Dir, path)
	}
	paths := []string{path}
	if strings.ContainsAny(path, "*?[") {
		found, err := filepath.Glob(path)
		if err != nil {
			r.mistakes.add(l.Where(), l.Name, "the pattern %s cannot be read", l.Args[0])
			return
		}
		paths = found
	}
	for _, p := range paths {
		if err := r.file(p); err != nil {
			r.mistakes.add(l.Where(), l.Name, "%s cannot be read: %s", l.Args[0], short(err))
		}
	}
}
