package exchange

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"olympos.io/encoding/edn"

	"github.com/schismtest/schism/history"
)

// ednTuple is a value that Jepsen marked as [key value].
type ednTuple struct{ key, value any }

// readEDN reads the events of a Jepsen history.
func readEDN(r io.Reader) ([]event, error) {
	counted := &lineCounter{r: bufio.NewReaderSize(r, 1<<16), n: 1}
	d := edn.NewDecoder(counted)
	var events []event
	add := func(v any) error {
		e, ok, err := toEvent(v)
		if err != nil {
			return fmt.Errorf("event %d, before line %d: %w: %w", len(events)+1, counted.n, err, history.ErrNotHistory)
		}
		if ok {
			e.line = len(events) + 1
			events = append(events, e)
		}
		return nil
	}
	for {
		var v any
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return nil, fmt.Errorf("event %d, before line %d: %w: %w", len(events)+1, counted.n, err, history.ErrNotHistory)
		}
		if l, ok := v.([]any); ok {
			for _, x := range l {
				if err := add(x); err != nil {
					return nil, err
				}
			}
			continue
		}
		if err := add(v); err != nil {
			return nil, err
		}
	}
}

// lineCounter knows how many lines were read.
type lineCounter struct {
	r *bufio.Reader
	n int
}

// Read implements io.Reader.
func (l *lineCounter) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for _, c := range p[:n] {
		if c == '\n' {
			l.n++
		}
	}
	return n, err
}

// toEvent reads one map; ok is false for what no client did.
func toEvent(v any) (event, bool, error) {
	if t, ok := v.(edn.Tag); ok {
		v = t.Value
	}
	m, ok := v.(map[any]any)
	if !ok {
		return event{}, false, fmt.Errorf("%.60v is no map", v)
	}
	e := event{index: -1}
	for k, v := range m {
		switch k {
		case edn.Keyword("process"):
			e.process = fmt.Sprint(plain(v))
		case edn.Keyword("type"):
			e.typ = fmt.Sprint(plain(v))
		case edn.Keyword("f"):
			e.f = fmt.Sprint(plain(v))
		case edn.Keyword("value"):
			e.value = plain(v)
		case edn.Keyword("key"):
			e.key, e.hasKey = plain(v), true
		case edn.Keyword("index"):
			if n, ok := v.(int64); ok {
				e.index = n
			}
		}
	}
	if e.typ == "" {
		return e, false, errors.New("it has no :type")
	}
	return e, e.process != "nemesis" && e.process != "", nil
}

// plain makes a value of nil, bool, int64, float64, string, []any and map[string]any.
func plain(v any) any {
	switch v := v.(type) {
	case edn.Keyword:
		return strings.TrimPrefix(string(v), ":")
	case edn.Symbol:
		return string(v)
	case edn.Tag:
		if l, ok := v.Value.([]any); ok && len(l) == 2 && strings.HasSuffix(v.Tagname, "Tuple") {
			return ednTuple{plain(l[0]), plain(l[1])}
		}
		return plain(v.Value)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	case map[any]bool: // a set
		out := make([]any, 0, len(v))
		for x := range v {
			out = append(out, plain(x))
		}
		return out
	case map[any]any:
		out := map[string]any{}
		for k, x := range v {
			out[fmt.Sprint(plain(k))] = plain(x)
		}
		return out
	}
	return v
}

// ImportJepsenLog reads the lines that Jepsen's console prints of operations ("INFO jepsen.util - 0 :invoke :read nil"), as in
// porcupine's tests. There a cas that is :fail was answered: the register held something else.
func ImportJepsenLog(r io.Reader, o ImportOptions) (*history.History, string, error) {
	var events []event
	sc := newLines(r)
	for sc.Scan() {
		f := strings.Fields(sc.Text())
		if len(f) < 7 || f[1] != "jepsen.util" || !strings.HasPrefix(f[4], ":") {
			continue
		}
		e := event{line: sc.n, index: -1, process: f[3], typ: f[4][1:], f: strings.TrimPrefix(f[5], ":")}
		if strings.HasPrefix(e.process, ":") {
			continue // the nemesis
		}
		var v any
		if err := edn.UnmarshalString(strings.Join(f[6:], " "), &v); err != nil {
			return nil, "", sc.fail("%v", err)
		}
		e.value = plain(v)
		if e.f == "cas" && e.typ == "fail" {
			e.typ, e.mismatch = "ok", true
		}
		events = append(events, e)
	}
	if err := sc.Err(); err != nil {
		return nil, "", sc.fail("%v", err)
	}
	return fromEvents(events, "jepsen-log", o.Model)
}
