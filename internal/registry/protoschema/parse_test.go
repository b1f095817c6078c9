package protoschema

import (
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/weirhq/weir/internal/registry/schema"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// ref is a reference as tests need it.
func ref(name, text string, refs ...schema.Reference) schema.Reference {
	return schema.Reference{Name: name, Subject: name, Version: 1, Text: text, References: refs}
}

// acme is what testdata/all.proto imports.
var acme = []schema.Reference{
	ref("acme/options.proto", `syntax = "proto2"; package acme;
		import "google/protobuf/descriptor.proto";
		message Limits {
			optional int32 most = 1; optional float ratio = 2; repeated string names = 3; optional bytes flags = 4; optional Limits deep = 5;
			enum Kind { LOW = 0; HIGH = 1; }
			optional group Inner = 6 { optional Kind k = 1; }
			extensions 100 to 200;
		}
		extend Limits { optional string note = 100; }
		extend google.protobuf.FileOptions { optional Limits limits = 50001; }
		extend google.protobuf.OneofOptions { optional string choice = 50001; }`),
	ref("acme/money.proto", `syntax = "proto3"; package acme.v1; message Money { int64 cents = 1; }`),
}

func parse(t testing.TB, text string, refs ...schema.Reference) *Schema {
	t.Helper()
	s, err := Parse(text, refs, true)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s
}

// checkTexts checks what the texts of a schema promise.
func checkTexts(t *testing.T, s *Schema, strict bool, refs ...schema.Reference) {
	t.Helper()
	for what, text := range map[string]string{"canonical": s.Canonical(), "normalized": s.Normalized(), "serialized": s.Serialized()} {
		again, err := Parse(text, refs, strict)
		if err != nil {
			t.Fatalf("%s text does not parse: %v\n%s", what, err, text)
		}
		if what == "normalized" {
			if again.Canonical() != text || again.Normalized() != text {
				t.Errorf("normalized text is not its own:\n%s", cmp.Diff(text, again.Normalized()))
			}
			continue
		}
		if d := cmp.Diff(s.Canonical(), again.Canonical()); d != "" {
			t.Errorf("%s text has another canonical text:\n%s", what, d)
		}
		if s.Serialized() != again.Serialized() {
			t.Errorf("%s text has another descriptor:\n%v\n%v", what, s.proto, again.proto)
		}
		if d := Check(s, again); d != nil {
			t.Errorf("%s text is not compatible: %v", what, d)
		}
	}
}

func TestCanonicalFiles(t *testing.T) {
	for _, name := range []string{"all", "three", "edition"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", name+".proto"))
			if err != nil {
				t.Fatal(err)
			}
			s := parse(t, string(text), acme...)
			checkTexts(t, s, true, acme...)
			golden := filepath.Join("testdata", name+".golden")
			got := s.Canonical() + "\n// Normalized:\n\n" + s.Normalized()
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Error(d)
			}
		})
	}
}

// Go's runtime brings descriptors that protoc made: a source and its descriptor
// have one canonical text, and no difference that counts.
func TestDescriptorsOfProtoc(t *testing.T) {
	n := 0
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		n++
		t.Run(file.Path(), func(t *testing.T) {
			checkTexts(t, parse(t, encoded(t, protodesc.ToFileDescriptorProto(file))), true)
		})
		return true
	})
	if n < 10 {
		t.Errorf("only %d files", n)
	}
}

func encoded(t testing.TB, f *descriptorpb.FileDescriptorProto) string {
	t.Helper()
	b, err := proto.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func TestDescriptorWithoutWhatCompilersLeaveOut(t *testing.T) {
	s := parse(t, `syntax = "proto3"; message A { int32 long_name = 1; string other = 2 [json_name = "o"]; }`)
	f := proto.CloneOf(s.proto)
	f.Name = proto.String("orders.proto")
	f.MessageType[0].Field[0].JsonName = nil
	f.SourceCodeInfo = &descriptorpb.SourceCodeInfo{Location: []*descriptorpb.SourceCodeInfo_Location{{LeadingComments: proto.String("hi")}}}
	again := parse(t, encoded(t, f)+"\n")
	if again.Canonical() != s.Canonical() || again.Serialized() != s.Serialized() {
		t.Errorf("got\n%s\nwant\n%s", again.Canonical(), s.Canonical())
	}
}

func TestManyReserved(t *testing.T) {
	var b strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&b, "reserved %d;\nreserved \"n%d\";\n", 2*i+1, i)
	}
	s := parse(t, m(b.String()))
	checkTexts(t, s, true)
	if n := len(s.proto.MessageType[0].ReservedName); n != 5_000 {
		t.Errorf("%d names are left", n)
	}
}

