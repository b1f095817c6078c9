package protoschema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/options"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/weirhq/weir/internal/registry/schema"
)

const (
	maxReferences = 1000    // by their names
	maxText       = 4 << 20 // bytes of all texts that one schema needs
	maxNesting    = 100     // of brackets; protoc's bound for messages is 32
	// The compiler takes time by the square of these.
	maxLine   = 64 << 10 // bytes
	maxOneofs = 5000     // of a message, with proto3's optional fields
)

// unit is a compiled file: as protocompile's linker wants it for those that import
// it, and as Go's runtime has it, which finds fields faster and is for many readers.
type unit struct {
	linked linker.File
	file   protoreflect.FileDescriptor
	proto  *descriptorpb.FileDescriptorProto
}

// compiler compiles one schema and what it imports.
type compiler struct {
	texts   map[string]schema.Reference // by the names that imports say
	units   map[string]*unit
	missing map[string]bool // units that stand for imports that there are not
	open    []string        // imports on the way to here
	size    int             // of the texts so far
	symbols linker.Symbols
	files   protoregistry.Files // those of units
}

func newCompiler() *compiler {
	return &compiler{texts: map[string]schema.Reference{}, units: map[string]*unit{}, missing: map[string]bool{}}
}

// collect finds the text of each name: the nearest one, and among those the first.
// (References of references may name other versions of the same file.)
func (c *compiler) collect(refs []schema.Reference) error {
	for len(refs) > 0 {
		var deeper []schema.Reference
		for _, r := range refs {
			if _, ok := c.texts[r.Name]; ok {
				continue
			}
			if len(c.texts) == maxReferences {
				return fmt.Errorf("there are more than %d references", maxReferences)
			}
			c.texts[r.Name] = r
			deeper = append(deeper, r.References...)
		}
		refs = deeper
	}
	return nil
}

// compile compiles a text: source, or a descriptor in base64.
func (c *compiler) compile(name, text string, strict bool) (*unit, error) {
	if c.size += len(text); c.size > maxText {
		return nil, fmt.Errorf("the schema and its references are larger than %d bytes", maxText)
	}
	if !isBase64(text) {
		return c.source(name, text, strict)
	}
	given, err := decode(text)
	if err != nil {
		return nil, err
	}
	given.Name = &name
	written, err := c.write(given, strict)
	if err != nil {
		return nil, err
	}
	u, err := c.source(name, written, strict)
	if err != nil {
		return nil, fmt.Errorf("the descriptor, written as source: %w", err)
	}
	if err := same(given, u); err != nil {
		return nil, err
	}
	return u, nil
}

// write writes a descriptor, whose custom options are bytes so far, as source.
func (c *compiler) write(given *descriptorpb.FileDescriptorProto, strict bool) (string, error) {
	if _, err := c.imports(given.Dependency, strict); err != nil {
		return "", err
	}
	file, err := protodesc.FileOptions{AllowUnresolvable: !strict}.New(given, &c.files)
	if err != nil {
		return "", fmt.Errorf("the descriptor is not valid: %w", err)
	}
	full, err := withExtensions(given, file)
	if err != nil {
		return "", err
	}
	return source(full)
}

func (c *compiler) source(name, text string, strict bool) (*unit, error) {
	if err := bounded(text); err != nil {
		return nil, err
	}
	h := reporter.NewHandler(firstError(strict))
	tree, err := read(name, text, h)
	if err != nil {
		return nil, placed(err)
	}
	parsed, err := parser.ResultFromAST(tree, strict, h)
	if err != nil {
		return nil, placed(err)
	}
	if err := crowded(parsed.FileDescriptorProto().GetMessageType()); err != nil {
		return nil, err
	}
	linked, err := c.link(parsed, strict, h)
	if err != nil {
		return nil, placed(err)
	}
	linked.RemoveAST()
	file, err := protodesc.NewFile(linked.FileDescriptorProto(), &c.files)
	if err != nil {
		return nil, err
	}
	return &unit{linked, file, linked.FileDescriptorProto()}, nil
}

// read parses a text. The parser panics on some errors that it has reported.
func read(name, text string, h *reporter.Handler) (tree *ast.FileNode, err error) {
	defer func() {
		if r := recover(); r != nil {
			if err = h.Error(); err == nil {
				panic(r)
			}
		}
	}()
	return parser.Parse(name, strings.NewReader(text), h)
}

// firstError ends compiling at the first error. Leniently, an option that nothing
// defines is none; the linker tells that error from others by its text only.
func firstError(strict bool) reporter.Reporter {
	return reporter.NewReporter(func(err reporter.ErrorWithPos) error {
		if !strict && strings.Contains(err.Unwrap().Error(), "unknown extension ") {
			return nil
		}
		return err
	}, nil)
}

