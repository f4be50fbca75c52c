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
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/schismtest/schism"

// knows says which packages of ours each package may import; the table of docs/architecture.md.
var knows = map[string][]string{
	"history":          {},
	"history/exchange": {"history"},
	"wire":             {"history"},
	"clients":          {"history", "internal/monotime"},
	"workloads":        {"history", "clients"},
	"observer":         {"history", "clients"},
	"agent":            {"wire", "history", "clients", "workloads", "observer", "internal/monotime"},
	"images":           {},
	"topology":         {"wire", "history", "images"},
	"nemesis":          {"wire", "topology", "history"},
	"checker":          {"history"},
	"sim":              {"history"},
	"scenarios":        {"topology", "workloads", "nemesis", "checker"},
	"reports":          {"history", "checker"},
}

// pkg is a parsed package, without its tests.
type pkg struct {
	dir   string
	files map[string]*ast.File
	fset  *token.FileSet
}

func packages(t *testing.T) []pkg {
	t.Helper()
	root := rootDir(t)
	byDir := map[string]*pkg{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
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
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		dir := filepath.ToSlash(filepath.Dir(rel))
		p := byDir[dir]
		if p == nil {
			p = &pkg{dir: dir, files: map[string]*ast.File{}, fset: token.NewFileSet()}
			byDir[dir] = p
		}
		f, err := parser.ParseFile(p.fset, path, nil, parser.ParseComments)
		p.files[filepath.ToSlash(rel)] = f
		return err
	})
	require.NoError(t, err)
	var out []pkg
	for _, p := range byDir {
		out = append(out, *p)
	}
	require.Greater(t, len(out), 12)
	return out
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
			for _, imp := range f.Imports {
				path := strings.Trim(imp.Path.Value, `"`)
				rel, ours := strings.CutPrefix(path, module+"/")
				if ours && listed {
					require.Contains(t, allowed, rel, "%s must not know of %s", name, rel)
				}
				if p.dir != "." && !strings.HasPrefix(p.dir, "cmd/") && !strings.HasPrefix(p.dir, "internal/") {
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
			if f.Doc != nil {
				doc += f.Doc.Text()
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
			for _, d := range f.Decls {
				missing = append(missing, undocumented(p.fset, name, d)...)
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
	"internal/redistest/redistest.go": "test helper: polls a server's start with a deadline",
}

func TestNobodySleepsToSynchronise(t *testing.T) {
	for _, p := range packages(t) {
		for name, f := range p.files {
			if sleepers[name] != "" {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && s.Sel.Name == "Sleep" {
						t.Errorf("%s:%d sleeps; poll an observed state with a deadline", name, p.fset.Position(n.Pos()).Line)
					}
				}
				return true
			})
		}
	}
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
