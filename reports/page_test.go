package reports

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPageForLooking(t *testing.T) {
	out := os.Getenv("SCHISM_REPORT_OUT")
	if out == "" {
		t.Skip("SCHISM_REPORT_OUT names a folder for pages to look at")
	}
	h, a := splitBrain(1110)
	var b bytes.Buffer
	require.NoError(t, Run(&b, h, a, []string{"run.json", "result.json", "history.schism", "logs/n1.log", "config/n1.conf"}))
	require.NoError(t, os.WriteFile(filepath.Join(out, "report.html"), b.Bytes(), 0o644))
}