// What only the spelling is about has one canonical text.
func TestCanonicalIsOne(t *testing.T) {
	want := parse(t, `syntax = "proto3"; package a.b; message M { N n = 1; } message N {}`).Canonical()
	for _, text := range []string{
		"/* c */ syntax='proto3';\npackage a . b;; // d\nmessage M{b.N n=0x1;}\nmessage N{};",
		`syntax = "pro" "to3"; package a.b; message M { .a.b.N n = 01; } message N {}`,
	} {
		if got := parse(t, text).Canonical(); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", text, got, want)
		}
	}
	if other := parse(t, `syntax = "proto3"; package a.b; message N {} message M { N n = 1; }`); other.Canonical() == want {
		t.Error("the order of messages decides their indexes, and is not in the canonical text")
	}
}

func TestNormalized(t *testing.T) {
	texts := make([]string, 2)
	for i, imports := range []string{
		`import "google/protobuf/timestamp.proto"; import public "google/protobuf/any.proto";`,
		`import public "google/protobuf/any.proto"; import "google/protobuf/timestamp.proto";`,
	} {
		texts[i] = parse(t, `syntax = "proto3"; `+imports+` message M { google.protobuf.Any a = 1; google.protobuf.Timestamp t = 2; }`).Normalized()
	}
	if texts[0] != texts[1] || !strings.Contains(texts[0], "import public \"google/protobuf/any.proto\";\nimport \"google/protobuf/timestamp.proto\";") {
		t.Errorf("got\n%s\nand\n%s", texts[0], texts[1])
	}
}

func TestMessages(t *testing.T) {
	s := parse(t, `syntax = "proto3"; package p; message A { map<int32, int32> m = 1; message B { message C {} } } message D {}`)
	want := []Message{{"p.A", []int{0}}, {"p.A.B", []int{0, 1}}, {"p.A.B.C", []int{0, 1, 0}}, {"p.D", []int{1}}}
	if d := cmp.Diff(want, s.Messages()); d != "" {
		t.Error(d)
	}
	for _, m := range s.Messages() {
		d := s.Descriptor().Messages().Get(m.Index[0])
		for _, i := range m.Index[1:] {
			d = d.Messages().Get(i)
		}
		if string(d.FullName()) != m.Name {
			t.Errorf("index %v leads to %s, not %s", m.Index, d.FullName(), m.Name)
		}
	}
}

func TestImports(t *testing.T) {
	base := ref("base.proto", `syntax = "proto3"; package base; message B { int32 x = 1; }`)
	middle := ref("dir/middle.proto", `syntax = "proto3"; package middle; import public "base.proto"; message M { base.B b = 1; }`, base)
	top := parse(t, `syntax = "proto3"; import "dir/middle.proto"; message T { middle.M m = 1; base.B b = 2; }`, middle)
	checkTexts(t, top, true, middle)

	asDescriptor := middle
	asDescriptor.Text = parse(t, middle.Text, base).Serialized()
	if got := parse(t, top.Serialized(), asDescriptor); got.Canonical() != top.Canonical() {
		t.Errorf("with descriptors:\n%s", got.Canonical())
	}

	newer := ref("base.proto", `syntax = "proto3"; package base; message B { int32 x = 1; int32 newer = 2; }`)
	f := parse(t, `syntax = "proto3"; import "dir/middle.proto"; import "base.proto"; message T { base.B b = 1; }`, middle, newer)
	if b := f.Descriptor().Messages().Get(0).Fields().Get(0).Message(); b.Fields().Len() != 2 {
		t.Error("the nearest reference does not win")
	}

	self := ref("default", `syntax = "proto3"; package d; message D {}`)
	checkTexts(t, parse(t, `syntax = "proto3"; import "default"; message T { d.D d = 1; }`, self), true, self)
}

