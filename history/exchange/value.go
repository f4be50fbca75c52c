package exchange

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Values of a history from elsewhere are nil, bool, int64, string, []any (a vector or a list) or one of these. What is written
// alike in two types is two values: :a is not "a", and 1 is not true.
type (
	keyword string // :a
	symbol  string // a
	literal string // any other atom, in one canonical spelling: 1.5, 3/4, a big 10N, \c
	set     []any  // #{}, in file order
	mapping []entry
	tagged  struct {
		tag   string
		value any
	}
)

// entry is one pair of a mapping.
type entry struct{ key, value any }

// get is the value of a key that is this keyword or this string; JSON knows no keywords.
func (m mapping) get(name string) (any, bool) {
	for i := range m {
		switch k := m[i].key.(type) {
		case keyword:
			if string(k) == name {
				return m[i].value, true
			}
		case string:
			if k == name {
				return m[i].value, true
			}
		}
	}
	return nil, false
}

// name is a name as text, however it is written.
func name(v any) string {
	switch v := v.(type) {
	case keyword:
		return string(v)
	case symbol:
		return string(v)
	case string:
		return v
	}
	return text(v)
}

// text is a value in one canonical spelling: two values are equal exactly when their texts are. The order in a set or a map does not
// count, and a vector equals a list.
func text(v any) string {
	var b strings.Builder
	writeText(&b, v)
	return b.String()
}

func writeText(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("nil")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case string:
		writeString(b, v)
	case keyword:
		b.WriteString(":" + string(v))
	case symbol:
		b.WriteString(string(v))
	case literal:
		b.WriteString(string(v))
	case []any:
		b.WriteByte('[')
		for i, x := range v {
			if i > 0 {
				b.WriteByte(' ')
			}
			writeText(b, x)
		}
		b.WriteByte(']')
	case set:
		b.WriteString("#{" + strings.Join(sortedTexts(v), " ") + "}")
	case mapping:
		pairs := make([]string, len(v))
		for i, e := range v {
			pairs[i] = text(e.key) + " " + text(e.value)
		}
		slices.Sort(pairs)
		b.WriteString("{" + strings.Join(pairs, ", ") + "}")
	case tagged:
		if _, _, ok := tuple(v); ok { // what jepsen.independent marks is a pair all the same
			writeText(b, v.value)
			return
		}
		b.WriteString("#" + v.tag + " ")
		writeText(b, v.value)
	}
}

func sortedTexts(l []any) []string {
	out := make([]string, len(l))
	for i, x := range l {
		out[i] = text(x)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// writeString writes a string as EDN and JSON both read it.
func writeString(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ':
			h := strconv.FormatInt(int64(r), 16)
			b.WriteString(`\u` + strings.Repeat("0", 4-len(h)) + h)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

// equal compares two values.
func equal(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case int64:
		n, ok := b.(int64)
		return ok && n == a
	case string:
		s, ok := b.(string)
		return ok && s == a
	case []any:
		if l, ok := b.([]any); ok {
			return slices.EqualFunc(a, l, equal)
		}
	}
	return text(a) == text(b)
}

// tuple takes apart what jepsen.independent marked as [key value].
func tuple(v any) (key, value any, ok bool) {
	t, ok := v.(tagged)
	if !ok {
		return nil, nil, false
	}
	tag := strings.ToLower(t.tag)
	if !strings.HasSuffix(tag, "tuple") && !strings.HasSuffix(tag, "mapentry") {
		return nil, nil, false
	}
	return pair(t.value)
}

// pair takes apart a plain [a b].
func pair(v any) (a, b any, ok bool) {
	l, ok := v.([]any)
	if !ok || len(l) != 2 {
		return nil, nil, false
	}
	return l[0], l[1], true
}

// elements are the elements of a vector, a list or a set, also of a tagged one such as #ordered/set (1 2).
func elements(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case set:
		return v, true
	case tagged:
		if _, _, ok := tuple(v); !ok {
			return elements(v.value)
		}
	}
	return nil, false
}

// fields are a map, also a tagged one (a record).
func fields(v any) (mapping, bool) {
	switch v := v.(type) {
	case mapping:
		return v, true
	case tagged:
		return fields(v.value)
	}
	return nil, false
}

// byValue orders numbers by size, before everything else by text.
func byValue(a, b any) int {
	x, xok := a.(int64)
	y, yok := b.(int64)
	switch {
	case xok && yok:
		return cmp.Compare(x, y)
	case xok:
		return -1
	case yok:
		return 1
	}
	return cmp.Compare(text(a), text(b))
}
