// Package arch holds the project's conventions as tests.
package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const module = "github.com/schismtest/schism"

// knows says which packages of ours each package may import; the table of docs/architecture.md.
var knows = map[string][]string{
	"history":          {},
	"history/exchange": {"history"},
	"conf":             {},
	"wire":             {"history", "internal/guard", "internal/access"},
	"clients":          {"history", "internal/monotime", "internal/access"},
	"workloads":        {"history", "clients", "internal/access"},
	"observer":         {"history", "clients", "internal/access", "internal/monotime", "internal/clusterview"},
	"attach":           {"history", "observer", "internal/access", "internal/clusterview"},
	"agent":            {"wire", "history", "clients", "workloads", "observer", "internal/monotime", "internal/access", "conf"},
	"images":           {"internal/dockerenv", "internal/flock"},
	"agentbin":         {"internal/version", "internal/flock"},
	"topology":         {"wire", "history", "images", "agentbin", "internal/guard", "internal/dockerenv", "internal/access", "internal/clusterview", "conf"},
	"nemesis":          {"wire", "topology", "history", "internal/guard", "internal/clusterview"},
	"checker":          {"history", "checker/result", "checker/exact", "internal/guard", "internal/words"},
	"checker/exact":    {},
	"checker/result":   {"history", "internal/words"},
	"sim":              {"history"},
	"scenarios":        {"topology", "workloads", "nemesis", "checker/result", "internal/words"},
	"gotest":           {".", "scenarios", "reports", "checker/result", "internal/words"},
	"reports":          {"history", "checker/result", "internal/words", "reports/sentences", "reports/page", "reports/index", "reports/nights"},

	"reports/sentences":        {"history", "checker/result", "internal/words"},
	"reports/frame":            {"internal/words"},
	"reports/charts":           {"history", "checker/result", "internal/words", "reports/sentences", "reports/frame"},
	"reports/page":             {"history", "checker/result", "internal/words", "reports/sentences", "reports/frame", "reports/charts"},
	"reports/nights":           {"history", "checker/result", "internal/words", "reports/sentences", "internal/flock"},
	"reports/index":            {"history", "checker/result", "internal/words", "reports/sentences", "reports/frame", "reports/charts", "reports/nights"},
	"reports/internal/fixture": {"history", "checker/result", "internal/words"},
}

// pkg is a parsed package, without its tests.
type pkg struct {
	dir   string
	files map[string]source
}

// source is a parsed file.
type source struct {
	file *ast.File
	fset *token.FileSet
}

// sources are all files, tests too, by their paths.
func sources(t *testing.T) map[string]source {
	t.Helper()
	out := map[string]source{}
	walk(t, func(rel, path string) {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		require.NoError(t, err)
		out[rel] = source{f, fset}
	})
	return out
}

// packages are all packages without their tests.
func packages(t *testing.T) []pkg {
	t.Helper()
	byDir := map[string]*pkg{}
	for name, s := range sources(t) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		dir := path.Dir(name)
		if byDir[dir] == nil {
			byDir[dir] = &pkg{dir: dir, files: map[string]source{}}
		}
		byDir[dir].files[name] = s
	}
	var out []pkg
	for _, p := range byDir {
		out = append(out, *p)
	}
	require.Greater(t, len(out), 12)
	return out
}

// walk calls f with every Go file of ours, by its path in the repository and on the disk.
func walk(t *testing.T, f func(rel, path string)) {
	t.Helper()
	root := rootDir(t)
	require.NoError(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if e.IsDir() && (strings.HasPrefix(e.Name(), ".") && rel != "." || e.Name() == "artifacts" || e.Name() == "testdata" || rel == "examples") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			f(filepath.ToSlash(rel), path)
		}
		return nil
	}))
}

func rootDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}

func TestImportsFlowOneWay(t *testing.T) {
	for _, p := range packages(t) {
		allowed, listed := knows[p.dir]
		for name, f := range p.files {
			for _, imp := range f.file.Imports {
				path := strings.Trim(imp.Path.Value, `"`)
				rel, ours := strings.CutPrefix(path, module+"/")
				if ours && listed {
					require.Contains(t, allowed, rel, "%s must not know of %s", name, rel)
				}
				if p.dir != "." && !slices.Contains(allowed, ".") && !strings.HasPrefix(p.dir, "cmd/") && !strings.HasPrefix(p.dir, "internal/") {
					require.NotEqual(t, module, path, "%s must not know of the root package", name)
				}
			}
		}
		if !listed {
			require.True(t, p.dir == "." || strings.HasPrefix(p.dir, "cmd/") || strings.HasPrefix(p.dir, "internal/"), "package %s is not in the table", p.dir)
		}
	}
}

