package weir

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const module = "github.com/weirhq/weir/"

// layers are the packages from the bottom up. A package may import what stands
// below it, and nothing beside or above; so systems do not know each other.
var layers = [][]string{
	{"internal/wire", "internal/web", "internal/conf", "internal/invariant", "internal/linediff"},
	{"internal/cluster", "internal/broker", "serde"},
	{"client", "internal/table", "internal/lease", "internal/actions"},
	{"internal/registry/schema"}, // of the registry and its commands alone, like the next rows
	{"internal/registry/avroschema", "internal/registry/jsonschema", "internal/registry/protoschema", "internal/registry/verify"},
	{"internal/registry/state"},
	{"internal/registry/remote"},
	{"internal/registry/desired"},
	{"internal/registry", "internal/audit", "internal/mirror", "internal/fleet", "internal/records", "internal/console", "internal/demo"},
	{"internal/app"},
	{"cmd/weir"},
}

// testing packages are imported by tests alone, and may import anything.
var testing_ = []string{"internal/broker/brokertest", "internal/kafkatest", "internal/browsertest", "internal/registry/registrytest", "e2e", "bench/cluster", "bench/console", "bench/registry"}

// only says which packages may import what, beyond the layers; "*/http.go" is a
// pattern of file names.
var only = map[string][]string{
	"net/http":                               {"internal/web", "internal/registry", "internal/registry/remote", "internal/console", "internal/records", "*/http*.go"},
	"github.com/danielgtaylor/huma/v2":       {"internal/web", "*/http*.go", "*/api.go"},
	"github.com/twmb/franz-go/pkg/kfake":     {"internal/broker"},
	"github.com/weirhq/weir/internal/broker": {"internal/app"},
	"github.com/twmb/franz-go/pkg/kadm":      {"internal/cluster"},
	"github.com/alecthomas/kong":             {"cmd/weir"},
	"github.com/chromedp/chromedp":           {},
	"github.com/linkedin/goavro/v2":          {},
	"github.com/weirhq/weir/internal/app":    {"cmd/weir"},
	"github.com/weirhq/weir/internal/cluster": {
		"internal/table", "internal/lease", "internal/actions", "internal/registry", "internal/audit", "internal/mirror", "internal/fleet", "internal/records",
		"internal/demo", "internal/app", "cmd/weir",
	},
	"github.com/prometheus/client_golang":   {"*/metrics.go", "internal/app"},
	"go.yaml.in/yaml/v3":                    {"internal/conf", "internal/registry/desired"},
	"github.com/twmb/franz-go/plugin/kslog": {"internal/cluster"},
	"github.com/twmb/avro":                  {"serde", "internal/demo"},
	"cel.dev/cel-go":                        {"internal/records"},
	"github.com/bufbuild/protocompile":      {"serde", "internal/registry/protoschema"},
	"google.golang.org/protobuf":            {"serde", "internal/registry/protoschema"},
	"github.com/santhosh-tekuri/jsonschema": {"serde", "internal/registry/jsonschema"},
	"github.com/cespare/xxhash/v2":          {"internal/wire"},
	"github.com/twmb/franz-go/pkg/sr":       {"serde"},
	"golang.org/x/time/rate":                {"internal/demo"},
	"golang.org/x/sync/singleflight":        {"serde"},
}

// pure files decide; they read no clock, no network and no log.
var pure = []string{
	"internal/audit/judge.go", "internal/audit/ledger.go", "internal/audit/evaluate.go", "internal/mirror/inflight.go",
	"internal/cluster/snapshot.go", "internal/table/fold.go",
	"internal/registry/view.go", "internal/registry/rivals.go", "internal/registry/desired/plan.go", "client/count.go", "internal/fleet/plan.go", "internal/fleet/plan_config.go", "internal/fleet/plan_group.go",
	"internal/fleet/list.go", "internal/fleet/command.go", "internal/fleet/view.go", "internal/fleet/health.go", "internal/actions/record.go", "internal/lease/committed.go",
	"internal/records/plan.go", "internal/records/cursor.go", "internal/records/merge.go", "internal/records/filter.go",
	"internal/records/own.go", "internal/records/quick.go", "internal/records/operand.go", "internal/records/fields.go", "internal/records/candidate.go", "internal/actions/cut.go", "internal/console/state.go",
	"internal/demo/parse.go", "internal/demo/generate.go", "serde/framing.go", "serde/subject.go",
}

// pureDirs are packages whose every file is pure.
var pureDirs = []string{
	"internal/registry/schema", "internal/registry/avroschema", "internal/registry/jsonschema", "internal/registry/protoschema", "internal/registry/state",
	"internal/registry/verify", "internal/linediff",
}

// calls says which functions may be called in which packages only.
var calls = map[string][]string{
	"os.Exit":       {"cmd/weir"},
	"os.Getenv":     {"cmd/weir"},
	"kgo.NewClient": {"internal/cluster", "client"},
	"net.Listen":    {"internal/web", "internal/broker"},
}

// source is one Go file that is no test.
type source struct {
	path, dir string
	file      *ast.File
	imports   []string
}

