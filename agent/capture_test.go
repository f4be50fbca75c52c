//go:build linux

package agent_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var captureInfo = flag.String("capture-info", "", "write INFO of a master, a replica and a sentinel of $SCHISM_TEST_IMAGE to ../observer/testdata under this name")

// TestCaptureInfo renews the texts that the observer's parser is tested with: go test -run CaptureInfo -capture-info redis-7.0 .
func TestCaptureInfo(t *testing.T) {
	if *captureInfo == "" {
		t.Skip("only with -capture-info")
	}
	r := newRig(t)
	master, replica, sentinel := r.start(), r.start(), r.start()
	master.serve("save \"\"")
	replica.serve("save \"\"\nreplicaof " + master.addr + " 6379")
	sentinel.watchOver(master)
	master.until("the replica", func() bool { return strings.Contains(master.redis("INFO", "replication"), "state=online") })
	replica.until("the link", func() bool { return strings.Contains(replica.redis("INFO", "replication"), "master_link_status:up") })
	master.until("replication", func() bool { return replicates(master, replica, "v") })
	for role, n := range map[string]*node{"master": master, "replica": replica, "sentinel": sentinel} {
		var text string
		require.NoError(t, json.Unmarshal([]byte(n.redis("INFO")), &text))
		text = regexp.MustCompile(`(?m)^os:.*\r\n`).ReplaceAllString(text, "")
		path := filepath.Join("..", "observer", "testdata", "info-"+*captureInfo+"-"+role+".txt")
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "\r", "")), 0o644))
	}
}