func TestEveryPackageSaysWhyItExists(t *testing.T) {
	for _, p := range packages(t) {
		doc := ""
		for _, f := range p.files {
			if f.file.Doc != nil {
				doc += f.file.Doc.Text()
			}
		}
		require.Contains(t, doc, ".", "package %s has no doc comment", p.dir)
	}
}

func TestEveryExportedNameHasASentence(t *testing.T) {
	var missing []string
	for _, p := range packages(t) {
		if strings.HasPrefix(p.dir, "internal/") || strings.HasPrefix(p.dir, "cmd/") {
			continue
		}
		for name, f := range p.files {
			for _, d := range f.file.Decls {
				missing = append(missing, undocumented(f.fset, name, d)...)
			}
		}
	}
	slices.Sort(missing)
	require.Empty(t, missing)
}

func undocumented(fset *token.FileSet, file string, d ast.Decl) []string {
	at := func(n ast.Node, id string) string {
		return fmt.Sprintf("%s:%d %s", file, fset.Position(n.Pos()).Line, id)
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || exportedReceiver(d.Recv)) {
			return []string{at(d, d.Name.Name)}
		}
	case *ast.GenDecl:
		var out []string
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
					out = append(out, at(s, s.Name.Name))
				}
			case *ast.ValueSpec: // a group's comment serves for all of it
				if s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
					out = append(out, at(s, s.Names[0].Name))
				}
			}
		}
		return out
	}
	return nil
}

func exportedReceiver(recv *ast.FieldList) bool {
	typ := recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

func TestFilesStayShort(t *testing.T) {
	root := rootDir(t)
	for _, p := range packages(t) {
		for name := range p.files {
			b, err := os.ReadFile(filepath.Join(root, name))
			require.NoError(t, err)
			require.LessOrEqual(t, strings.Count(string(b), "\n"), 450, "%s: is it still one job?", name)
		}
	}
}

// The agent is copied into every container of a run: it links what records, and nothing of import and export.
func TestTheAgentLinksNoImportOrExport(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "./cmd/schism-agent")
	cmd.Dir = rootDir(t)
	cmd.Env = append(os.Environ(), "GOOS=linux")
	out, err := cmd.Output()
	require.NoError(t, err)
	deps := strings.Fields(string(out))
	require.Contains(t, deps, module+"/agent")
	for _, d := range deps {
		for _, not := range []string{module + "/history/exchange", module + "/checker", module + "/reports", "github.com/parquet-go", "google.golang.org/protobuf"} {
			require.False(t, strings.HasPrefix(d, not), "the agent links %s", d)
		}
	}
}

// sleepers may sleep, each for its reason.
var sleepers = map[string]string{
	"internal/redistest/redistest.go": "polls with a deadline",
	"child_test.go":                   "polls with a deadline",
	"engine_test.go":                  "the slowness of an engine and the standing still of a harness are what it makes",
	"agent/docker_test.go":            "polls with a deadline",
	"agent/net_test.go":               "polls with a deadline",
	"observer/stalls_test.go":         "in a bubble, whose time passes when everybody waits",
	"agent/unit_test.go":              "in a bubble, whose time passes when everybody waits",
	"wire/conn_test.go":               "in a bubble, whose time passes when everybody waits",
	"nemesis/fake_test.go":            "in a bubble, whose time passes when everybody waits",
	"nemesis/migration_test.go":       "in a bubble, whose time passes when everybody waits",
	"workloads/runner_test.go":        "in a bubble; and so that calls and batches interleave, in whatever way",
}

// hurried may compare what passed with a limit, each for its reason.
var hurried = map[string]string{
	"nemesis/run_test.go":    "in a bubble, whose time passes when everybody waits",
	"engine_test.go":         "what a run may take to end is the promise itself, and minutes",
	"attach_bad_test.go":     "ten seconds for what takes half a second: nobody waits for a mistake to be told",
	"clients/server_test.go": "ten seconds for what takes half a second: it tells one try from many",
}

// patience is the shortest time that a test may give to what must come.
const patience = 5 * time.Second

// No test depends on a machine being quick: it waits for what it wants to see, with a generous deadline, or in a synctest bubble.
func TestNobodySleepsToSynchronise(t *testing.T) {
	for name, f := range sources(t) {
		ast.Inspect(f.file, func(n ast.Node) bool {
			at := func(n ast.Node) string { return fmt.Sprintf("%s:%d", name, f.fset.Position(n.Pos()).Line) }
			if uses(n, "time", "Sleep") && sleepers[name] == "" {
				t.Errorf("%s sleeps; poll an observed state with a deadline, or use testing/synctest", at(n))
			}
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch {
			case hurried[name] == "" && (uses(call.Fun, "require", "Less") || uses(call.Fun, "require", "LessOrEqual") || uses(call.Fun, "require", "InDelta")) &&
				slices.ContainsFunc(call.Args, asksHowLong):
				t.Errorf("%s compares what passed with a limit; look at what happened instead, or use testing/synctest", at(n))
			case (uses(call.Fun, "require", "Eventually") || uses(call.Fun, "redistest", "Poll")) && tooSoon(deadline(call)):
				t.Errorf("%s gives up after less than %s; a busy machine needs longer", at(n), patience)
			case uses(call.Fun, "time", "After") && strings.HasSuffix(name, "_test.go") && tooSoon(call.Args[0]):
				t.Errorf("%s gives up after less than %s; a busy machine needs longer", at(n), patience)
			}
			return true
		})
	}
}

