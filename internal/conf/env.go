package conf

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const envPrefix = "WEIR_"

var envReplacer = strings.NewReplacer(".", "_", "-", "_")

// envName returns the variable of a path.
func envName(path string) string { return envPrefix + strings.ToUpper(envReplacer.Replace(path)) }

// variables is what can be set by the environment.
type variables struct {
	leaves   map[string]node // by variable
	patterns []pattern       // for entries that do not exist, the longest first
	names    []string        // all of the above and those of others, for hints
}

// pattern finds the name of an entry in a variable.
type pattern struct {
	text  string // WEIR_CLUSTERS_<NAME>_BOOTSTRAP
	match *regexp.Regexp
	leaf  node
}

func newVariables(v reflect.Value, others []string) variables {
	vars := variables{leaves: map[string]node{}}
	which{entries: true, possible: true}.walk(v, "", false, func(n node) {
		if !n.leaf() {
			return
		}
		name := envName(n.path)
		if !strings.Contains(n.path, anyName) {
			if _, ok := vars.leaves[name]; ok {
				return // a.tls.ca came before a-tls.ca
			}
			vars.leaves[name] = n
			vars.names = append(vars.names, name)
			return
		}
		expr := "^" + strings.ReplaceAll(name, envAnyName, "([A-Z0-9][A-Z0-9_]*)") + "$"
		vars.patterns = append(vars.patterns, pattern{name, regexp.MustCompile(expr), n})
	})
	// The longest pattern leaves the shortest name.
	slices.SortStableFunc(vars.patterns, func(a, b pattern) int { return len(b.text) - len(a.text) })
	vars.names = append(vars.names, others...)
	return vars
}

var envAnyName = strings.ToUpper(anyName)

// find returns the leaf of a variable, its path with the names filled in.
func (v variables) find(name string) (node, bool) {
	if n, ok := v.leaves[name]; ok {
		return n, true
	}
	for _, p := range v.patterns {
		m := p.match.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		n := p.leaf
		for _, entry := range m[1:] {
			n.path = strings.Replace(n.path, anyName, strings.ToLower(entry), 1)
		}
		return n, true
	}
	return node{}, false
}

// nearest returns the known variable that name may be a slip of.
func (v variables) nearest(name string) string {
	names := slices.Clip(v.names)
	for _, p := range v.patterns {
		before, after, _ := strings.Cut(p.text, envAnyName)
		rest, ok := strings.CutPrefix(name, before)
		if !ok || strings.Contains(after, envAnyName) {
			continue
		}
		for i, c := range rest { // each way to end the name
			if c == '_' && i > 0 {
				names = append(names, before+rest[:i]+after)
			}
		}
	}
	return Nearest(name, names)
}

// loadEnv fills the struct v from variables.
func (l *loader) loadEnv(v reflect.Value, env, allow []string) {
	vars := newVariables(v, allow)
	for _, variable := range slices.Sorted(slices.Values(env)) {
		name, text, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) {
			continue
		}
		where := "env " + name
		n, ok := vars.find(name)
		switch {
		case ok:
			if text != "" {
				l.setLeaf(v, n, where, text)
			}
		case slices.Contains(allow, name):
		default:
			if near := vars.nearest(strings.ToUpper(name)); near != "" {
				l.problem(where, "", "no setting has this name; did you mean %s?", near)
			} else {
				l.problem(where, "", "no setting has this name; see the configuration reference, or unset it")
			}
		}
	}
}

func (l *loader) setLeaf(v reflect.Value, n node, where, text string) {
	if !utf8.ValidString(text) {
		l.problem(where, n.path, "is not UTF-8")
		return
	}
	at(v, strings.Split(n.path, "."), func(leaf reflect.Value) {
		var err error
		if n.shape == list {
			err = parseList(leaf, splitList(text), n.secret)
		} else {
			err = parse(leaf, text, n.secret)
		}
		if err != nil {
			l.problem(where, n.path, "%v", err)
		}
	})
	l.origins[n.path] = where
	for i, c := range n.path {
		if _, ok := l.origins[n.path[:i]]; c == '.' && !ok {
			l.origins[n.path[:i]] = where
		}
	}
}

func splitList(text string) (all []string) {
	for element := range strings.SplitSeq(text, ",") {
		if element = strings.TrimSpace(element); element != "" {
			all = append(all, element)
		}
	}
	return all
}

// at calls set with the leaf at path in v, and makes what is missing above it.
func at(v reflect.Value, path []string, set func(reflect.Value)) {
	switch shapeOf(v.Type()) {
	case section:
		for _, f := range fields(v.Type()) {
			if f.key == path[0] {
				at(v.Field(f.index), path[1:], set)
			}
		}
	case optional:
		if v.IsNil() {
			v.Set(fresh(v.Type().Elem()))
		}
		at(v.Elem(), path, set)
	case named:
		entry, name := fresh(v.Type().Elem()).Elem(), reflect.ValueOf(path[0])
		if old := v.MapIndex(name); old.IsValid() {
			entry.Set(old)
		}
		at(entry, path[1:], set)
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		v.SetMapIndex(name, entry)
	default:
		set(v)
	}
}
