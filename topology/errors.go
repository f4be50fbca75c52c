package topology

import (
	"errors"
	"fmt"
	"strings"
)

// ConfigError is a config line that the server, or schism, does not take: what the user wrote is wrong.
type ConfigError struct {
	Node      string // empty when it was refused before anything started
	Line      string // the line, where it is known
	Complaint string // the server's own words
}

// Error implements error.
func (e *ConfigError) Error() string {
	var b strings.Builder
	b.WriteString("config line")
	if e.Line != "" {
		fmt.Fprintf(&b, " %q", e.Line)
	}
	if e.Node != "" {
		b.WriteString(" is not taken by " + e.Node)
	}
	return b.String() + ": " + e.Complaint
}

// ImageError is an image that cannot be run as a Redis server: what the user wrote is wrong.
type ImageError struct {
	Image string
	Text  string
}

// Error implements error.
func (e *ImageError) Error() string { return fmt.Sprintf("image %s: %s", e.Image, e.Text) }

// EngineError is what the surroundings lack: an engine, a Go toolchain, a free network.
type EngineError struct {
	Text string
	Do   string // what to do about it
	Err  error
}

// Error implements error.
func (e *EngineError) Error() string {
	if e.Do == "" {
		return e.Text
	}
	return e.Text + "; " + e.Do
}

// Unwrap gives what lies beneath.
func (e *EngineError) Unwrap() error { return e.Err }

// StartError is a node that did not get ready.
type StartError struct {
	Node string
	Want string // what was waited for
	Saw  string // what was seen last
	Log  string // the end of the server's log
	Err  error
}

// Error implements error.
func (e *StartError) Error() string {
	s := fmt.Sprintf("start %s: %s", e.Node, e.Want)
	if e.Saw != "" {
		s += " (last seen: " + e.Saw + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Log != "" {
		s += "; its log ends with: " + e.Log
	}
	return s
}

// Unwrap gives what lies beneath.
func (e *StartError) Unwrap() error { return e.Err }

// fatalConfig finds the server's complaint about its config in what it wrote, nil if there is none.
func fatalConfig(node, log string) error {
	_, rest, ok := strings.Cut(log, "FATAL CONFIG FILE ERROR")
	if !ok {
		return refusedConfig(node, log)
	}
	e := &ConfigError{Node: node}
	var words []string
	for _, l := range strings.Split(rest, "\n")[1:] {
		l = strings.TrimSpace(l)
		switch {
		case l == "" || strings.HasPrefix(l, "Reading the configuration file"):
		case strings.HasPrefix(l, ">>> '") && strings.HasSuffix(l, "'"):
			e.Line = strings.TrimSuffix(strings.TrimPrefix(l, ">>> '"), "'")
		default:
			words = append(words, l)
		}
	}
	e.Complaint = strings.Join(words, " ")
	if e.Complaint == "" {
		e.Complaint = "the server does not say why"
	}
	return e
}

// refusedConfig finds what a server says of its config in its log, having read all of it.
func refusedConfig(node, log string) error {
	for l := range strings.Lines(log) {
		l = strings.TrimSpace(l)
		switch {
		case strings.Contains(l, "Unresolved Configuration"):
			e := &ConfigError{Node: node, Complaint: "the server does not know it"} // since Redis 8
			if _, line, ok := strings.Cut(log, ">>> '"); ok {
				e.Line, _, _ = strings.Cut(line, "'\n")
				e.Line = strings.TrimSuffix(strings.TrimSpace(e.Line), "'")
			}
			return e
		case strings.Contains(l, "ACL errors"), strings.Contains(l, "Error loading ACL rule"), strings.Contains(l, "Error loading ACLs"), strings.Contains(l, "Failed to configure TLS"),
			strings.Contains(l, "Failed to load certificate"), strings.Contains(l, "Failed to load private key"),
			strings.Contains(l, "Module ") && strings.Contains(l, "failed to load"), strings.Contains(l, "Configuring Redis with users defined in redis.conf"):
			_, words, ok := strings.Cut(l, " # ")
			if !ok {
				words = l
			}
			return &ConfigError{Node: node, Complaint: words}
		}
	}
	return nil
}

// notLetIn finds that a replica's master, or a sentinel's server, does not let it in.
func notLetIn(node, log string) error {
	for l := range strings.Lines(log) {
		if strings.Contains(l, "Unable to AUTH to") || strings.Contains(l, "-NOPERM") || strings.Contains(l, "-WRONGPASS") {
			_, words, ok := strings.Cut(strings.TrimSpace(l), " # ")
			if !ok {
				words = strings.TrimSpace(l)
			}
			return &ConfigError{Node: node, Line: "masteruser, masterauth", Complaint: "with them it is not let in: " + words}
		}
	}
	return nil
}

// hint puts what to do in front of an engine's own words, where it is known.
func hint(err error) error {
	if err == nil {
		return nil
	}
	var ee *EngineError
	text := err.Error()
	switch {
	case errors.As(err, &ee):
		return err
	// First: the library goes on to say that there is no other engine either.
	case strings.Contains(text, "permission denied") && strings.Contains(text, "docker.sock"):
		return &EngineError{Text: "Docker's socket may not be used by this user", Do: "join the group docker, or run as root", Err: err}
	case strings.Contains(text, "non-overlapping IPv4"), strings.Contains(text, "all predefined address pools"):
		return &EngineError{Text: "Docker has no free network left", Do: "remove unused ones with: docker network prune", Err: err}
	case strings.Contains(text, "Cannot connect to the Docker daemon"), strings.Contains(text, "rootless Docker not found"),
		strings.Contains(text, "failed to create Docker provider"):
		return &EngineError{Text: "Docker does not answer", Do: "start it, or set DOCKER_HOST to where it is", Err: err}
	}
	return err
}
