package conf

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
)

// Manual is the reference of a configuration, in the order of the struct.
type Manual []Entry

// Entry describes a leaf or a section.
type Entry struct {
	Path        string `json:"path"` // <name> stands for the name of an entry
	Type        string `json:"type"`
	Default     string `json:"default,omitempty"`     // as YAML; of leaves
	Environment string `json:"environment,omitempty"` // of leaves
	Comment     string `json:"comment"`               // of the field in the struct, as one paragraph

	shape shape
	entry bool // of a map
}

// Reference returns the reference of the struct that target points to, which
// holds the defaults. The comments of its fields, above them or beside them, are
// read from the Go files in src, embedded by the packages that declare the
// structs. A field without one is an error.
func Reference(target any, src ...fs.FS) (Manual, error) {
	v, err := structOf(target)
	if err != nil {
		return nil, err
	}
	comments, err := readComments(src)
	if err != nil {
		return nil, err
	}
	var m Manual
	var errs []error
	which{possible: true}.walk(v, "", false, func(n node) {
		e := Entry{Path: n.path, shape: n.shape, entry: n.owner == nil}
		switch n.shape {
		case scalar, list:
			e.Type, e.Environment, e.Default = typeName(n.value.Type()), envName(n.path), yamlValue(display(n))
			if n.secret {
				e.Type += ", secret"
			}
		case named:
			e.Type = "sections by name"
		case optional:
			e.Type = "section, optional"
		default:
			e.Type = "section"
		}
		if !e.entry {
			if e.Comment = comments[n.owner.String()+"."+n.field]; e.Comment == "" {
				errs = append(errs, fmt.Errorf("conf: %s has no comment at %v.%s", n.path, n.owner, n.field))
			}
		}
		m = append(m, e)
	})
	return m, errors.Join(errs...)
}

// readComments returns the comments of all struct fields, by package.Type.Field.
func readComments(src []fs.FS) (map[string]string, error) {
	comments := map[string]string{}
	for _, fsys := range src {
		err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			text, err := fs.ReadFile(fsys, path)
			if err != nil {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if spec, ok := n.(*ast.TypeSpec); ok {
					addComments(comments, file.Name.Name+"."+spec.Name.Name, spec)
				}
				return true
			})
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("conf: reading the comments of fields: %w", err)
		}
	}
	return comments, nil
}

func addComments(comments map[string]string, typeName string, spec *ast.TypeSpec) {
	st, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range st.Fields.List {
		text := f.Doc.Text()
		if text == "" {
			text = f.Comment.Text()
		}
		for _, name := range f.Names {
			comments[typeName+"."+name.Name] = strings.Join(strings.Fields(text), " ")
		}
	}
}

// Markdown returns the manual as a table for each section.
func (m Manual) Markdown() string {
	var b strings.Builder
	b.WriteString(`Each setting is looked up in the environment, then in the file, and is else the default.
Lists in the environment are comma-separated, and an empty variable is not set.
` + "`<name>` in a path is a name of your choice, and `<NAME>` the same in capitals, with `_` for `-`.\n")
	m.table(&b, "")
	for i, e := range m {
		if e.shape == scalar || e.shape == list || e.shape == named { // a map is told with its entry
			continue
		}
		fmt.Fprintf(&b, "\n## `%s`\n", e.Path)
		comment := e.Comment
		if e.entry {
			comment = m[i-1].Comment
		}
		fmt.Fprintf(&b, "\n%s\n", comment)
		if e.shape == optional {
			b.WriteString("\nOptional: it exists when it, or a key in it, is set.\n")
		}
		m.table(&b, e.Path)
	}
	return b.String()
}

// table writes the leaves right below a section.
func (m Manual) table(b *strings.Builder, section string) {
	head := "\n| key | type | default | environment | meaning |\n|---|---|---|---|---|\n"
	for _, e := range m {
		if e.Environment == "" || e.parent() != section {
			continue
		}
		cell := strings.NewReplacer("|", `\|`)
		fmt.Fprintf(b, "%s| `%s` | %s | `%s` | `%s` | %s |\n", head, e.Path, e.Type, cell.Replace(e.Default), e.Environment, cell.Replace(e.Comment))
		head = ""
	}
}

func (e Entry) parent() string {
	return e.Path[:max(0, strings.LastIndexByte(e.Path, '.'))]
}

// YAML returns the manual as a file of the defaults. What does not exist by
// default, an optional section or the entry of a map, is commented out.
func (m Manual) YAML() string {
	var b strings.Builder
	out := -1 // depth of the outermost section that is commented out
	for _, e := range m {
		depth := strings.Count(e.Path, ".")
		if depth <= out {
			out = -1
		}
		if out < 0 && (e.shape == optional || e.entry) {
			out = depth
		}
		prefix := indent(depth)
		if out >= 0 {
			prefix = indent(out) + "# " + indent(depth-out)
		}
		if depth == 0 && b.Len() > 0 {
			b.WriteString("\n")
		}
		for line := range wrap(e.Comment, 98-len(prefix)) {
			b.WriteString(prefix + "# " + line + "\n")
		}
		key := e.Path[strings.LastIndexByte(e.Path, '.')+1:]
		b.WriteString(strings.TrimRight(prefix+key+": "+e.Default, " ") + "\n")
	}
	return b.String()
}

// wrap yields text in lines of at most width bytes, where words allow it.
func wrap(text string, width int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		line := ""
		for word := range strings.FieldsSeq(text) {
			if line != "" && len(line)+1+len(word) > width {
				if !yield(line) {
					return
				}
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		if line != "" {
			yield(line)
		}
	}
}
