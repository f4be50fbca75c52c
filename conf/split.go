package conf

import (
	"strings"
)

// Split takes a line apart as Redis does (sdssplitargs): arguments are separated by blanks, "double quoted" ones know escapes
// (\n, \r, \t, \b, \a, \xHH, \ and any other character for itself), 'single quoted' ones only \'. It is false for a quote that is not
// closed, or that is followed by something other than a blank.
func Split(line string) (args []string, ok bool) {
	for i := 0; ; {
		for i < len(line) && blank(line[i]) {
			i++
		}
		if i >= len(line) {
			return args, true
		}
		var arg string
		if arg, i, ok = argument(line, i); !ok {
			return nil, false
		}
		args = append(args, arg)
	}
}

// argument reads the argument at i and returns where the next one may begin.
func argument(line string, i int) (arg string, next int, ok bool) {
	var b strings.Builder
	for i < len(line) && !blank(line[i]) {
		switch c := line[i]; c {
		case '"', '\'':
			end := quoted(line, i+1, c, &b)
			if end < 0 || end < len(line) && !blank(line[end]) {
				return "", 0, false
			}
			return b.String(), end, true
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), i, true
}

// quoted reads up to the closing quote and returns the place behind it, -1 when there is none.
func quoted(line string, i int, quote byte, b *strings.Builder) int {
	for i < len(line) {
		c := line[i]
		switch {
		case c == quote:
			return i + 1
		case quote == '"' && c == '\\' && i+3 < len(line) && line[i+1] == 'x' && hex(line[i+2]) >= 0 && hex(line[i+3]) >= 0:
			b.WriteByte(byte(hex(line[i+2])<<4 | hex(line[i+3])))
			i += 4
		case quote == '"' && c == '\\' && i+1 < len(line):
			b.WriteByte(escaped(line[i+1]))
			i += 2
		case quote == '\'' && c == '\\' && i+1 < len(line) && line[i+1] == '\'':
			b.WriteByte('\'')
			i += 2
		default:
			b.WriteByte(c)
			i++
		}
	}
	return -1
}

func escaped(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

func hex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func blank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' || c == 0 }

// Quote makes an argument that Split gives back as it was.
func Quote(arg string) string {
	if arg != "" && strings.IndexFunc(arg, func(r rune) bool { return r <= ' ' || r == '"' || r == '\'' || r == '\\' || r > '~' }) < 0 {
		return arg
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(arg) {
		switch c := arg[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			const digits = "0123456789abcdef"
			b.WriteString(`\x`)
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Join makes a line of arguments.
func Join(args ...string) string {
	q := make([]string, len(args))
	for i, a := range args {
		q[i] = Quote(a)
	}
	return strings.Join(q, " ")
}
