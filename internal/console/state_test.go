package console

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		in, want string // want "": there is no such page
		notes    []string
	}{
		{"/ui", "/ui", nil},
		{"/ui/c/local/topics?order=asc&sort=name&contains=", "/ui/c/local/topics", nil}, // defaults are not printed
		{"/ui/c/local/topics?sort=records&contains=a+b&order=desc", "/ui/c/local/topics?contains=a+b&order=desc&sort=records", nil},
		{"/ui/c/a%2Fb%20%3Cx%3E/topics", "/ui/c/a%2Fb%20%3Cx%3E/topics", nil},
		{"/ui/c/local/brokers/007", "/ui/c/local/brokers/7", nil},
		{"/ui/audit/t/2015-05-17T12:00:00+02:00", "/ui/audit/t/2015-05-17T10:00:00Z", nil},
		{"/ui/c/local/topics?sort=size", "/ui/c/local/topics", []string{"“size” is no value of sort, which is one of name,"}},
		{"/ui/c/local/topics?contains=%ff", "/ui/c/local/topics", []string{"is no value of contains, which is a text"}},
		{"/ui/c/local/topics?colour=red&contains=x", "/ui/c/local/topics?contains=x", []string{"no parameter “colour”"}},
		{"/ui/c/local/topics?a%zz&contains=x", "/ui/c/local/topics?contains=x", []string{"could not be read"}},
		{"/ui/c/local/topics?x%0d%e2%80%aey=1", "/ui/c/local/topics", []string{"“x\ufffd\ufffdy”"}},
		{"/ui/c/local/brokers/one", "", nil},
		{"/ui/c//topics", "", nil},
		{"/ui/c/local/topics/", "", nil},
		{"/", "", nil},
	} {
		u, err := url.Parse(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		a, notes, err := parse(pages(), u)
		got := ""
		if err == nil {
			got = a.String()
		}
		if got != tt.want || len(notes) != len(tt.notes) {
			t.Errorf("%s: %q, notes %q, want %q, %q", tt.in, got, notes, tt.want, tt.notes)
			continue
		}
		for i, n := range notes {
			if !strings.Contains(n, tt.notes[i]) {
				t.Errorf("%s: note %q, want one with %q", tt.in, n, tt.notes[i])
			}
		}
	}
}

func TestWith(t *testing.T) {
	a := address{page: topicsPage(), vars: map[string]string{"cluster": "c"}, query: map[string]string{"cursor": "x", "sort": "bytes"}}
	for want, got := range map[string]string{
		"/ui/c/c/topics?sort=bytes":          a.with("cursor", "").String(),
		"/ui/c/c/topics?cursor=x":            a.with("sort", "name").String(),
		"/ui/c/c/topics?cursor=y&sort=rate":  a.with("cursor", "y", "sort", "rate").String(),
		"/ui/c/c/topics?cursor=x&sort=bytes": a.String(), // unchanged by the others
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// What an address prints is read as the same address, with nothing to note.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"/ui", "/ui/c/local/topics?sort=records&contains=x", "/ui/audit?topic=%ff&all=1", "/ui/audit/t/2015-05-17T12:00:00+02:00",
		"/ui/c/%00/groups/%2e%2e?cursor=;&x", "/ui/c/local/brokers/+1"} {
		f.Add(s)
	}
	all := pages()
	f.Fuzz(func(t *testing.T, s string) {
		u, err := url.Parse(s)
		if err != nil {
			return
		}
		a, _, err := parse(all, u)
		if err != nil {
			return
		}
		again, err := url.Parse(a.String())
		if err != nil {
			t.Fatalf("%q prints %q: %v", s, a, err)
		}
		b, notes, err := parse(all, again)
		if err != nil || notes != nil || b.String() != a.String() || b.page.route != a.page.route {
			t.Errorf("%q prints %q, which reads as %q, %v, %q", s, a, b, err, notes)
		}
	})
}

// Every page can be reached from its own address, and has all that a page needs.
func TestPagesAreComplete(t *testing.T) {
	var routes []string
	for _, p := range pages() {
		a := address{page: p, vars: map[string]string{"cluster": "c", "topic": "t", "group": "g", "id": "1", "start": "2015-05-17T10:00:00Z", "partition": "0", "offset": "1", "subject": "s"}}
		u, err := url.Parse(a.String())
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := parse(pages(), u)
		if err != nil || got.page.route != p.route || p.title(a) == "" || p.load == nil || p.parts == nil || p.nav && p.label != p.section {
			t.Errorf("%s: reads as %v, %v; title %q", p.route, got.page, err, p.title(a))
		}
		if p.live && !strings.HasPrefix(p.twin(a), "/api/v1/") && p.twin(a) != "/subjects" {
			t.Errorf("%s has the twin %q", p.route, p.twin(a))
		}
		if slices.Contains(routes, p.route) {
			t.Errorf("%s is there twice", p.route)
		}
		routes = append(routes, p.route)
	}
}
