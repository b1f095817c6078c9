package jsonschema

import (
	"fmt"
	"strings"
	"testing"
)

// record is an object of 200 properties of several kinds.
func record(n int) string {
	var properties []string
	kinds := []string{`{"type":"string","maxLength":100}`, `{"type":["integer","null"],"minimum":0}`, `{"type":"array","items":{"$ref":"#/definitions/d"}}`,
		`{"oneOf":[{"type":"null"},{"$ref":"#/definitions/d"}]}`, `{"enum":["a","b","c"]}`}
	for i := range n {
		properties = append(properties, fmt.Sprintf(`"property%d":%s`, i, kinds[i%len(kinds)]))
	}
	return `{"type":"object","additionalProperties":false,"properties":{` + strings.Join(properties, ",") +
		`},"definitions":{"d":{"type":"object","properties":{"x":{"type":"number"},"y":{"type":"string"}}}}}`
}

func BenchmarkCheck200(b *testing.B) {
	new, old := mustParse(b, record(200)), mustParse(b, record(199))
	for b.Loop() {
		if found := Check(new, old, Strict); found != nil {
			b.Fatal(found)
		}
	}
}

func BenchmarkParse200(b *testing.B) {
	text := record(200)
	b.SetBytes(int64(len(text)))
	for name, strict := range map[string]bool{"strict": true, "lenient": false} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := Parse(text, nil, strict); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkExample200(b *testing.B) {
	new, old := mustParse(b, record(199)), mustParse(b, record(200))
	for b.Loop() {
		if _, ok := Example(new, old); !ok {
			b.Fatal("no example")
		}
	}
}