func (c *compiler) link(parsed parser.Result, strict bool, h *reporter.Handler) (linker.Result, error) {
	imports, err := c.imports(parsed.FileDescriptorProto().GetDependency(), strict)
	if err != nil {
		return nil, err
	}
	linked, err := linker.Link(parsed, imports, &c.symbols, h)
	if !strict && linked != nil && errors.Is(err, reporter.ErrInvalidSource) {
		err = nil // only such errors as were let pass
	}
	if err != nil {
		return nil, err
	}
	if !strict {
		_, err = options.InterpretOptionsLenient(linked)
		return linked, err
	}
	if _, err = options.InterpretOptions(linked, h); err != nil {
		return nil, err
	}
	return linked, linked.ValidateOptions(h, &c.symbols)
}

func (c *compiler) imports(names []string, strict bool) (linker.Files, error) {
	files := make(linker.Files, len(names))
	for i, name := range names {
		u, err := c.imported(name)
		if err != nil {
			return nil, fmt.Errorf("import %q: %w", name, err)
		}
		if c.missing[name] && strict {
			return nil, fmt.Errorf("import %q: no reference has this name, and it is not a standard import", name)
		}
		files[i] = u.linked
	}
	return files, nil
}

func (c *compiler) imported(name string) (*unit, error) {
	if u, ok := c.units[name]; ok {
		return u, nil
	}
	if slices.Contains(c.open, name) {
		return nil, errors.New("the imports form a cycle: " + strings.Join(append(c.open, name), ", "))
	}
	c.open = append(c.open, name)
	u, err := c.find(name)
	c.open = c.open[:len(c.open)-1]
	if err != nil {
		return nil, err
	}
	if err := c.register(u.file); err != nil {
		return nil, err
	}
	c.units[name] = u
	return u, nil
}

// find compiles an import. protoc's own files can not be replaced: our options are
// messages of theirs.
func (c *compiler) find(name string) (*unit, error) {
	if file, ok := standardFile(name); ok {
		linked, err := linker.NewFileRecursive(file)
		return &unit{linked: linked, file: file}, err
	}
	if ref, ok := c.texts[name]; ok {
		u, err := c.compile(name, ref.Text, false)
		if err != nil {
			err = fmt.Errorf("%s version %d: %w", ref.Subject, ref.Version, err)
		}
		return u, err
	}
	text, ok := standardText(name)
	if !ok {
		c.missing[name] = true
	}
	return c.compile(name, text, false)
}

// register makes a file known to those that import it. Standard files come with
// their imports.
func (c *compiler) register(file protoreflect.FileDescriptor) error {
	if _, err := c.files.FindFileByPath(file.Path()); err == nil {
		return nil
	}
	for i := range file.Imports().Len() {
		if err := c.register(file.Imports().Get(i).FileDescriptor); err != nil {
			return err
		}
	}
	return c.files.RegisterFile(file)
}

// placed says where an error is, without the name that we gave to the text.
func placed(err error) error {
	var at reporter.ErrorWithPos
	if errors.As(err, &at) && at.GetPosition().Line > 0 {
		return fmt.Errorf("line %d, column %d: %w", at.GetPosition().Line, at.GetPosition().Col, at.Unwrap())
	}
	return err
}

func crowded(messages []*messageProto) error {
	for _, m := range messages {
		if len(m.OneofDecl) > maxOneofs {
			return fmt.Errorf("message %s has more than %d oneofs and optional fields", m.GetName(), maxOneofs)
		}
		if err := crowded(m.NestedType); err != nil {
			return err
		}
	}
	return nil
}

// bounded refuses texts that would exhaust a parser's stack, or a reader's patience.
func bounded(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("the text is not UTF-8")
	}
	if len(text) > maxText {
		return fmt.Errorf("the text is larger than %d bytes", maxText)
	}
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) > maxLine {
			return fmt.Errorf("a line is longer than %d bytes", maxLine)
		}
	}
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[', '(', '<':
			if depth++; depth > maxNesting {
				return fmt.Errorf("brackets nested more than %d deep", maxNesting)
			}
		case '}', ']', ')', '>':
			depth = max(depth-1, 0)
		case '"', '\'':
			i = quoteEnd(text, i)
		case '/':
			i = commentEnd(text, i)
		}
	}
	return nil
}

// quoteEnd is where the string that begins at i ends; a newline ends it, too.
func quoteEnd(text string, i int) int {
	quote := text[i]
	for i++; i < len(text) && text[i] != quote && text[i] != '\n'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i
}

// commentEnd is the last byte of the comment at i, or i if there is none.
func commentEnd(text string, i int) int {
	for _, c := range [][2]string{{"//", "\n"}, {"/*", "*/"}} {
		if strings.HasPrefix(text[i:], c[0]) {
			n := strings.Index(text[i+2:], c[1])
			if n < 0 {
				return len(text)
			}
			return i + 2 + n + len(c[1]) - 1
		}
	}
	return i
}
