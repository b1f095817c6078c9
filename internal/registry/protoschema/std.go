package protoschema

import (
	"embed"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// std are the files that Confluent's clients take for known, beside protoc's: they
// import them, but do not send them. The layouts are the published ones.
//
//go:embed std
var std embed.FS

// standardText is a file of std. Confluent's Go client says types for type.
func standardText(name string) (text string, ok bool) {
	if tail, found := strings.CutPrefix(name, "confluent/types/"); found {
		name = "confluent/type/" + tail
	}
	b, err := std.ReadFile("std/" + name)
	return string(b), err == nil
}

var protoc = protocompile.WithStandardImports(&protocompile.SourceResolver{
	Accessor: protocompile.SourceAccessorFromMap(nil),
})

// standardFile is a file that protoc brings.
func standardFile(name string) (protoreflect.FileDescriptor, bool) {
	found, err := protoc.FindFileByPath(name)
	return found.Desc, err == nil && found.Desc != nil
}
