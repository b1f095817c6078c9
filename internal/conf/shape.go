package conf

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// shape is what a Go type is in a configuration.
type shape int

const (
	unsupported shape = iota
	scalar
	list     // of scalars
	section  // a struct
	optional // a pointer to a struct
	named    // a map from names to structs
)

var (
	unmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	marshaler   = reflect.TypeFor[encoding.TextMarshaler]()
)

func shapeOf(t reflect.Type) shape {
	if reflect.PointerTo(t).Implements(unmarshaler) && t.Implements(marshaler) {
		return scalar
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return scalar
	case reflect.Slice:
		if shapeOf(t.Elem()) == scalar {
			return list
		}
	case reflect.Struct:
		return section
	case reflect.Pointer:
		if shapeOf(t.Elem()) == section {
			return optional
		}
	case reflect.Map:
		if t.Key() == reflect.TypeFor[string]() && shapeOf(t.Elem()) == section {
			return named
		}
	}
	return unsupported
}

// field is a field of a struct that is configuration.
type field struct {
	key    string
	index  int
	secret bool
}

func fields(t reflect.Type) (all []field) {
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if f.IsExported() && key != "-" {
			all = append(all, field{key, i, f.Tag.Get("secret") == "true"})
		}
	}
	return all
}

func keys(t reflect.Type) (all []string) {
	for _, f := range fields(t) {
		all = append(all, f.key)
	}
	return all
}

// fresh returns a pointer to a new t with its defaults.
func fresh(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	if d, ok := v.Interface().(interface{ SetDefaults() }); ok {
		d.SetDefaults()
	}
	return v
}

// anyName stands in a path for the name of an entry of a map.
const anyName = "<name>"

// node is a place in a configuration.
type node struct {
	path   string
	shape  shape
	value  reflect.Value
	secret bool
	// owner and field say where the place is declared; owner is nil for an entry
	// of a map.
	owner reflect.Type
	field string
}

func (n node) leaf() bool { return n.shape == scalar || n.shape == list }

// which says which nodes a walk visits beside the sections and leaves that are
// always there.
type which struct {
	entries  bool // the entries of maps
	possible bool // an entry called anyName in each map, and what a nil pointer would hold
}

// walk visits what is in the struct v, parents first.
func (w which) walk(v reflect.Value, path string, secret bool, visit func(node)) {
	for _, f := range fields(v.Type()) {
		n := node{join(path, f.key), shapeOf(v.Field(f.index).Type()), v.Field(f.index), secret || f.secret, v.Type(), v.Type().Field(f.index).Name}
		if n.shape == optional && n.value.IsNil() {
			if !w.possible {
				continue
			}
			n.value = fresh(n.value.Type().Elem())
		}
		visit(n)
		switch n.shape {
		case section:
			w.walk(n.value, n.path, n.secret, visit)
		case optional:
			w.walk(n.value.Elem(), n.path, n.secret, visit)
		case named:
			w.walkMap(n, visit)
		}
	}
}

func (w which) walkMap(n node, visit func(node)) {
	entry := func(name string, value reflect.Value) {
		path := join(n.path, name)
		visit(node{path: path, shape: section, value: value, secret: n.secret})
		w.walk(value, path, n.secret, visit)
	}
	if w.possible {
		entry(anyName, fresh(n.value.Type().Elem()).Elem())
	}
	if w.entries {
		names := n.value.MapKeys()
		slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, name := range names {
			entry(name.String(), n.value.MapIndex(name))
		}
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

var keyPattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// check says whether conf can load the struct v: an error is a mistake in the
// program.
func check(v reflect.Value) error {
	if err := checkType(v.Type(), nil); err != nil {
		return err
	}
	var errs []error
	paths := map[string]string{}
	which{possible: true}.walk(v, "", false, func(n node) {
		name := envName(n.path)
		if other, ok := paths[name]; ok && n.leaf() {
			errs = append(errs, fmt.Errorf("conf: %s and %s are both %s", other, n.path, name))
		}
		if n.leaf() {
			paths[name] = n.path
		}
	})
	return errors.Join(errs...)
}

func checkType(t reflect.Type, above []reflect.Type) error {
	if slices.Contains(above, t) {
		return fmt.Errorf("conf: %v contains itself", t)
	}
	above = append(above, t)
	var errs []error
	for _, f := range fields(t) {
		goField := t.Field(f.index)
		fail := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("conf: %v.%s: "+format, append([]any{t, goField.Name}, args...)...))
		}
		if !keyPattern.MatchString(f.key) {
			fail("%q in its yaml tag is not a key", f.key)
		}
		inner := goField.Type
		switch shapeOf(inner) {
		case unsupported:
			fail("type %v is not supported", inner)
		case optional, named:
			inner = inner.Elem()
			fallthrough
		case section:
			if err := checkType(inner, above); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