func TestStandardImports(t *testing.T) {
	var names []string
	for _, dir := range []string{"std/google/type", "std/confluent/type", "std/confluent"} {
		entries, err := std.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !e.IsDir() {
				names = append(names, strings.TrimPrefix(dir, "std/")+"/"+e.Name())
			}
		}
	}
	names = append(names, "confluent/types/decimal.proto", "google/protobuf/descriptor.proto", "google/protobuf/struct.proto")
	if len(names) < 23 {
		t.Errorf("only %q", names)
	}
	for _, name := range names {
		s := parse(t, fmt.Sprintf(`syntax = "proto3"; import %q; message M {}`, name))
		if got := s.Descriptor().Imports().Get(0).FileDescriptor; got.IsPlaceholder() || got.Messages().Len()+got.Enums().Len() == 0 {
			t.Errorf("%s is empty", name)
		}
	}
	parse(t, `syntax = "proto3"; import "confluent/types/decimal.proto"; import "google/type/money.proto";
		message M { confluent.type.Decimal d = 1; google.type.Money m = 2; }`)
}

func TestLenient(t *testing.T) {
	for _, text := range []string{
		`syntax = "proto3"; import "gone.proto"; message M { int32 a = 1 [(gone.rule).x = "y", deprecated = true, (gone.n) = -1, (gone.f) = 1.5, (gone.id) = ID]; }`,
		`syntax = "proto3"; option (gone.http) = { get: "/v1/{x=*}" more { a: [1, 2] b: <c: 'd'> } [x.y]: 1 }; message M {}`,
		`syntax = "proto3"; option java_package = "a"; option nonsense = true; message M {}`,
	} {
		if _, err := Parse(text, nil, true); err == nil {
			t.Errorf("strict takes %s", text)
		}
		s, err := Parse(text, nil, false)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		checkTexts(t, s, false)
		if !strings.Contains(s.Canonical(), "gone") && !strings.Contains(s.Canonical(), "nonsense") {
			t.Errorf("%s lost its option:\n%s", text, s.Canonical())
		}
	}
	if _, err := Parse(`import "gone.proto"; message M { optional gone.T t = 1; }`, nil, false); err == nil {
		t.Error("a field of no type is let pass")
	}
	user := ref("user.proto", `syntax = "proto3"; import "gone.proto"; message U { int32 a = 1 [(gone.x) = 1]; }`)
	parse(t, `syntax = "proto3"; import "user.proto"; message M { U u = 1; }`, user)
}

