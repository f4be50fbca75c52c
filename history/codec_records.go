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
		for _, p := range s.second() {
			e.int(*p)
		}
		e.rest(&s.Rest)
		e.watch(&s.Watch)
		for _, p := range s.third() {
			e.int(*p)
		}
		for _, p := range s.fourth() {
			e.int(*p)
		}
	}
}

// second are the numbers that version 2 added.
func (s *Sample) second() []*int64 {
	return []*int64{&s.RunDelay, &s.CPUTime, &s.Steal, &s.Priority, &s.Connected, &s.MinGood}
}

// third are the numbers that version 3 added.
func (s *Sample) third() []*int64 { return []*int64{&s.OutputKills, &s.RefusedOOM, &s.MaxMemory} }

// fourth are the numbers that version 4 added.
func (s *Sample) fourth() []*int64 { return []*int64{&s.Fsyncs} }

func (e *encoder) rest(r *Rest) {
	e.bool(r.Known)
	if r.Known {
		e.bool(r.Saving)
		for _, v := range []int64{r.Changes, r.LastSave, r.Expired, r.Evicted} {
			e.int(v)
		}
	}
}

func (d *decoder) rest() Rest {
	if !d.bool() {
		return Rest{}
	}
	return Rest{Known: true, Saving: d.bool(), Changes: d.int(), LastSave: d.int(), Expired: d.int(), Evicted: d.int()}
}

func (e *encoder) watch(w *Watch) {
	e.bool(w.Known)
	if !w.Known {
		return
	}
	var bits byte
	for i, b := range []bool{w.SDown, w.ODown, w.Failover, w.Tilt} {
		if b {
			bits |= 1 << i
		}
	}
	e.byte(bits)
	e.string(w.Announced)
	for _, v := range []int64{w.Epoch, int64(w.Quorum), int64(w.Peers), int64(w.PeersUp), int64(w.ReplicasUp)} {
		e.int(v)
	}
}

func (d *decoder) watch() Watch {
	if !d.bool() {
		return Watch{}
	}
	bits := d.byte()
	w := Watch{Known: true, SDown: bits&1 != 0, ODown: bits&2 != 0, Failover: bits&4 != 0, Tilt: bits&8 != 0}
	w.Announced, w.Epoch = d.string(), d.int()
	w.Quorum, w.Peers, w.PeersUp, w.ReplicasUp = int32(d.int()), int32(d.int()), int32(d.int()), int32(d.int())
	return w
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
		d.added(2, s.second())
		if d.version >= 2 {
			s.Rest, s.Watch = d.rest(), d.watch()
		}
		d.added(3, s.third())
		d.added(4, s.fourth())
	}
	return ss
}

// added reads numbers that a version added; in older files they are unknown, -1.
func (d *decoder) added(version byte, numbers []*int64) {
	for _, p := range numbers {
		if *p = -1; d.version >= version {
			*p = d.int()
		}
	}
}

func (e *encoder) events(evs []Event) {
	e.uint(uint64(len(evs)))
	for _, v := range evs {
		e.int(int64(v.Node))
		e.int(v.T)
		e.int(v.Dur)
		e.string(string(v.Kind))
		e.string(v.Name)
		e.string(v.Text)
	}
}

func (d *decoder) events() []Event {
	n := d.count(5)
	var evs []Event
	for range n {
		v := Event{Node: int32(d.int()), T: d.int()}
		if d.version >= 2 {
			v.Dur = d.int()
		}
		v.Kind, v.Name, v.Text = EventKind(d.string()), d.string(), d.string()
		evs = append(evs, v)
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
		e.string(f.Awaited)
		e.int(f.Waited)
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
		if d.version >= 3 {
			f.Awaited, f.Waited = d.string(), d.int()
		}
		fs = append(fs, f)
	}
	return fs
}

func (e *encoder) dumps(ds []Dump) {
	e.uint(uint64(len(ds)))
	var call, ret int64
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
		e.int(int64(v.Read))
		e.int(v.ReadCall - call)
		e.int(v.ReadReturn - ret)
		call, ret = v.ReadCall, v.ReadReturn
	}
}

func (d *decoder) dumps() []Dump {
	n := d.count(15)
	var call, ret int64
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
		if d.version >= 2 {
			v.Read = int32(d.int())
			call += d.int()
			ret += d.int()
			v.ReadCall, v.ReadReturn = call, ret
		}
		ds = append(ds, v)
	}
	return ds
}

func (e *encoder) readings(rs []Reading) {
	e.uint(uint64(len(rs)))
	for _, r := range rs {
		for _, v := range []int64{int64(r.Node), int64(r.Read), r.Call, r.Return, r.WallCall, r.WallReturn, r.Keys} {
			e.int(v)
		}
	}
}

func (d *decoder) readings() []Reading {
	if d.version < 2 {
		return nil
	}
	n := d.count(7)
	var rs []Reading
	for range n {
		r := Reading{Node: int32(d.int()), Read: int32(d.int())}
		for _, p := range []*int64{&r.Call, &r.Return, &r.WallCall, &r.WallReturn, &r.Keys} {
			*p = d.int()
		}
		rs = append(rs, r)
	}
	return rs
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
