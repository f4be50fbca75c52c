package history

import "slices"

// timeUnit is 1000 when all times are whole microseconds, else 1.
func timeUnit(ops []Op) int64 {
	for i := range ops {
		o := &ops[i]
		if o.Call%1000 != 0 || o.Intended%1000 != 0 || (o.Return != Inf && o.Return%1000 != 0) {
			return 1
		}
	}
	return 1000
}

// shape is everything of an operation that repeats within a batch.
type shape struct {
	process, client, worker, node, acked int32
	f                                    F
	outcome                              Outcome
	err                                  ErrCode
	flags                                Flag
	redirects                            uint8
	more                                 bool // Arg or List follow
	onTime                               bool // Intended equals Call
}

func (e *encoder) ops(ops []Op) {
	unit := timeUnit(ops)
	e.uint(uint64(unit))
	shapes := map[shape]uint64{}
	var order []shape
	index := make([]uint64, len(ops))
	for i := range ops {
		o := &ops[i]
		s := shape{o.Process, o.Client, o.Worker, o.Node, o.Acked, o.F, o.Outcome, o.Err, o.Flags, o.Redirects, o.Arg != None || len(o.List) > 0, o.Intended == o.Call}
		n, ok := shapes[s]
		if !ok {
			n = uint64(len(order))
			shapes[s] = n
			order = append(order, s)
		}
		index[i] = n
	}
	e.uint(uint64(len(order)))
	for _, s := range order {
		for _, v := range []int32{s.process, s.client, s.worker, s.node, s.acked} {
			e.int(int64(v))
		}
		e.buf = append(e.buf, byte(s.f), byte(s.outcome), byte(s.err), byte(s.flags), s.redirects)
		e.bool(s.more)
		e.bool(s.onTime)
	}
	// Column by column: like stands beside like, which is what the file's compression lives on.
	for _, n := range index {
		e.uint(n)
	}
	for i := range ops {
		e.uint(uint64(ops[i].Key))
	}
	last := map[uint32]int64{}
	for i := range ops {
		e.value(ops[i].In, last[ops[i].Key])
		e.value(ops[i].Out, ops[i].In)
		if v := ops[i].In; v != None && v != Nil {
			last[ops[i].Key] = v
		}
	}
	prev := int64(0)
	for i := range ops {
		c := ops[i].Call / unit
		e.int(c - prev)
		prev = c
	}
	for i := range ops {
		o := &ops[i]
		if o.Return == Inf {
			e.uint(0)
		} else {
			e.uint(uint64((o.Return-o.Call)/unit) + 1)
		}
	}
	for i := range ops {
		if o := &ops[i]; o.Intended != o.Call {
			e.int((o.Call - o.Intended) / unit)
		}
	}
	for i := range ops {
		if o := &ops[i]; o.Arg != None || len(o.List) > 0 {
			e.value(o.Arg, 0)
			e.list(o.List)
		}
	}
}

func (d *decoder) ops(n int, keys uint32) []Op {
	unit := int64(d.uint())
	if unit != 1 && unit != 1000 {
		d.fail("time unit")
	}
	shapes := make([]shape, d.count(11))
	for i := range shapes {
		s := &shapes[i]
		for _, p := range []*int32{&s.process, &s.client, &s.worker, &s.node, &s.acked} {
			*p = int32(d.int())
		}
		s.f, s.outcome, s.err, s.flags = F(d.byte()), Outcome(d.byte()), ErrCode(d.byte()), Flag(d.byte())
		if d.version >= 4 {
			s.redirects = d.byte()
		}
		s.more, s.onTime = d.bool(), d.bool()
	}
	if d.err != nil || n == 0 {
		return nil
	}
	ops := make([]Op, n)
	more := make([]bool, n)
	late := make([]bool, n)
	for i := range ops {
		x := d.uint()
		if x >= uint64(len(shapes)) {
			d.fail("unknown shape")
			return nil
		}
		s := &shapes[x]
		ops[i] = Op{Process: s.process, Client: s.client, Worker: s.worker, Node: s.node, Acked: s.acked, F: s.f, Outcome: s.outcome, Err: s.err, Flags: s.flags, Redirects: s.redirects, Arg: None}
		more[i], late[i] = s.more, !s.onTime
	}
	for i := range ops {
		k := d.uint()
		if k >= uint64(keys) && d.err == nil {
			d.fail("unknown key")
		}
		ops[i].Key = uint32(k)
	}
	if d.err != nil {
		return nil
	}
	last := make([]int64, keys)
	for i := range ops {
		o := &ops[i]
		o.In = d.value(last[o.Key])
		o.Out = d.value(o.In)
		if o.In != None && o.In != Nil {
			last[o.Key] = o.In
		}
	}
	prev := int64(0)
	for i := range ops {
		prev += d.int()
		ops[i].Call = prev * unit
		ops[i].Intended = ops[i].Call
	}
	for i := range ops {
		if r := d.uint(); r == 0 {
			ops[i].Return = Inf
		} else {
			ops[i].Return = ops[i].Call + int64(r-1)*unit
		}
	}
	for i := range ops {
		if late[i] {
			ops[i].Intended = ops[i].Call - d.int()*unit
		}
	}
	for i := range ops {
		if more[i] {
			ops[i].Arg = d.value(0)
			ops[i].List = d.list()
		}
	}
	if d.err != nil {
		return nil
	}
	return slices.Clip(ops)
}
