package conf

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// path is where the line's file is on this machine.
func (l Line) path() string {
	if len(l.Args) == 0 || filepath.IsAbs(l.Args[0]) {
		return strings.Join(l.Args, " ")
	}
	return filepath.Join(l.Dir, l.Args[0])
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR)
}

// tlsFile tells whether a directive names a file with keys or certificates.
func tlsFile(name string) bool {
	switch name {
	case "tls-cert-file", "tls-key-file", "tls-client-cert-file", "tls-client-key-file", "tls-ca-cert-file", "tls-dh-params-file":
		return true
	}
	return false
}

// tlsFile takes a file along, or leaves it to the run where this machine has it not: then all of them are the run's, since a key goes
// with its certificate.
func (s *sorter) tlsFile(l Line) {
	if l.arg(0) == "" {
		return
	}
	if s.madeTLS {
		why := "certificates are made for the run, since not all of the files are on this machine"
		if !exists(l.path()) {
			why = "the file is not on this machine; certificates are made for the run"
		}
		s.replace(l, why)
		return
	}
	s.take(l, "tls/"+l.Name+".pem")
}

// take reads a file and keeps the line with the path that it has in the container.
func (s *sorter) take(l Line, name string) (text string, ok bool) {
	text, err := readRegular(l.path(), maxBytes)
	if err != nil {
		s.mistake(l, "%s cannot be read: %s", l.Args[0], short(err))
		return "", false
	}
	path := s.c.Dir + "/" + name
	s.out.Files[path] = text
	s.rewrite(l, path)
	return text, true
}

func (s *sorter) aclFile(l Line) {
	if l.arg(0) == "" {
		return
	}
	text, ok := s.take(l, "users.acl")
	if !ok {
		return
	}
	n := 0
	for t := range strings.Lines(text) {
		n++
		f := strings.Fields(t)
		switch {
		case len(f) == 0 || strings.HasPrefix(f[0], "#"):
		case f[0] != "user" || len(f) < 2:
			s.out.Mistakes.add(Line{File: filepath.Base(l.Args[0]), Number: n}.Where(), "", "a line of an ACL file begins with user and a name")
		default:
			if why := s.user(f[1:]); why != "" {
				s.out.Mistakes.add(Line{File: filepath.Base(l.Args[0]), Number: n}.Where(), "user", "%s", why)
			}
		}
	}
}
