// Package index writes the page over all runs in a folder of artifacts.
package index

import (
	"embed"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/frame"
	"github.com/schismtest/schism/reports/sentences"
)

//go:embed assets
var assets embed.FS

// nights is how many runs of a cell the index looks back.
const nights = 14

// entry is one run of the index. A run without a result is not finished: it goes on, or died.
type entry struct {
	dir    string // relative to the artifacts
	run    *history.Run
	result *sentences.File
	report bool
}

// cellRuns are the runs of one scenario on one server, oldest first.
type cellRuns struct {
	scenario, server string
	runs             []entry
	going            bool // another run has not ended yet
}

// Write writes index.html over all runs found in a folder of artifacts. A run that cannot be read is said, not skipped in silence.
func Write(artifacts string) error {
	cells, broken, err := readArtifacts(artifacts)
	if err != nil {
		return err
	}
	js, err := assets.ReadFile("assets/index.js")
	if err != nil {
		return fmt.Errorf("read script: %w", err)
	}
	fr, err := frame.New(js)
	if err != nil {
		return err
	}
	p := newIndexPage(cells, broken)
	p.Frame = fr
	b, err := frame.Execute(assets, "assets/*.tmpl", "index.tmpl", p)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(artifacts, "index.html"), b)
}

// replaceFile writes a file in one step, so that two runs that end at once leave a whole page.
func replaceFile(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".index-*")
	if err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write index: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// readArtifacts reads artifacts/<scenario>/<server>/<run>, the last so many runs of each.
func readArtifacts(root string) (cells []cellRuns, broken []string, err error) {
	scenarios, err := folders(root)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range scenarios {
		servers, err := folders(filepath.Join(root, s))
		if err != nil {
			return nil, nil, err
		}
		for _, v := range servers {
			runs, err := folders(filepath.Join(root, s, v))
			if err != nil {
				return nil, nil, err
			}
			c := cellRuns{scenario: s, server: v}
			for _, r := range runs { // their names begin with the time
				dir := filepath.Join(root, s, v, r)
				if _, err := os.Stat(filepath.Join(dir, history.RunFile)); err != nil {
					continue
				}
				e, err := readEntry(dir)
				if err != nil {
					broken = append(broken, path.Join(s, v, r)+": "+err.Error())
					continue
				}
				if e.result == nil && goesOn(dir) {
					c.going = true
					continue
				}
				e.dir = path.Join(s, v, r)
				c.runs = append(c.runs, *e)
			}
			if len(c.runs) > nights {
				c.runs = c.runs[len(c.runs)-nights:]
			}
			if len(c.runs) > 0 || c.going {
				cells = append(cells, c)
			}
		}
	}
	return cells, broken, nil
}

// goesOn tells whether the process of a run lives: it holds the lock in the run's folder.
func goesOn(dir string) bool {
	f, err := os.Open(filepath.Join(dir, ".lock"))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// folders lists the real folders of a folder, sorted: links ("latest") and files are none.
func folders(dir string) ([]string, error) {
	es, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read artifacts: %w", err)
	}
	var out []string
	for _, e := range es {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	sort.Strings(out)
	return out, nil
}

func readEntry(dir string) (*entry, error) {
	run, err := history.LoadRun(dir)
	if err != nil {
		return nil, err
	}
	e := &entry{run: run}
	f, err := os.Open(filepath.Join(dir, "result.json"))
	if errors.Is(err, os.ErrNotExist) {
		return e, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	defer f.Close()
	if e.result, err = sentences.ReadJSON(f); err != nil {
		return nil, err
	}
	_, err = os.Stat(filepath.Join(dir, "report.html"))
	e.report = err == nil
	return e, nil
}

// href is the address of a run's page, relative to the index.
func (e *entry) href() string {
	var parts []string
	for _, p := range strings.Split(e.dir, "/") {
		parts = append(parts, url.PathEscape(p))
	}
	return "./" + strings.Join(parts, "/") + "/report.html"
}

// number is the figure that a scenario exists for: the first weakness it shows, else its lost writes, else its longest gap
// in writes. v is its lower end, where it is an interval.
func (e *entry) number() (name, text string, v float64, known bool) {
	r := e.result
	if r == nil {
		return "", "", 0, false
	}
	measure := "lost"
	name = "lost writes"
	if len(r.Shows) > 0 {
		s := r.Shows[0]
		measure, name, text = s.Promise.Measure, s.Text, s.Measured
	}
	value := result.Unmeasured("")
	for _, m := range r.Measures {
		if m.Name == measure && m.Value.Measured() {
			value, known = m.Value, true
		}
	}
	if !known && measure == "lost" && r.Writes.Known {
		value, known = result.Between(float64(r.Writes.Lost), float64(max(r.Writes.Lost, r.Writes.LostMost)), ""), true
	}
	if gap := r.Availability.LongestWrite.Len(); !known && len(r.Shows) == 0 && gap > 0 {
		measure, name, value, known = "write_gap", "longest gap in writes", result.Exactly(float64(gap)/1e9), true
	}
	if known && (text == "" || measure == "lost") {
		text = rangeText(measure, value)
	}
	if text == "" {
		text = words.Dash
	}
	return name, text, value.Lo, known
}

// rangeText writes a measure's value for a narrow place: "41", "≥ 350", "5,072 to 5,078".
func rangeText(measure string, v result.Value) string {
	lo := measureText(measure, v.Lo)
	switch hi := measureText(measure, v.Hi); {
	case math.IsInf(v.Hi, 1):
		return "≥ " + lo
	case lo == hi:
		return lo
	default:
		return lo + " to " + hi
	}
}

// measureText writes a measure's value: times are in seconds, shares in percent, all else is counted.
func measureText(measure string, v float64) string {
	switch measure {
	case "rta", "write_gap", "read_gap", "two_masters", "converge", "staleness", "lag_time", "expired_worst":
		return words.Seconds(v)
	}
	return words.Short(v)
}
