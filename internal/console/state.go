package console

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// address is a page and its state: all that a link to it says. Two addresses
// that print alike are the same, so the text of one is the key of its feed.
type address struct {
	page  *page
	vars  map[string]string // of the path, by their names in the route
	query map[string]string // the parameters that differ from their defaults
}

// param is a parameter that a page knows.
type param struct {
	name  string
	def   string // what its absence means; never printed
	valid func(string) bool
	want  string // which values are valid, in words
}

// oneOf is a parameter with a few values, of which the first is the default.
func oneOf(name string, values ...string) param {
	return param{name: name, def: values[0], want: "one of " + strings.Join(values, ", "),
		valid: func(s string) bool { return slices.Contains(values, s) }}
}

// text is a parameter with any value: what to look for, a name, a cursor.
func text(name string) param {
	return param{name: name, want: "a text of at most 1,000 bytes",
		valid: func(s string) bool { return len(s) <= 1000 && utf8.ValidString(s) }}
}

// listParams are those of a list whose rows the API sorts, filters and pages.
func listParams(sorts ...string) []param {
	return []param{text("contains"), oneOf("sort", sorts...), oneOf("order", "asc", "desc"), text("cursor")}
}

var errNoPage = errors.New("there is no such page")

// parse reads an address. It never fails for what a query says: parameters that
// the page does not know are ignored, bad values are taken for the default, and
// notes say so.
func parse(pages []*page, u *url.URL) (a address, notes []string, err error) {
	for _, p := range pages {
		vars, ok := match(p.route, u.EscapedPath())
		if !ok {
			continue
		}
		if p.clean != nil {
			if err := p.clean(vars); err != nil {
				return address{}, nil, err
			}
		}
		a = address{page: p, vars: vars, query: map[string]string{}}
		return a, a.take(u.RawQuery), nil
	}
	return address{}, nil, errNoPage
}

// take sets a's parameters from a query.
func (a address) take(raw string) (notes []string) {
	q, err := url.ParseQuery(raw)
	if err != nil {
		notes = append(notes, "A part of this address could not be read and is ignored.")
	}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		i := slices.IndexFunc(a.page.params, func(p param) bool { return p.name == name })
		if i < 0 {
			notes = append(notes, fmt.Sprintf("This page knows no parameter “%s”; it is ignored.", plain(short(name, 40))))
			continue
		}
		p, v := a.page.params[i], q.Get(name)
		if v == p.def || v == "" {
			continue
		}
		if !p.valid(v) {
			notes = append(notes, fmt.Sprintf("“%s” is no value of %s, which is %s; the default is shown.", plain(short(v, 40)), name, p.want))
			continue
		}
		a.query[name] = v
	}
	return notes
}

// String prints the address, always the same for the same state.
func (a address) String() string {
	var b strings.Builder
	for seg := range strings.SplitSeq(strings.TrimPrefix(a.page.route, "/"), "/") {
		if name, ok := variable(seg); ok {
			seg = url.PathEscape(a.vars[name])
		}
		b.WriteString("/" + seg)
	}
	q := url.Values{}
	for name, v := range a.query {
		q.Set(name, v)
	}
	if len(q) > 0 {
		b.WriteString("?" + q.Encode())
	}
	return b.String()
}

// get returns a parameter's value or default.
func (a address) get(name string) string {
	if v, ok := a.query[name]; ok {
		return v
	}
	for _, p := range a.page.params {
		if p.name == name {
			return p.def
		}
	}
	return ""
}

// with returns the address with other parameters, given as names and values.
func (a address) with(pairs ...string) address {
	if a.query = maps.Clone(a.query); a.query == nil {
		a.query = map[string]string{}
	}
	for i := 0; i < len(pairs); i += 2 {
		delete(a.query, pairs[i])
		if pairs[i+1] != "" && pairs[i+1] != a.get(pairs[i]) {
			a.query[pairs[i]] = pairs[i+1]
		}
	}
	return a
}

// api returns the query that asks the API for what the address says.
func (a address) api(more ...string) string {
	q := url.Values{}
	for _, p := range a.page.params {
		if v := a.get(p.name); v != "" {
			q.Set(p.name, v)
		}
	}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return "?" + q.Encode()
}

// match compares a path, still escaped, with a route such as /ui/c/{cluster}.
func match(route, path string) (vars map[string]string, ok bool) {
	want, have := strings.Split(route, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return nil, false
	}
	vars = map[string]string{}
	for i, seg := range want {
		got, err := url.PathUnescape(have[i])
		if name, isVar := variable(seg); isVar {
			if err != nil || got == "" {
				return nil, false
			}
			vars[name] = got
		} else if got != seg {
			return nil, false
		}
	}
	return vars, true
}

func variable(seg string) (name string, ok bool) {
	if strings.HasPrefix(seg, "{") && strings.HasSuffix(seg, "}") {
		return seg[1 : len(seg)-1], true
	}
	return "", false
}

// uiPath joins names to an address of the pages: uiPath("c", "local", "topics").
func uiPath(segs ...string) string { return join("/ui", segs) }

// apiPath joins names to an address of the API.
func apiPath(segs ...string) string { return join("/api/v1", segs) }

func join(root string, segs []string) string {
	for _, s := range segs {
		root += "/" + url.PathEscape(s)
	}
	return root
}
