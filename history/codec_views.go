package history

// flags are a peer's yes-or-no fields, by their bit in a file.
func (p *Peer) flags() []*bool {
	return []*bool{&p.LinkUp, &p.PFail, &p.Fail, &p.NoAddr, &p.Myself}
}

func (e *encoder) views(vs []View) {
	e.uint(uint64(len(vs)))
	prev := int64(0)
	for i := range vs {
		v := &vs[i]
		e.int(int64(v.Node))
		e.int(v.Call - prev)
		prev = v.Call
		e.int(v.Return - v.Call)
		e.bool(v.OK)
		e.int(v.Epoch)
		e.uint(uint64(len(v.Peers)))
		for j := range v.Peers {
			e.peer(&v.Peers[j])
		}
	}
}

func (e *encoder) peer(p *Peer) {
	e.int(int64(p.Node))
	e.string(string(p.Role))
	e.int(int64(p.Master))
	e.int(p.Epoch)
	var bits byte
	for i, b := range p.flags() {
		if *b {
			bits |= 1 << i
		}
	}
	e.byte(bits)
	e.int(int64(p.Migrating))
	e.int(int64(p.Importing))
	e.uint(uint64(len(p.Slots)))
	for _, r := range p.Slots {
		e.uint(uint64(r.From))
		e.uint(uint64(r.To))
	}
}

func (d *decoder) views() []View {
	if d.version < 4 {
		return nil
	}
	var vs []View
	prev := int64(0)
	for range d.count(6) {
		v := View{Node: int32(d.int())}
		prev += d.int()
		v.Call = prev
		v.Return = prev + d.int()
		v.OK, v.Epoch = d.bool(), d.int()
		for range d.count(8) {
			v.Peers = append(v.Peers, d.peer())
		}
		vs = append(vs, v)
	}
	return vs
}

func (d *decoder) peer() Peer {
	p := Peer{Node: int32(d.int()), Role: Role(d.string()), Master: int32(d.int()), Epoch: d.int()}
	bits := d.byte()
	for i, b := range p.flags() {
		*b = bits&(1<<i) != 0
	}
	p.Migrating, p.Importing = int32(d.int()), int32(d.int())
	for range d.count(2) {
		p.Slots = append(p.Slots, SlotRange{From: d.slot(), To: d.slot()})
	}
	return p
}

func (d *decoder) slot() uint16 {
	v := d.uint()
	if v >= Slots {
		d.fail("a slot that no key has")
	}
	return uint16(v)
}
