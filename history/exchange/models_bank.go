package exchange

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/schismtest/schism/history"
)

// number gives every account that the history names its number: the numbers 0, 1, 2... themselves, any other by their order.
func (im *importer) number(calls []call) {
	var all []any
	see := func(v any) {
		if _, x, ok := im.unkey(v); ok {
			v = x
		}
		m, _ := fields(v)
		from, isTransfer := m.get("from")
		if to, ok := m.get("to"); ok && isTransfer {
			all = append(all, account(from), account(to))
			return
		}
		for _, e := range m {
			all = append(all, account(e.key))
		}
	}
	for _, c := range calls {
		switch c.inv.f {
		case "transfer":
			see(c.inv.value)
		case "read":
			if c.done != nil && c.done.typ == "ok" {
				see(c.done.value)
			}
		}
	}
	slices.SortFunc(all, byValue)
	all = slices.CompactFunc(all, equal)
	im.accounts = map[string]int{}
	dense := true
	for _, a := range all {
		n, ok := a.(int64)
		dense = dense && ok && n >= 0 && n < 1<<16
	}
	for i, a := range all {
		if n, ok := a.(int64); ok && dense {
			i = int(n)
		}
		im.accounts[text(a)] = i
	}
}

// account is an account's name; where a format knows only text for a map's keys, a number may be text elsewhere too.
func account(v any) any {
	if s, ok := v.(string); ok {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
	}
	return v
}

func (im *importer) bank(o *history.Op, f string, in, out any) error {
	switch f {
	case "transfer":
		m, ok := fields(in)
		if !ok {
			return fmt.Errorf("the value of a transfer is a map, not %s", text(in))
		}
		o.F, o.List = history.FTransfer, make([]int64, 2)
		for i, side := range []string{"from", "to"} {
			a, _ := m.get(side)
			if a == nil {
				return fmt.Errorf("the transfer says no :%s", side)
			}
			o.List[i] = int64(im.accounts[text(account(a))])
		}
		amount, _ := m.get("amount")
		n, err := whole(amount)
		if err != nil {
			return fmt.Errorf("the amount %w", err)
		}
		o.Arg = n
		if o.Outcome == history.OK {
			o.Out = 1
		}
		return nil
	case "read":
		o.F = history.FReadBank
		if o.Outcome != history.OK {
			return nil
		}
		return im.balances(o, out)
	}
	return errNotKnown
}

// balances reads {account balance} or [balance of 0, balance of 1...]. An account that is not named holds nothing.
func (im *importer) balances(o *history.Op, v any) error {
	if l, ok := elements(v); ok {
		for _, x := range l {
			n, err := whole(x)
			if err != nil {
				return fmt.Errorf("the balance %w", err)
			}
			o.List = append(o.List, n)
		}
		return nil
	}
	m, ok := fields(v)
	if !ok {
		return fmt.Errorf("the value of a bank's read is a map, not %s", text(v))
	}
	for _, e := range m {
		n, err := whole(e.value)
		if err != nil {
			return fmt.Errorf("the balance %w", err)
		}
		i := im.accounts[text(account(e.key))]
		for len(o.List) <= i {
			o.List = append(o.List, 0)
		}
		o.List[i] = n
	}
	return nil
}
