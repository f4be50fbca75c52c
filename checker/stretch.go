package checker

type stretchRead struct{}
type stretchScratch struct{}

func (w *registerWorker) registerStretch() []stretchRead { return nil }
