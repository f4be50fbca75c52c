package conf

import (
	"bytes"
	"slices"
	"strings"
)

// shortSecret is the length below which a secret is only masked where it stands as a word of its own: one of a letter or two would
// otherwise take every text apart.
const shortSecret = 6

// Masker takes secrets out of texts. The zero value takes out none.
type Masker struct{ secrets []string }

// NewMasker masks these; the longest go first, since one may hold another.
func NewMasker(secrets []string) Masker {
	s := slices.DeleteFunc(slices.Clone(secrets), func(s string) bool { return s == "" })
	slices.SortFunc(s, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return Masker{slices.Compact(s)}
}

// Empty tells whether there is nothing to mask.
func (m Masker) Empty() bool { return len(m.secrets) == 0 }

// Text is the text without the secrets.
func (m Masker) Text(s string) string {
	for _, secret := range m.secrets {
		if len(secret) >= shortSecret {
			s = strings.ReplaceAll(s, secret, Masked)
		} else {
			s = replaceWord(s, secret)
		}
	}
	return s
}

// replaceWord masks a secret where neither a letter nor a digit stands beside it.
func replaceWord(s, secret string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, secret)
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		end := i + len(secret)
		if i > 0 && word(s[i-1]) || end < len(s) && word(s[end]) {
			b.WriteString(s[:end])
		} else {
			b.WriteString(s[:i] + Masked)
		}
		s = s[end:]
	}
}

func word(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

// maxHeld bounds what is held back of a line whose end has not come.
const maxHeld = 64 << 10

// Stream masks a text that comes in pieces, whose bounds may lie within a secret: it gives out whole lines, and holds back the rest.
type Stream struct {
	m    Masker
	held []byte
}

// Stream makes one.
func (m Masker) Stream() *Stream { return &Stream{m: m} }

// Take takes a piece and returns what may go on.
func (s *Stream) Take(b []byte) []byte {
	if s.m.Empty() {
		return b
	}
	s.held = append(s.held, b...)
	end := bytes.LastIndexByte(s.held, '\n') + 1
	if end == 0 && len(s.held) < maxHeld {
		return nil
	}
	if end == 0 {
		end = len(s.held)
	}
	out := []byte(s.m.Text(string(s.held[:end])))
	s.held = append(s.held[:0], s.held[end:]...)
	return out
}

// Rest returns what is held back, at the end.
func (s *Stream) Rest() []byte {
	out := []byte(s.m.Text(string(s.held)))
	s.held = nil
	return out
}
