//go:build !schism_agents

package agentbin

import (
	"embed"
	"io/fs"
)

var embedded fs.FS = embed.FS{}
