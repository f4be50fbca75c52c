package history

import "encoding/binary"

func (e *encoder) samples(ss []Sample) {
	e.uint(uint64(len(ss)))
	prev := int64(0)
	for i := range ss {
		s := &ss[i]
		e.int(int64(s.Node))
		e.int(s.Call - prev)
		prev = s.Call
		e.int(s.Return - s.Call)
		var bits byte
		for j, b := range []bool{s.Answered, s.Up, s.Frozen, s.Loading, s.LinkUp, s.SyncRunning} {
			if b {
				bits |= 1 << j
			}
		}
		e.byte(bits)
		for _, v := range []string{string(s.Role), s.RunID, s.ReplID, s.ReplID2, s.MasterAddr} {
			e.string(v)
		}
		for _, v := range []int64{s.NoAnswerSince, s.Offset, s.SecondOffset, s.LastIO, int64(s.Replicas), s.SyncFull, s.SyncPartialOK, s.SyncPartErr, s.Memory} {
			e.int(v)
		}
	}
}

func (d *decoder) samples() []Sample {
	n := d.count(18)
	if n == 0 {
		return nil
	}
	ss := make([]Sample, n)
	prev := int64(0)
	for i := range ss {
		s := &ss[i]
		s.Node = int32(d.int())
		prev += d.int()
		s.Call = prev
		s.Return = s.Call + d.int()
		bits := d.byte()
		for j, p := range []*bool{&s.Answered, &s.Up, &s.Frozen, &s.Loading, &s.LinkUp, &s.SyncRunning} {
			*p = bits&(1<<j) != 0
		}
		s.Role = Role(d.string())
		for _, p := range []*string{&s.RunID, &s.ReplID, &s.ReplID2, &s.MasterAddr} {
			*p = d.string()
		}
		var replicas int64
		for _, p := range []*int64{&s.NoAnswerSince, &s.Offset, &s.SecondOffset, &s.LastIO, &replicas, &s.SyncFull, &s.SyncPartialOK, &s.SyncPartErr, &s.Memory} {
			*p = d.int()
		}
		s.Replicas = int32(replicas)
	}
	return ss
}

func (e *encoder) events(evs []Event) {
	e.uint(uint64(len(evs)))
	for _, v := range evs {
		e.int(int64(v.Node))
		e.int(v.T)
		e.string(string(v.Kind))
		e.string(v.Name)
		e.string(v.Text)
	}
}

func (d *decoder) events() []Event {
	n := d.count(5)
	var evs []Event
	for range n {
		evs = append(evs, Event{Node: int32(d.int()), T: d.int(), Kind: EventKind(d.string()), Name: d.string(), Text: d.string()})
	}
	return evs
}

func (e *encoder) faults(fs []Fault) {
	e.uint(uint64(len(fs)))
	for _, f := range fs {
		e.int(int64(f.ID))
		for _, s := range []string{f.Kind, f.Text, f.When, f.Proof, f.HealProof, f.Err, f.Unavailable} {
			e.string(s)
		}
		e.uint(uint64(len(f.Targets)))
		for _, t := range f.Targets {
			e.int(int64(t))
		}
		e.uint(uint64(len(f.Links)))
		for _, l := range f.Links {
			e.int(int64(l[0]))
			e.int(int64(l[1]))
		}
		e.bool(f.Permanent)
		for _, t := range []int64{f.Scheduled, f.Injected, f.Effect, f.HealCalled, f.Healed} {
			e.int(t)
		}
	}
}

func (d *decoder) faults() []Fault {
	n := d.count(16)
	var fs []Fault
	for range n {
		f := Fault{ID: int(d.int())}
		for _, p := range []*string{&f.Kind, &f.Text, &f.When, &f.Proof, &f.HealProof, &f.Err, &f.Unavailable} {
			*p = d.string()
		}
		for range d.count(1) {
			f.Targets = append(f.Targets, int32(d.int()))
		}
		for range d.count(2) {
			f.Links = append(f.Links, [2]int32{int32(d.int()), int32(d.int())})
		}
		f.Permanent = d.bool()
		for _, p := range []*int64{&f.Scheduled, &f.Injected, &f.Effect, &f.HealCalled, &f.Healed} {
			*p = d.int()
		}
		fs = append(fs, f)
	}
	return fs
}

func (e *encoder) dumps(ds []Dump) {
	e.uint(uint64(len(ds)))
	for _, v := range ds {
		e.int(int64(v.Node))
		e.string(v.Key)
		e.string(v.Type)
		e.buf = binary.LittleEndian.AppendUint64(e.buf, v.Digest)
		e.int(v.ExpireAt)
		e.int(int64(v.Part))
		e.bool(v.Last)
		e.bool(v.Elems != nil)
		e.list(v.Elems)
	}
}

func (d *decoder) dumps() []Dump {
	n := d.count(15)
	var ds []Dump
	for range n {
		v := Dump{Node: int32(d.int()), Key: d.string(), Type: d.string()}
		if len(d.buf) < 8 {
			d.fail("ends early")
			return nil
		}
		v.Digest = binary.LittleEndian.Uint64(d.buf)
		d.buf = d.buf[8:]
		v.ExpireAt, v.Part, v.Last = d.int(), int32(d.int()), d.bool()
		ints := d.bool()
		v.Elems = d.list()
		if ints && v.Elems == nil {
			v.Elems = []int64{}
		}
		ds = append(ds, v)
	}
	return ds
}

func (e *encoder) watermark(w *Watermark) {
	if w == nil {
		e.byte(0)
		return
	}
	e.byte(1)
	e.int(w.T)
	e.bool(w.Final)
	e.uint(uint64(len(w.InFlight)))
	for _, f := range w.InFlight {
		for _, v := range []int64{int64(f.Process), int64(f.Client), int64(f.Node), int64(f.Key), f.Intended, f.Call} {
			e.int(v)
		}
		e.byte(byte(f.F))
		e.byte(byte(f.Flags))
		e.value(f.In, 0)
		e.value(f.Arg, 0)
		e.list(f.List)
	}
}

func (d *decoder) watermark(keys uint32) *Watermark {
	if d.byte() == 0 {
		return nil
	}
	w := &Watermark{T: d.int(), Final: d.bool()}
	for range d.count(11) {
		var process, client, node, key int64
		var f InFlight
		for _, p := range []*int64{&process, &client, &node, &key, &f.Intended, &f.Call} {
			*p = d.int()
		}
		f.Process, f.Client, f.Node, f.Key = int32(process), int32(client), int32(node), uint32(key)
		if f.Key >= keys && d.err == nil {
			d.fail("unknown key")
		}
		f.F, f.Flags = F(d.byte()), Flag(d.byte())
		f.In, f.Arg, f.List = d.value(0), d.value(0), d.list()
		w.InFlight = append(w.InFlight, f)
	}
	return w
}