// deadline is the argument of Eventually(t, condition, deadline, ...) or Poll(t, deadline, ...).
func deadline(call *ast.CallExpr) ast.Expr {
	if uses(call.Fun, "redistest", "Poll") {
		return call.Args[1]
	}
	return call.Args[2]
}

// asksHowLong tells whether time.Since stands somewhere in it.
func asksHowLong(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		found = found || uses(n, "time", "Since")
		return true
	})
	return found
}

// tooSoon tells whether it is a time below patience written out, such as 3*time.Second.
func tooSoon(e ast.Expr) bool {
	times, unit := 1, e
	if b, ok := e.(*ast.BinaryExpr); ok && b.Op == token.MUL {
		lit, ok := b.X.(*ast.BasicLit)
		if !ok {
			return false
		}
		var err error
		if times, err = strconv.Atoi(lit.Value); err != nil {
			return false
		}
		unit = b.Y
	}
	for name, d := range map[string]time.Duration{"Millisecond": time.Millisecond, "Second": time.Second} {
		if uses(unit, "time", name) {
			return time.Duration(times)*d < patience
		}
	}
	return false
}

func TestHasteIsFound(t *testing.T) {
	for text, want := range map[string]bool{"time.Second": true, "4 * time.Second": true, "900 * time.Millisecond": true,
		"5 * time.Second": false, "time.Minute": false, "patience": false, "n * time.Second": false} {
		e, err := parser.ParseExpr(text)
		require.NoError(t, err)
		require.Equal(t, want, tooSoon(e), text)
	}
	e, err := parser.ParseExpr("float64(time.Since(began)) + 1")
	require.NoError(t, err)
	require.True(t, asksHowLong(e))
}

// elsewhere are packages whose goroutines run in an agent or a tool: a panic there is not the exit code of schism.
var elsewhere = []string{"agent", "clients", "observer", "workloads", "sim", "cmd/schism-agent", "internal/"}

// owners may start goroutines by themselves, each for its reason.
var owners = map[string]string{
	"wire/conn.go":      "its loops end the connection when they panic",
	"wire/serve.go":     "the agent's end",
	"wire/output.go":    "the agent's end",
	"run.go":            "stops the containers beside the judge, under carry",
	"cmd/schism/app.go": "calls the command under schism.Guard; an interrupted one that holds nothing ends with the process",
}

// A panic in a goroutine that nobody guards ends schism with exit code 2, which means unknown.
func TestGoroutinesCarryTheirPanicsToAnOwner(t *testing.T) {
	for _, p := range packages(t) {
		if slices.ContainsFunc(elsewhere, func(e string) bool { return p.dir == e || strings.HasSuffix(e, "/") && strings.HasPrefix(p.dir, e) }) {
			continue
		}
		for name, f := range p.files {
			if owners[name] != "" {
				continue
			}
			ast.Inspect(f.file, func(n ast.Node) bool {
				_, bare := n.(*ast.GoStmt)
				if bare || uses(n, "sync", "WaitGroup") || uses(n, "errgroup", "Group") || uses(n, "errgroup", "WithContext") {
					t.Errorf("%s:%d starts a goroutine; use internal/guard's groups", name, f.fset.Position(n.Pos()).Line)
				}
				return true
			})
		}
	}
}

// uses tells whether the node is pkg.name.
func uses(n ast.Node, pkg, name string) bool {
	s, ok := n.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == pkg && s.Sel.Name == name
}

// Nothing of one machine, and no registry's host, stands in what is tracked.
func TestNothingOfOneMachineIsTracked(t *testing.T) {
	root := rootDir(t)
	out, err := exec.Command("git", "-C", root, "ls-files").Output()
	if err != nil {
		t.Skip("no git here")
	}
	hosts := []string{"deb." + "debian.org", "proxy." + "golang.org", "registry." + "npmjs.org", "repo1." + "maven", "py" + "pi.org", "/root" + "/", "/work" + "/main"}
	for _, name := range strings.Fields(string(out)) {
		if name == "go.sum" || strings.HasSuffix(name, "/go.sum") || strings.HasSuffix(name, ".png") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		for _, h := range hosts {
			require.NotContains(t, string(b), h, "in %s", name)
		}
	}
}
