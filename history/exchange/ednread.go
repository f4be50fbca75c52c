package exchange

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep values may nest, so that a damaged file cannot use up the stack.
const maxDepth = 200

// ednReader reads EDN, and what Clojure prints beyond it (#object[x 0x1f "x"], ##NaN, 1/2, metadata), without losing a type.
type ednReader struct {
	r    *bufio.Reader
	line int
	word []byte
}

func newEDN(r io.Reader) *ednReader { return &ednReader{r: bufio.NewReaderSize(r, 1<<16), line: 1} }

// errClose is returned where a closing bracket stands instead of a value.
var errClose = errors.New("a closing bracket that nothing opened")

func (d *ednReader) byte() (byte, error) {
	c, err := d.r.ReadByte()
	if c == '\n' && err == nil {
		d.line++
	}
	return c, err
}

func (d *ednReader) unread(c byte) {
	_ = d.r.UnreadByte() // it follows a read
	if c == '\n' {
		d.line--
	}
}

// inside makes the end of the file an error.
func inside(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// skip goes to the next byte that is no space, comma or comment, and returns it.
func (d *ednReader) skip() (byte, error) {
	for {
		c, err := d.byte()
		switch {
		case err != nil:
			return 0, err
		case c == ';':
			for c != '\n' {
				if c, err = d.byte(); err != nil {
					return 0, err
				}
			}
		case c == ' ' || c == ',' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
		default:
			return c, nil
		}
	}
}

// value reads the next one; io.EOF when there is none, errClose before a closing bracket, which stays unread.
func (d *ednReader) value(depth int) (any, error) {
	c, err := d.skip()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, errors.New("it nests too deep")
	}
	switch c {
	case '(':
		return d.list(')', depth)
	case '[':
		return d.list(']', depth)
	case '{':
		return d.mapping(depth)
	case ')', ']', '}':
		d.unread(c)
		return nil, errClose
	case '"':
		return d.string()
	case '\\':
		return d.char()
	case '#':
		return d.dispatch(depth)
	case '^': // metadata says nothing of the value
		if _, err := d.need(depth); err != nil {
			return nil, err
		}
		return d.need(depth)
	}
	d.unread(c)
	w, err := d.atom()
	if err != nil {
		return nil, err
	}
	return atom(w)
}

// need reads a value that must be there.
func (d *ednReader) need(depth int) (any, error) {
	for {
		v, err := d.value(depth + 1)
		if _, ok := v.(discarded); !ok || err != nil {
			return v, inside(err)
		}
	}
}

func (d *ednReader) list(end byte, depth int) ([]any, error) {
	l := []any{}
	for {
		v, err := d.value(depth + 1)
		if errors.Is(err, errClose) {
			if c, _ := d.byte(); c != end {
				return nil, fmt.Errorf("%q closes what %q would close", c, end)
			}
			return l, nil
		}
		if err != nil {
			return nil, inside(err)
		}
		if _, ok := v.(discarded); !ok {
			l = append(l, v)
		}
	}
}

func (d *ednReader) mapping(depth int) (mapping, error) {
	l, err := d.list('}', depth)
	if err != nil {
		return nil, err
	}
	if len(l)%2 != 0 {
		return nil, errors.New("a map with a key and no value")
	}
	m := make(mapping, 0, len(l)/2)
	for i := 0; i < len(l); i += 2 {
		m = append(m, entry{l[i], l[i+1]})
	}
	return m, nil
}

// discarded stands for a value behind #_.
type discarded struct{}

// dispatch reads what follows a #.
func (d *ednReader) dispatch(depth int) (any, error) {
	c, err := d.byte()
	if err != nil {
		return nil, inside(err)
	}
	switch c {
	case '{':
		l, err := d.list('}', depth)
		return set(l), err
	case '_':
		_, err := d.need(depth)
		return discarded{}, err
	case '#': // ##NaN
		w, err := d.atom()
		return literal("##" + w), err
	case '"':
		s, err := d.string()
		return tagged{"regex", s}, err
	case ':': // #:a{:b 1} is {:a/b 1}
		ns, err := d.atom()
		if err != nil {
			return nil, err
		}
		v, err := d.need(depth)
		m, ok := v.(mapping)
		if err == nil && !ok {
			err = errors.New("a namespace in front of what is no map")
		}
		for i := range m {
			if k, ok := m[i].key.(keyword); ok && !strings.Contains(string(k), "/") {
				m[i].key = keyword(ns + "/" + string(k))
			}
		}
		return m, err
	}
	d.unread(c)
	tag, err := d.atom()
	if err != nil {
		return nil, err
	}
	v, err := d.need(depth)
	return tagged{tag, v}, err
}

