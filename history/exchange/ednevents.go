package exchange

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/schismtest/schism/history"
)

// readEDN reads the events of a Jepsen history: maps one after another, or in vectors, tagged or not.
func readEDN(r io.Reader) ([]event, error) {
	d := newEDN(r)
	var events []event
	fail := func(err error) error {
		return fmt.Errorf("event %d, line %d: %w: %w", len(events)+1, d.line, err, history.ErrNotHistory)
	}
	var open []byte // brackets around the events
	for {
		c, err := d.skip()
		if errors.Is(err, io.EOF) && len(open) == 0 {
			return events, nil
		}
		if err != nil {
			return nil, fail(inside(err))
		}
		switch {
		case c == '[':
			open = append(open, ']')
			continue
		case c == '(':
			open = append(open, ')')
			continue
		case len(open) > 0 && c == open[len(open)-1]:
			open = open[:len(open)-1]
			continue
		}
		d.unread(c)
		line := d.line
		if c == '#' { // a tag in front of a vector of events
			tag, err := d.peekTag()
			if err != nil {
				return nil, fail(err)
			}
			if tag {
				continue
			}
		}
		v, err := d.value(0)
		if err != nil {
			return nil, fail(inside(err))
		}
		if _, ok := v.(discarded); ok {
			continue
		}
		e, ok, err := toEvent(v)
		if err != nil {
			return nil, fail(err)
		}
		if ok {
			e.line = line
			events = append(events, e)
		}
	}
}

// peekTag goes past a tag such as #jepsen.history.DenseHistory if a name follows the #, which says nothing of what it marks.
func (d *ednReader) peekTag() (bool, error) {
	head, err := d.r.Peek(2)
	if err != nil {
		return false, inside(err)
	}
	if strings.IndexByte("{_#\":", head[1]) >= 0 {
		return false, nil
	}
	if _, err := d.byte(); err != nil {
		return false, err
	}
	_, err = d.atom()
	return err == nil, err
}
