package conf

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (l *loader) at(n *yaml.Node) string { return l.file + ":" + strconv.Itoa(n.Line) }

// loadFile fills the struct v from a YAML text.
func (l *loader) loadFile(v reflect.Value, text []byte) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if err == nil {
		l.section(v, l.resolve(document.Content[0], ""), "", false)
		err = decoder.Decode(&second)
	}
	switch {
	case err == nil:
		l.problem(l.at(&second), "", "a second document begins here; a configuration is one")
	case !errors.Is(err, io.EOF):
		l.syntax(err)
	}
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?((?s).*)$`)

func (l *loader) syntax(err error) {
	where, what := l.file, err.Error()
	if m := yamlError.FindStringSubmatch(what); m != nil {
		if what = m[2]; m[1] != "" {
			where += ":" + m[1]
		}
	}
	l.problem(where, "", "not YAML: %s", what)
}

// read fills the value v at path from a YAML node.
func (l *loader) read(v reflect.Value, n *yaml.Node, path string, secret bool) {
	n = l.resolve(n, path)
	switch shapeOf(v.Type()) {
	case scalar:
		l.scalar(v, n, path, secret)
	case list:
		l.list(v, n, path, secret)
	case section:
		l.section(v, n, path, secret)
	case optional:
		if v.IsNil() {
			v.Set(fresh(v.Type().Elem()))
		}
		l.section(v.Elem(), n, path, secret)
	case named:
		l.named(v, n, path, secret)
	}
}

// resolve follows an alias, and reports a tag.
func (l *loader) resolve(n *yaml.Node, path string) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Style&yaml.TaggedStyle != 0 {
		l.problem(l.at(n), path, "the tag %s means nothing here; remove it", n.Tag)
	}
	return n
}

// scalar fills a value from its text. Its type in YAML does not matter: a
// password of digits is a text.
func (l *loader) scalar(v reflect.Value, n *yaml.Node, path string, secret bool) {
	want := expected(v.Type())
	switch {
	case n.Kind != yaml.ScalarNode:
		l.problem(l.at(n), path, "expected %s, found %s", want, found(n, secret))
	case isNull(n):
		l.problem(l.at(n), path, "has no value; give it %s, or remove it", want)
	default:
		if err := parse(v, n.Value, secret); err != nil {
			l.problem(l.at(n), path, "%v", err)
		}
	}
}

func (l *loader) list(v reflect.Value, n *yaml.Node, path string, secret bool) {
	if n.Kind != yaml.SequenceNode {
		example := "[a, b]"
		if n.Kind == yaml.ScalarNode && !isNull(n) && !secret {
			example = "[" + yamlText(n.Value) + "]"
		}
		l.problem(l.at(n), path, "expected a list such as %s, found %s", example, found(n, secret))
		return
	}
	all := reflect.Zero(v.Type()) // none is nil, as if it was never set
	for _, element := range n.Content {
		e := reflect.New(v.Type().Elem()).Elem()
		l.scalar(e, l.resolve(element, path), path, secret)
		all = reflect.Append(all, e)
	}
	v.Set(all)
}

func (l *loader) section(v reflect.Value, n *yaml.Node, path string, secret bool) {
	known := keys(v.Type())
	if !l.isMapping(n, path, "a section with "+keysOf(known), secret) {
		return
	}
	byKey := map[string]field{}
	for _, f := range fields(v.Type()) {
		byKey[f.key] = f
	}
	l.pairs(n, path, func(key, value *yaml.Node) {
		f, ok := byKey[key.Value]
		if !ok {
			l.problem(l.at(key), path, "unknown key %s; %s", shownKey(key.Value), hint(key.Value, known))
			return
		}
		at := join(path, f.key)
		l.origins[at] = l.at(key)
		l.read(v.Field(f.index), value, at, secret || f.secret)
	})
}

func keysOf(known []string) string { return "keys (" + strings.Join(known, ", ") + ")" }

func hint(key string, known []string) string {
	if near := Nearest(strings.ToLower(key), known); near != "" {
		return "did you mean " + near + "?"
	}
	return "known here: " + strings.Join(known, ", ")
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// named fills a map. Its entries replace those that it holds.
func (l *loader) named(v reflect.Value, n *yaml.Node, path string, secret bool) {
	entry := v.Type().Elem()
	if !l.isMapping(n, path, "names, each a section with "+keysOf(keys(entry)), secret) {
		return
	}
	v.SetZero()
	names := map[string]string{} // by how the environment writes them
	l.pairs(n, path, func(key, value *yaml.Node) {
		name := key.Value
		if !namePattern.MatchString(name) {
			l.problem(l.at(key), path, "%s is not a name: use letters, digits, - and _", shownKey(name))
			return
		}
		if other, ok := names[envName(name)]; ok {
			l.problem(l.at(key), path, "%s and %s are the same in the environment, %s; rename one", other, name, envName(join(path, name)))
			return
		}
		names[envName(name)] = name
		at := join(path, name)
		l.origins[at] = l.at(key)
		e := fresh(entry)
		l.read(e.Elem(), value, at, secret)
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		v.SetMapIndex(reflect.ValueOf(name), e.Elem())
	})
}

func (l *loader) isMapping(n *yaml.Node, path, want string, secret bool) bool {
	switch {
	case isNull(n):
		return false
	case n.Kind != yaml.MappingNode:
		l.problem(l.at(n), path, "expected %s, found %s", want, found(n, secret))
		return false
	}
	return true
}

// pairs calls f for each key of a mapping that can be one.
func (l *loader) pairs(n *yaml.Node, path string, f func(key, value *yaml.Node)) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			l.problem(l.at(key), path, "a key must be a word, not %s", found(key, false))
			continue
		}
		if line, ok := first[key.Value]; ok {
			l.problem(l.at(key), path, "key %s is given twice, first in line %d; remove one", shownKey(key.Value), line)
			continue
		}
		first[key.Value] = key.Line
		f(key, value)
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func found(n *yaml.Node, secret bool) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "a section"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case isNull(n):
		return "nothing"
	case secret:
		return "a value that is kept secret"
	}
	return strconv.Quote(n.Value)
}

// shownKey keeps a strange key from breaking the line of its message.
func shownKey(key string) string {
	if quoted := strconv.Quote(key); key == "" || strings.ContainsAny(key, " :") || quoted != `"`+key+`"` {
		return quoted
	}
	return key
}

var plainText = regexp.MustCompile(`^[A-Za-z0-9/._][A-Za-z0-9/._@+-]*(:[A-Za-z0-9/._@+-]+)*$`)

// yamlText writes a text so that YAML reads it back, in one line.
func yamlText(text string) string {
	n := yaml.Node{Kind: yaml.ScalarNode, Value: text}
	if plainText.MatchString(text) && !isNull(&n) || text == hidden {
		return text
	}
	return strconv.Quote(text) // Go's escapes are a part of YAML's
}
