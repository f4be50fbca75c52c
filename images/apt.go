package images

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// aptMirror is the Debian mirror that this machine itself uses.
func aptMirror() (string, error) {
	files, _ := filepath.Glob("/etc/apt/sources.list.d/*") // the pattern is well-formed
	files = append([]string{"/etc/apt/sources.list"}, files...)
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		parse := mirrorOfList
		if strings.HasSuffix(path, ".sources") {
			parse = mirrorOfSources
		}
		if m := parse(string(b)); m != "" {
			return m, nil
		}
	}
	return "", errors.New("no mirror of Debian's main archive stands in this machine's apt sources; load the server's official image into the engine instead")
}

// isDebian tells Debian's main archive from others by its suites and components.
func isDebian(uri string, suites, components []string) bool {
	if !strings.HasPrefix(uri, "http") || !slices.Contains(components, "main") || strings.Contains(uri, "security") || !strings.HasSuffix(strings.TrimSuffix(uri, "/"), "/debian") {
		return false
	}
	for _, s := range suites {
		if !strings.Contains(s, "security") {
			return true
		}
	}
	return false
}

// mirrorOfList reads the one-line format: deb [options] uri suite component...
func mirrorOfList(text string) string {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != "deb" {
			continue
		}
		f = f[1:]
		if len(f) > 0 && strings.HasPrefix(f[0], "[") {
			for len(f) > 0 && !strings.HasSuffix(f[0], "]") {
				f = f[1:]
			}
			f = f[min(1, len(f)):]
		}
		if len(f) >= 3 && isDebian(f[0], f[1:2], f[2:]) {
			return f[0]
		}
	}
	return ""
}

// mirrorOfSources reads the deb822 format: stanzas of fields.
func mirrorOfSources(text string) string {
	for _, stanza := range strings.Split(text, "\n\n") {
		fields := map[string][]string{}
		name := ""
		for line := range strings.Lines(stanza) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			value := line
			if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
				k, v, ok := strings.Cut(line, ":")
				if !ok {
					continue
				}
				name, value = strings.ToLower(k), v
			}
			fields[name] = append(fields[name], strings.Fields(value)...)
		}
		if slices.Contains(fields["enabled"], "no") || !slices.Contains(fields["types"], "deb") {
			continue
		}
		for _, uri := range fields["uris"] {
			if isDebian(uri, fields["suites"], fields["components"]) {
				return uri
			}
		}
	}
	return ""
}