func sources(t *testing.T) (all []source) {
	t.Helper()
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil && p != "." {
			return filepath.SkipDir // a module of its own
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && p != ".") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(fset, p, nil, 0)
		if err != nil {
			return err
		}
		s := source{path: filepath.ToSlash(p), dir: filepath.ToSlash(filepath.Dir(p)), file: file}
		for _, i := range file.Imports {
			name, _ := strconv.Unquote(i.Path.Value)
			s.imports = append(s.imports, name)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (s source) in(dirs []string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool {
		if file, ok := strings.CutPrefix(d, "*/"); ok {
			matches, err := path.Match(file, path.Base(s.path))
			return err == nil && matches
		}
		return s.dir == d
	})
}

func layer(dir string) int {
	return slices.IndexFunc(layers, func(l []string) bool { return slices.Contains(l, dir) })
}

func TestImports(t *testing.T) {
	for _, s := range sources(t) {
		if s.in(testing_) || s.dir == "." {
			continue
		}
		at := layer(s.dir)
		if at < 0 {
			t.Errorf("%s: the package has no place in layers", s.path)
		}
		for _, i := range s.imports {
			if ours, ok := strings.CutPrefix(i, module); ok && layer(ours) >= at {
				t.Errorf("%s imports %s, which does not stand below it", s.path, ours)
			}
			for limited, where := range only {
				if (i == limited || strings.HasPrefix(i, limited+"/") && limited != "net/http") && !s.in(where) {
					t.Errorf("%s imports %s, which only %v may", s.path, i, where)
				}
			}
			if public := s.dir == "client" || s.dir == "serde"; public && strings.HasPrefix(i, module+"internal/") && i != module+"internal/wire" {
				t.Errorf("%s is public and imports %s", s.path, i)
			}
		}
	}
}

func TestCalls(t *testing.T) {
	for _, s := range sources(t) {
		if s.in(testing_) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := callee(call)
			if where, limited := calls[name]; limited && !s.in(where) {
				t.Errorf("%s calls %s, which only %v may", s.path, name, where)
			}
			isPure := slices.Contains(pure, s.path) || slices.ContainsFunc(pureDirs, func(dir string) bool { return s.dir == dir })
			if isPure && (name == "time.Now" || name == "time.Since" || strings.HasPrefix(name, "slog.")) {
				t.Errorf("%s is pure and calls %s", s.path, name)
			}
			return true
		})
	}
}

func callee(call *ast.CallExpr) string {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	pkg, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return pkg.Name + "." + sel.Sel.Name
}

func TestPureFilesExist(t *testing.T) {
	for _, p := range pure {
		if _, err := os.Stat(p); err != nil {
			t.Error(err)
		}
	}
}

// Every package says at its top what it is for.
func TestPackageDocs(t *testing.T) {
	for _, layer := range layers {
		for _, dir := range layer {
			if dir == "cmd/weir" {
				continue
			}
			if doc, err := os.ReadFile(filepath.Join(dir, "doc.go")); err != nil || !strings.HasPrefix(string(doc), "// Package ") {
				t.Errorf("%s/doc.go: %v, or no package comment", dir, err)
			}
		}
	}
}

// DESIGN.md names files and identifiers; each has to exist. A file is written as
// `internal/audit/judge.go`, an identifier as `audit.Judge` or `Ledger.Evaluate`.
func TestDesignNamesExist(t *testing.T) {
	design, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	names := declared(t)
	checked := 0
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(string(design), -1) {
		name := m[1]
		switch {
		case regexp.MustCompile(`^[\w./-]+\.(go|html|css|js|md)$`).MatchString(name), strings.HasSuffix(name, "/") && !strings.Contains(name, " "):
			if _, err := os.Stat(strings.TrimPrefix(name, "/")); err != nil && !strings.HasPrefix(name, "/") {
				t.Errorf("DESIGN.md names the file %s: %v", name, err)
			}
			checked++
		case regexp.MustCompile(`^[A-Za-z]\w*(\.[A-Za-z]\w*)+(\(\))?$`).MatchString(name):
			if name = strings.TrimSuffix(name, "()"); !names[name] {
				t.Errorf("DESIGN.md names %s, which is not declared", name)
			}
			checked++
		}
	}
	if checked < 40 {
		t.Errorf("only %d names found in DESIGN.md: is it still told by file and function?", checked)
	}
}

// declared returns what the packages declare, as package.Name, Type.Method and
// package.Type.Method, and the fields of structs as Type.Field.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, s := range sources(t) {
		pkg := s.file.Name.Name
		add := func(name string) { names[pkg+"."+name] = true }
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					add(d.Name.Name)
					continue
				}
				recv := d.Recv.List[0].Type
				if star, ok := recv.(*ast.StarExpr); ok {
					recv = star.X
				}
				if index, ok := recv.(*ast.IndexExpr); ok {
					recv = index.X
				}
				name := fmt.Sprint(recv) + "." + d.Name.Name
				names[name] = true
				add(name)
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					addSpec(spec, names, add)
				}
			}
		}
	}
	return names
}

func addSpec(spec ast.Spec, names map[string]bool, add func(string)) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		add(spec.Name.Name)
		if st, ok := spec.Type.(*ast.StructType); ok {
			for _, f := range st.Fields.List {
				for _, n := range f.Names {
					names[spec.Name.Name+"."+n.Name] = true
					add(spec.Name.Name + "." + n.Name)
				}
			}
		}
	case *ast.ValueSpec:
		for _, n := range spec.Names {
			add(n.Name)
		}
	}
}

// Every direct dependency has its line in DEPENDENCIES.md.
func TestDependenciesListed(t *testing.T) {
	text, err := os.ReadFile("DEPENDENCIES.md")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.NewDecoder(strings.NewReader(string(out))).Decode(&mod); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	for _, r := range mod.Require {
		if !r.Indirect && !strings.Contains(string(text), r.Path) {
			t.Errorf("DEPENDENCIES.md does not name %s", r.Path)
		}
	}
}
