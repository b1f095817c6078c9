package jsonschema

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
)

// formats has those that the validator asserts, each with a value of it.
var formats = map[string]string{
	"date-time": "2000-01-01T00:00:00Z", "date": "2000-01-01", "time": "00:00:00Z", "duration": "P1D", "period": "2000-01-01T00:00:00Z/P1D",
	"email": "a@b.c", "hostname": "a", "ipv4": "127.0.0.1", "ipv6": "::1",
	"uri": "a:b", "iri": "a:b", "uri-reference": "a", "iri-reference": "a", "uri-template": "a",
	"uuid": "00000000-0000-0000-0000-000000000000", "regex": "a", "semver": "1.0.0",
	"json-pointer": "/a", "relative-json-pointer": "0",
}

var errNotLoaded = errors.New("nothing is fetched")

// noLoader fetches nothing.
type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errNotLoaded }

// anyRegexp takes each text for a regular expression, as the check does.
type anyRegexp string

func (anyRegexp) MatchString(string) bool { return true }
func (a anyRegexp) String() string        { return string(a) }

var metaSchemas = sync.OnceValue(func() map[int]*validator.Schema {
	c := validator.NewCompiler()
	c.UseLoader(noLoader{})
	c.UseRegexpEngine(func(s string) (validator.Regexp, error) {
		if re, err := regexp.Compile(s); err == nil {
			return re, nil
		}
		return anyRegexp(s), nil
	})
	return map[int]*validator.Schema{
		4:    c.MustCompile("http://json-schema.org/draft-04/schema"),
		6:    c.MustCompile("http://json-schema.org/draft-06/schema"),
		7:    c.MustCompile("http://json-schema.org/draft-07/schema"),
		2019: c.MustCompile("https://json-schema.org/draft/2019-09/schema"),
		2020: c.MustCompile("https://json-schema.org/draft/2020-12/schema"),
	}
})

// validate judges a document by the meta-schema of its draft. The error names the
// place that is deepest in the schema.
func validate(d *document) error {
	if v, at := d.root.huge("#"); v != nil {
		return fmt.Errorf("%s: the number %.20s... is too long", at, v.text) // the validator panics at it
	}
	err := metaSchemas()[d.draft].Validate(d.root.decoded())
	invalid, ok := errors.AsType[*validator.ValidationError](err)
	if !ok {
		return err
	}
	deepest := slices.MinFunc(leaves(invalid, nil), func(a, b *validator.ValidationError) int {
		return cmp.Or(len(b.InstanceLocation)-len(a.InstanceLocation), slices.Compare(a.InstanceLocation, b.InstanceLocation), cmp.Compare(a.Error(), b.Error()))
	})
	at := "#"
	for _, token := range deepest.InstanceLocation {
		at += "/" + escape(token)
	}
	message := validator.ValidationError{ErrorKind: deepest.ErrorKind}
	return fmt.Errorf("%s: %s (by the meta-schema of draft %s)", at, strings.TrimPrefix(message.Error(), "at '': "), draftName(d.draft))
}

func leaves(e *validator.ValidationError, found []*validator.ValidationError) []*validator.ValidationError {
	if len(e.Causes) == 0 {
		return append(found, e)
	}
	for _, cause := range e.Causes {
		found = leaves(cause, found)
	}
	return found
}

func draftName(draft int) string {
	switch draft {
	case 2019:
		return "2019-09"
	case 2020:
		return "2020-12"
	}
	return fmt.Sprint(draft)
}

// huge finds a number that takes long to compute with.
func (v *value) huge(at string) (*value, string) {
	if v.kind == '#' && v.isHuge() {
		return v, at
	}
	for i := range v.items {
		m := &v.items[i]
		token := escape(m.name)
		if v.kind == '[' {
			token = fmt.Sprint(i)
		}
		if found, where := m.huge(at + "/" + token); found != nil {
			return found, where
		}
	}
	return nil, ""
}

// maxCompiled bounds the schemas that the validator is asked about: it takes the
// square of their number.
const maxCompiled = 5000

// compiler makes validators of a schema and of schemas in it.
type compiler struct {
	*validator.Compiler
	first *document
}

// newCompiler fails if the validator can not judge s as the check does.
func newCompiler(s *Schema) (*compiler, bool) {
	documents := maps.Clone(s.documents)
	documents[home] = s.first
	size := 0
	for _, d := range documents {
		if v, _ := d.root.huge(""); v != nil || s.unjudged {
			return nil, false
		}
		if size += d.root.size(); size > maxCompiled {
			return nil, false
		}
	}
	c := validator.NewCompiler()
	c.DefaultDraft(validator.Draft7)
	c.UseLoader(noLoader{})
	for url, d := range documents {
		if c.AddResource(url, d.root.decoded()) != nil {
			return nil, false
		}
	}
	return &compiler{c, s.first}, true
}

// compile is the validator of a node of the schema's own text.
func (c *compiler) compile(n *node) *validator.Schema {
	tokens := strings.Split(n.at[1:], "/")
	for i := range tokens {
		tokens[i] = url.PathEscape(tokens[i])
	}
	v, err := c.Compile(home + "#" + strings.Join(tokens, "/"))
	if err != nil {
		return nil
	}
	return v
}

// size is how many objects and booleans v has.
func (v *value) size() int {
	n := 0
	if v.isSchema() {
		n = 1
	}
	for i := range v.items {
		n += v.items[i].size()
	}
	return n
}
