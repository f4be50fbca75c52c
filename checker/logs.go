package checker

// tellsOfCrash tells of a class of lines of a server's output whether they mean that it crashed, failed an assertion, or that a
// sanitizer found something. A kill by a fault leaves no such line.
func tellsOfCrash(class string) bool {
	return class == "crash" || class == "assertion" || class == "sanitizer"
}
