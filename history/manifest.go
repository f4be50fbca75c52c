package history

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ManifestFile is the name of a run's manifest, in its folder.
const ManifestFile = "manifest.json"

// sealedSchema is the first version of run.json whose runs end with a manifest.
const sealedSchema = 2

// manifest holds the digests of a run's evidence: everything but what a check writes anew.
type manifest struct {
	Schema int      `json:"schema"`
	Run    string   `json:"run"` // its ID
	Files  []sealed `json:"files"`
}

// sealed is one file; Path is relative to the run's folder, with slashes.
type sealed struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Unfinished tells whether a file of a run's folder is a lock, or what a killed writer left: by its name, or by that of earlier versions.
func Unfinished(name string) bool {
	return strings.HasPrefix(filepath.Base(name), ".") || filepath.Ext(name) == ".new"
}

// Seal writes the manifest of a run's folder, when nothing in it will change any more but what rewritten names: the files that a check
// writes anew.
func Seal(dir, runID string, rewritten ...string) error {
	m := manifest{Schema: 1, Run: runID}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || rel == ManifestFile || slices.Contains(rewritten, rel) || Unfinished(rel) {
			return err
		}
		f, err := digest(path)
		f.Path = filepath.ToSlash(rel)
		m.Files = append(m.Files, f)
		return err
	})
	if err == nil {
		err = replaceJSON(filepath.Join(dir, ManifestFile), m)
	}
	if err != nil {
		return fmt.Errorf("seal run: %w", err)
	}
	return nil
}

func digest(path string) (sealed, error) {
	f, err := os.Open(path)
	if err != nil {
		return sealed{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return sealed{Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}

// unseal compares a run's folder with its manifest. It returns what differs; found is false where there is no manifest.
func unseal(dir, runID string) (wrong []string, found bool) {
	b, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	var m manifest
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		err = d.Decode(&m)
	}
	switch {
	case err != nil:
		return []string{ManifestFile + " cannot be read: " + err.Error()}, true
	case m.Schema != 1:
		return []string{fmt.Sprintf("%s is of version %d, which this program does not know", ManifestFile, m.Schema)}, true
	case m.Run != runID:
		return []string{fmt.Sprintf("%s is of run %s, and run.json of run %s", ManifestFile, m.Run, runID)}, true
	}
	for _, need := range []string{RunFile, HistoryFile} {
		if !slices.ContainsFunc(m.Files, func(f sealed) bool { return f.Path == need }) {
			wrong = append(wrong, ManifestFile+" does not name "+need)
		}
	}
	for _, want := range m.Files {
		have, err := digest(filepath.Join(dir, filepath.FromSlash(want.Path)))
		have.Path = want.Path
		switch {
		case errors.Is(err, fs.ErrNotExist):
			wrong = append(wrong, want.Path+" is not there any more")
		case err != nil:
			wrong = append(wrong, fmt.Sprintf("%s cannot be read: %v", want.Path, err))
		case have != want:
			wrong = append(wrong, want.Path+" is not as the run left it")
		}
	}
	return wrong, true
}