// atom reads up to the next delimiter.
func (d *ednReader) atom() (string, error) {
	d.word = d.word[:0]
	for {
		c, err := d.byte()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		if strings.IndexByte(" ,\t\n\r\f()[]{}\";", c) >= 0 {
			d.unread(c)
			break
		}
		d.word = append(d.word, c)
	}
	if len(d.word) == 0 {
		return "", errors.New("nothing stands where a value should")
	}
	return string(d.word), nil
}

func (d *ednReader) string() (string, error) {
	var b []byte
	for {
		c, err := d.byte()
		if err != nil {
			return "", inside(err)
		}
		switch c {
		case '"':
			return string(b), nil
		case '\\':
			if c, err = d.byte(); err != nil {
				return "", inside(err)
			}
			i := strings.IndexByte(`nrtbf"\/`, c)
			switch {
			case i >= 0:
				b = append(b, "\n\r\t\b\f\"\\/"[i])
			case c == 'u':
				var hex [4]byte
				if _, err := io.ReadFull(d.r, hex[:]); err != nil {
					return "", inside(err)
				}
				n, err := strconv.ParseUint(string(hex[:]), 16, 16)
				if err != nil {
					return "", fmt.Errorf("no character is \\u%s", hex)
				}
				b = utf8.AppendRune(b, rune(n))
			default:
				return "", fmt.Errorf("a string holds \\%c", c)
			}
		default:
			b = append(b, c)
		}
	}
}

// char reads what follows a backslash: one character at least, even a bracket.
func (d *ednReader) char() (any, error) {
	c, err := d.byte()
	if err != nil {
		return nil, inside(err)
	}
	w, err := d.atom()
	if err != nil { // nothing follows: a single character
		w = ""
	}
	return literal(`\` + string(c) + w), nil
}

// atom tells what a bare word is.
func atom(w string) (any, error) {
	switch w {
	case "nil":
		return nil, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	if w[0] == ':' {
		if len(w) == 1 {
			return nil, errors.New("a colon without a name")
		}
		return keyword(w[1:]), nil
	}
	if c := w[0]; c >= '0' && c <= '9' || (c == '-' || c == '+') && len(w) > 1 && w[1] >= '0' && w[1] <= '9' {
		v, ok := number(w)
		if !ok {
			return nil, fmt.Errorf("%q is no number", w)
		}
		return v, nil
	}
	return symbol(w), nil
}

// number is an int64 where it fits (2N is 2), else a literal.
func number(w string) (any, bool) {
	if n, err := strconv.ParseInt(w, 10, 64); err == nil {
		return n, true
	}
	digits := strings.TrimSuffix(w, "N")
	if strings.HasPrefix(strings.TrimLeft(digits, "+-"), "0x") {
		n, err := strconv.ParseInt(digits, 0, 64)
		return n, err == nil
	}
	if n, ok := new(big.Int).SetString(digits, 10); ok {
		if n.IsInt64() {
			return n.Int64(), true
		}
		return literal(n.String() + "N"), true
	}
	if strings.Contains(w, "/") {
		q, ok := new(big.Rat).SetString(w)
		if !ok {
			return nil, false
		}
		if q.IsInt() && q.Num().IsInt64() {
			return q.Num().Int64(), true
		}
		return literal(q.String()), true
	}
	exact := strings.HasSuffix(w, "M") // a decimal is not equal to a float
	f, err := strconv.ParseFloat(strings.TrimSuffix(w, "M"), 64)
	if err != nil {
		return nil, false
	}
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	if exact {
		s += "M"
	}
	return literal(s), true
}