func TestRefused(t *testing.T) {
	cycle := []schema.Reference{
		ref("a.proto", `import "b.proto";`), ref("b.proto", `import "a.proto";`), ref("own.proto", `import "own.proto";`),
		ref("bad.proto", "message M {\n  optional X x = 1;\n}"),
		ref("deep.proto", "x", ref("deeper.proto", "message {")),
	}
	for i := range 1000 {
		cycle = append(cycle, ref(fmt.Sprint(i), ""))
	}
	var optional strings.Builder
	for i := range maxOneofs + 1 {
		fmt.Fprintf(&optional, "optional int32 f%d = %d;\n", i, i+1)
	}
	long := "syntax = \"proto3\";" + strings.Repeat("message M {", 101) + strings.Repeat("}", 101)
	for _, c := range []struct {
		name, text string
		refs       int
		want       string
	}{
		{"syntax", "syntax = \"proto3\";\nmessage M {\n  int32 a 1;\n}", 0, "line 3, column 11: syntax error"},
		{"panic of the parser", "message M {\n  extensions 5 []\n}", 0, "line 2, column 17: compact options"},
		{"unknown type", "syntax = \"proto3\"; message M { Foo a = 1; }", 0, "line 1, column 32: field M.a: unknown type Foo"},
		{"duplicate number", `syntax = "proto3"; message M { int32 a = 1; int32 b = 1; }`, 0, "the same tag 1"},
		{"duplicate message", `syntax = "proto3"; message M {} message M {}`, 0, `"M" already defined`},
		{"first of an enum", `syntax = "proto3"; enum E { A = 1; }`, 0, "zero"},
		{"required in proto3", `syntax = "proto3"; message M { required int32 a = 1; }`, 0, "required"},
		{"missing import", `syntax = "proto3"; import "x.proto";`, 0, `import "x.proto": no reference has this name`},
		{"file url", `syntax = "proto3"; import "file:///etc/passwd";`, 0, "no reference has this name"},
		{"cycle", `import "a.proto";`, 5, `the imports form a cycle: a.proto, b.proto, a.proto`},
		{"cycle of one", `import "own.proto";`, 5, `the imports form a cycle: own.proto, own.proto`},
		{"error in a reference", `import "bad.proto";`, 5, `import "bad.proto": bad.proto version 1: line 2, column 12: field M.x: unknown type X`},
		{"nested reference", `import "deeper.proto";`, 5, `import "deeper.proto": deeper.proto version 1: line 1`},
		{"too many references", "", 1001, "more than 1000 references"},
		{"deep messages", long, 0, "nested more than 100 deep"},
		{"deep option", "option (x) = " + strings.Repeat("{a:", 200), 0, "nested more than 100 deep"},
		{"deep for protoc", "syntax = \"proto3\";" + strings.Repeat("message M {", 40) + strings.Repeat("}", 40), 0, "nesting depth"},
		{"not UTF-8", "message M {} // \xff", 0, "not UTF-8"},
		{"too large", "// " + strings.Repeat("x", maxText), 0, "larger than"},
		{"long line", "// " + strings.Repeat("x", maxLine), 0, "a line is longer"},
		{"many oneofs", "syntax = \"proto3\"; message M { message N {" + optional.String() + "} }", 0, "message N has more than 5000 oneofs"},
		{"option that fills a line", "syntax = \"proto3\"; option java_package = \"" + strings.Repeat("x\"\n\"", maxLine) + "\";", 0, "the canonical text: a line is longer"},
		{"not base64", "abc", 0, "neither .proto source nor base64"},
		{"base64 of nothing", "AAAA", 0, "neither .proto source nor a FileDescriptorProto"},
		{"Avro", `{"type":"record","name":"R","fields":[]}`, 0, "syntax error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.text, cycle[:min(c.refs, len(cycle))], true)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if err != nil && strings.HasPrefix(err.Error(), rootName) {
				t.Errorf("%v has a file name that nobody gave", err)
			}
		})
	}
}

// Brackets in strings and comments do not nest.
func TestBounded(t *testing.T) {
	many := strings.Repeat("{", 1000)
	parse(t, "syntax = \"proto3\"; // "+many+"\n/* "+many+" */ option java_package = \""+many+"\\\""+many+"\"; message M {}")
}

// References that share references are read once.
func TestSharedReferences(t *testing.T) {
	refs := []schema.Reference{ref("0", `syntax = "proto3"; message M0 {}`)}
	for i := 1; i < 60; i++ {
		text := fmt.Sprintf(`syntax = "proto3"; import "%d"; message M%d { M%d a = 1; }`, i-1, i, i-1)
		refs = []schema.Reference{ref(fmt.Sprint(i), text, append(slices.Clone(refs), refs...)...)}
	}
	parse(t, `syntax = "proto3"; import "59"; message M { M59 a = 1; }`, refs...)
}

