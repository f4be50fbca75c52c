//go:build schism_agents

package agentbin

import (
	"embed"
	"io/fs"
)

// The files are made by `make agents` and never committed; without the tag nothing is embedded, so that a plain build works.
//
//go:embed agents/*.zst
var files embed.FS

var embedded fs.FS = files
