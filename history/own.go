package history

// Own makes a batch the next one of a source, by its number in Run.Nodes: as worker of operations, as node of all else.
func (b *Batch) Own(source int32, seq uint64) {
	b.Source, b.Seq = source, seq
	for i := range b.Ops {
		b.Ops[i].Worker = source
	}
	for i := range b.Samples {
		b.Samples[i].Node = source
	}
	for i := range b.Events {
		b.Events[i].Node = source
	}
	for i := range b.Dumps {
		b.Dumps[i].Node = source
	}
	for i := range b.Readings {
		b.Readings[i].Node = source
	}
	for i := range b.Views {
		b.Views[i].Node = source
	}
}
