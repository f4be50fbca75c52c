package observer

import (
	"slices"
	"strings"
)

// A sentinel of a run watches one master. One of somebody else's setup may watch many: what it says of the others is left out before it
// is read.

// onlyMaster puts the line of the master with this name in the place of the first, "master0:name=m,..."; empty: the first stays.
func (in Info) onlyMaster(name string) {
	if _, ok := in["sentinel_masters"]; !ok || name == "" {
		return
	}
	line := ""
	for k, v := range in {
		if num, ok := strings.CutPrefix(k, "master"); ok && isDigits(num) && strings.HasPrefix(v, "name="+name+",") {
			line = v
		}
	}
	in["master0"] = line
}

// onlyMaster leaves of a reply to SENTINEL MASTERS the master with this name.
func onlyMaster(v any, cmd, name string) any {
	list, ok := v.([]any)
	if !ok || cmd != "MASTERS" || name == "" {
		return v
	}
	return slices.DeleteFunc(slices.Clone(list), func(m any) bool { return text(m, "name") != name })
}

// OfMaster tells of an event of a sentinel's whether it is about the master with this name, or about none in particular. Texts name it
// first ("+switch-master"), behind what kind of instance it is ("master m 10.0.0.1 6379"), or behind an at sign ("slave 10.0.0.2:6379
// 10.0.0.2 6379 @ m 10.0.0.1 6379").
func OfMaster(event, text, name string) bool {
	w := strings.Fields(text)
	switch at := slices.Index(w, "@"); {
	case at >= 0 && at+1 < len(w):
		return w[at+1] == name
	case len(w) >= 4 && w[0] == "master":
		return w[1] == name
	case len(w) == 5 && (event == "+switch-master" || event == "+redirect-to-master" || event == "+config-update-from"):
		return w[0] == name
	}
	return true
}