// Descriptors that no source can say, some made to look like another one's source.
func TestHostileDescriptors(t *testing.T) {
	base := parse(t, `syntax = "proto3"; package p; message M { oneof o { int32 a = 1; string b = 2; } map<int32, string> m = 3; } enum E { Z = 0; }`)
	for name, spoil := range map[string]func(*descriptorpb.FileDescriptorProto){
		"injected message": func(f *descriptorpb.FileDescriptorProto) { f.MessageType[0].Name = proto.String("M {} message N") },
		"injected package": func(f *descriptorpb.FileDescriptorProto) { f.Package = proto.String("p; message N {}") },
		"injected default": func(f *descriptorpb.FileDescriptorProto) {
			f.Syntax = nil
			f.MessageType[0].Field = append(f.MessageType[0].Field, &descriptorpb.FieldDescriptorProto{Name: proto.String("x"), Number: proto.Int32(9), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_BYTES.Enum(), DefaultValue: proto.String(`", deprecated = "`)})
		},
		"no name":        func(f *descriptorpb.FileDescriptorProto) { f.MessageType[0].Name = nil },
		"oneof index":    func(f *descriptorpb.FileDescriptorProto) { f.MessageType[0].Field[0].OneofIndex = proto.Int32(77) },
		"negative oneof": func(f *descriptorpb.FileDescriptorProto) { f.MessageType[0].Field[0].OneofIndex = proto.Int32(-1) },
		"field number":   func(f *descriptorpb.FileDescriptorProto) { f.MessageType[0].Field[0].Number = proto.Int32(-4) },
		"type number": func(f *descriptorpb.FileDescriptorProto) {
			f.MessageType[0].Field[0].Type = descriptorpb.FieldDescriptorProto_Type(99).Enum()
		},
		"unknown type": func(f *descriptorpb.FileDescriptorProto) {
			f.MessageType[0].Field[2].TypeName = proto.String(".p.Gone")
		},
		"public index":      func(f *descriptorpb.FileDescriptorProto) { f.PublicDependency = []int32{5} },
		"syntax":            func(f *descriptorpb.FileDescriptorProto) { f.Syntax = proto.String("proto9") },
		"own file imported": func(f *descriptorpb.FileDescriptorProto) { f.Dependency = []string{"default"} },
		"unknown option": func(f *descriptorpb.FileDescriptorProto) {
			f.Options = &descriptorpb.FileOptions{}
			f.Options.ProtoReflect().SetUnknown([]byte{0xc0, 0x3e, 0x01})
		},
		"unknown field": func(f *descriptorpb.FileDescriptorProto) { f.ProtoReflect().SetUnknown([]byte{0xc0, 0x3e, 0x01}) },
		"map of one field": func(f *descriptorpb.FileDescriptorProto) {
			f.MessageType[0].NestedType[0].Field = f.MessageType[0].NestedType[0].Field[:1]
		},
		"split oneof": func(f *descriptorpb.FileDescriptorProto) {
			fs := f.MessageType[0].Field
			fs[1], fs[2] = fs[2], fs[1]
		},
		"nil default of an enum": func(f *descriptorpb.FileDescriptorProto) { f.EnumType[0].Value = nil },
	} {
		t.Run(name, func(t *testing.T) {
			f := proto.CloneOf(base.proto)
			spoil(f)
			for _, strict := range []bool{true, false} {
				if s, err := Parse(encoded(t, f), nil, strict); err == nil && (strict || name != "own file imported") {
					t.Errorf("strict %v: taken as\n%s", strict, s.Canonical())
				} else if err != nil && strings.Contains(err.Error(), "compiling failed") {
					t.Errorf("it panicked: %v", err)
				}
			}
		})
	}
	deep := &descriptorpb.FileDescriptorProto{MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("M")}}}
	for range 500 {
		deep.MessageType = []*descriptorpb.DescriptorProto{{Name: proto.String("M"), NestedType: deep.MessageType}}
	}
	if _, err := Parse(encoded(t, deep), nil, true); err == nil {
		t.Error("a deep descriptor is taken")
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"all", "three", "edition"} {
		text, err := os.ReadFile(filepath.Join("testdata", name+".proto"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), true)
		if s, err := Parse(string(text), acme, true); err == nil {
			f.Add(s.Serialized(), true)
		}
	}
	for _, r := range rules {
		f.Add(r.old, true)
		f.Add(r.new, false)
		if s, err := Parse(r.new, nil, true); err == nil {
			f.Add(s.Serialized(), true)
		}
	}
	f.Add(`syntax = "proto3"; import "gone.proto"; message M { int32 a = 1 [(gone.rule).x = "y"]; }`, false)
	f.Fuzz(func(t *testing.T, text string, strict bool) {
		s, err := Parse(text, acme, strict)
		if err != nil {
			if strings.Contains(err.Error(), "compiling failed") {
				t.Fatal(err)
			}
			return
		}
		checkTexts(t, s, strict, acme...)
		if d := Check(s, s); d != nil {
			t.Errorf("not compatible with itself: %v", d)
		}
	})
}
