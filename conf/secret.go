package conf

import (
	"slices"
	"strings"
)

// Masked stands where a secret stood.
const Masked = "***"

// secretName tells whether a directive's value is a secret: those that are known to hold one, a slip away from one of them, and any whose
// name speaks of one. A server prints the line that it does not take, whatever is wrong with its name.
func secretName(name string) bool {
	for _, n := range []string{"requirepass", "masterauth", "primaryauth", "tls-key-file-pass", "tls-client-key-file-pass"} {
		if name == n || slip(name, n) {
			return true
		}
	}
	if strings.HasPrefix(name, "tls-auth-clients") {
		return false
	}
	for _, part := range []string{"pass", "auth", "secret", "token"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// MaskLine is a line without its secrets, fit for people: passwords, the passwords and hashes of a user's rules.
func MaskLine(text string) string {
	l, why := ParseLine(text)
	if why != "" || l.Name == "" {
		// It cannot be taken apart; whatever a directive of secrets holds then goes with it.
		if f := strings.Fields(text); len(f) > 1 && (secretName(l.Name) || l.Name == "user" || l.Name == "sentinel") {
			return f[0] + " " + Masked
		}
		return text
	}
	secret := l.secrets()
	if len(secret) == 0 {
		return l.Text
	}
	out := []string{l.Name}
	for i, a := range l.Args {
		switch {
		case !slices.Contains(secret, i):
			out = append(out, Quote(a))
		case l.Name == "user":
			out = append(out, a[:1]+Masked)
		default:
			out = append(out, Masked)
		}
	}
	return strings.Join(out, " ")
}

// MaskLines is MaskLine for each.
func MaskLines(lines []string) []string {
	if lines == nil {
		return nil
	}
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = MaskLine(l)
	}
	return out
}

// secrets are the indices of the values that are secret.
func (l Line) secrets() []int {
	switch {
	case secretName(l.Name):
		var out []int
		for i, a := range l.Args {
			if a != "" {
				out = append(out, i)
			}
		}
		return out
	case l.Name == "user":
		var out []int
		for i, a := range l.Args {
			if i > 0 && len(a) > 1 && strings.ContainsRune("<>#!", rune(a[0])) {
				out = append(out, i)
			}
		}
		return out
	case l.Name == "sentinel" && strings.Contains(l.arg(0), "pass") && len(l.Args) > 1:
		return []int{len(l.Args) - 1}
	}
	return nil
}

// Secrets are the secret values that stand in lines, in every form in which they may come back: as they are, and as they stand there.
func Secrets(lines []string) []string {
	var out []string
	for _, text := range lines {
		l, why := ParseLine(text)
		if why != "" {
			continue
		}
		for _, i := range l.secrets() {
			v := l.Args[i]
			if l.Name == "user" {
				v = v[1:]
			}
			out = append(out, v, Quote(v), strings.Trim(Quote(v), `"`))
			if raw := rawLast(l); raw != "" {
				out = append(out, raw)
			}
		}
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(s string) bool { return s == "" })
}

// rawLast is the last value as it stands in the line, for the directives that end with their secret.
func rawLast(l Line) string {
	if l.Name == "user" || len(l.Args) == 0 {
		return ""
	}
	if i := strings.IndexAny(l.Text, `"'`); i >= 0 {
		return strings.Trim(strings.TrimSpace(l.Text[i:]), `"'`)
	}
	return ""
}
