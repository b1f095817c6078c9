package registry

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/web"
)

// A search goes through the live schemas by subject. What a schema says of itself, its
// types, fields and docs, is known from a parse, which is kept. One that was not parsed
// yet is, if its text has the words at all; and an answer that would take too long ends
// early, with the place where to go on. So there is nothing to build beforehand and
// nothing to keep up to date: a schema's words are kept under its GUID.

const (
	// searchTime is when an answer is given though not all was searched.
	searchTime = 150 * time.Millisecond
	// maxSearchIndex bounds what is kept, in bytes; then it begins anew.
	maxSearchIndex = 32 << 20
	// searchedAtOnce is how many subjects are read while nobody may write.
	searchedAtOnce = 256
)

type searchInput struct {
	Q        string `query:"q" required:"true" minLength:"1" maxLength:"200" doc:"What subjects, types, fields or docs contain, whatever the case."`
	Versions string `query:"versions" enum:"latest,all" default:"latest" doc:"The newest of each subject, or all."`
	Limit    int    `query:"limit" default:"50" minimum:"1" maximum:"1000"`
	After    string `query:"after" doc:"The next of the answer before."`
}

// SearchAnswer is the answer of GET /api/v1/registry/search.
type SearchAnswer struct {
	Hits []Hit  `json:"hits" doc:"By subject, version and place in the schema."`
	Next string `json:"next" doc:"Where to go on; empty: that was all. There may be more though the hits are few."`
}

// Hit is a place that contains what was searched.
type Hit struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
	ID      int    `json:"id"`
	Type    string `json:"type" enum:"AVRO,JSON,PROTOBUF"`
	Where   string `json:"where" enum:"subject,type,field,doc"`
	Path    string `json:"path" doc:"Of a type or a field, or of what the doc describes: a full name, in JSON Schema a pointer."`
	Text    string `json:"text" doc:"The name, or the doc around what was searched."`
}

// said is a type or a field of a schema.
type said struct {
	path, name, doc string
	field           bool
}

// searchIndex keeps what schemas say.
type searchIndex struct {
	mu    sync.Mutex // guards what follows
	bytes int
	said  map[string][]said // by type and GUID
}

func (x *searchIndex) get(key string) ([]said, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	list, ok := x.said[key]
	return list, ok
}

func (x *searchIndex) put(key string, list []said) {
	size := len(key) + 64
	for _, one := range list {
		size += len(one.path) + len(one.doc) + 64
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.said == nil || x.bytes+size > maxSearchIndex {
		x.said, x.bytes = map[string][]said{}, 0
	}
	x.said[key] = list
	x.bytes += size
}

// cursor is where a search goes on: at a version, behind some hits of it.
type cursor struct {
	Subject string `json:"s"`
	Version int    `json:"v"`
	Skip    int    `json:"n"`
}

func (c cursor) String() string {
	text, _ := json.Marshal(c) // texts and numbers
	return base64.RawURLEncoding.EncodeToString(text)
}

func parseCursor(text string) (c cursor, err error) {
	if text == "" {
		return c, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || c.Skip < 0 {
		return c, web.BadRequest("after", "this is no next of a search", "leave it out to begin")
	}
	return c, nil
}

func (s *Service) getSearch(ctx context.Context, in *searchInput) (a SearchAnswer, err error) {
	from, err := parseCursor(in.After)
	if err != nil {
		return a, err
	}
	a.Hits = []Hit{}
	var names []string
	err = s.read(func(st *state.State) error {
		names = st.Subjects(":*:", false, false, state.Page{})
		return nil
	})
	i, _ := slices.BinarySearch(names, from.Subject)
	end, words := time.Now().Add(searchTime), strings.ToLower(in.Q)
	for some := range slices.Chunk(names[i:], searchedAtOnce) {
		for n, v := range s.searched(some, in.Versions == "all", from) {
			at := cursor{Subject: v.Subject, Version: v.Version}
			if at.Subject == from.Subject && at.Version == from.Version {
				at.Skip = from.Skip
			}
			if n+len(a.Hits) > 0 && (time.Now().After(end) || ctx.Err() != nil) {
				a.Next = at.String()
				return a, ctx.Err()
			}
			hits := s.hits(v, words)
			hits = hits[min(at.Skip, len(hits)):]
			if room := in.Limit - len(a.Hits); len(hits) > room {
				at.Skip += room
				a.Hits, a.Next = append(a.Hits, hits[:room]...), at.String()
				return a, nil
			}
			a.Hits = append(a.Hits, hits...)
		}
	}
	return a, err
}

// searched are the versions of some subjects that are to be looked at.
func (s *Service) searched(names []string, all bool, from cursor) (list []state.Version) {
	_ = s.read(func(st *state.State) error { // a subject that is gone by now has none
		for _, name := range names {
			numbers := []int{state.Latest}
			if all {
				numbers, _ = st.Versions(name, false, false, false, state.Page{})
			}
			for _, n := range numbers {
				v, err := st.Version(name, n, false)
				if err == nil && v.Subject == name && (name != from.Subject || v.Version >= from.Version) {
					list = append(list, v)
				}
			}
		}
		return nil
	})
	return list
}

// hits are the places of a version that contain words, which are in lower case.
func (s *Service) hits(v state.Version, words string) (list []Hit) {
	hit := Hit{Subject: v.Subject, Version: v.Version, ID: v.ID, Type: cmp.Or(v.SchemaType, "AVRO")}
	add := func(where, path, text string) {
		hit.Where, hit.Path, hit.Text = where, path, text
		list = append(list, hit)
	}
	if contains(v.Subject, words) {
		add("subject", "", v.Subject)
	}
	inPath := strings.ContainsAny(words, "./")
	for _, one := range s.said(v, words) {
		name, where := one.name, "field"
		if !one.field {
			where = "type"
		}
		if inPath {
			name = one.path
		}
		if contains(name, words) {
			add(where, one.path, one.name)
		}
		if contains(one.doc, words) {
			add("doc", one.path, around(one.doc, words))
		}
	}
	return list
}

// said is what a schema says of itself; nothing, if it can not contain the words.
func (s *Service) said(v state.Version, words string) (list []said) {
	key := v.SchemaType + v.GUID
	if list, ok := s.found.get(key); ok {
		return list
	}
	if !mayContain(v.Schema, words) {
		return nil
	}
	_ = s.read(func(st *state.State) error {
		parsed, err := st.Parsed(v)
		if w, ok := parsed.(walker); ok && err == nil {
			w.Walk(func(path, kind, doc string, _ []string) {
				path = strings.Clone(path) // it may share a larger text
				list = append(list, said{path, nameOf(path, kind, v.SchemaType), strings.Clone(doc), kind == "field"})
			})
		}
		return err
	})
	s.found.put(key, list)
	return list
}

// walker is a schema whose types, fields and docs can be gone through. kind is field,
// or what else it is.
type walker interface {
	Walk(visit func(path, kind, doc string, tags []string))
}

// nameOf is what a type or a field is searched by: of a type the full name, of a field
// its own. Schemas in JSON Schema have none.
func nameOf(path, kind, language string) string {
	switch {
	case language == "JSON" && kind == "field":
		return strings.NewReplacer("~1", "/", "~0", "~").Replace(path[strings.LastIndexByte(path, '/')+1:])
	case language == "JSON":
		return ""
	case kind == "field":
		return path[strings.LastIndexByte(path, '.')+1:]
	}
	return path
}

// mayContain says whether what a schema's text says may contain words: the text does,
// or has letters escaped, or is a descriptor in base64. What is searched by its path may
// be in pieces there.
func mayContain(text, words string) bool {
	return strings.ContainsRune(text, '\\') || !strings.ContainsAny(text, "{\"") || strings.ContainsAny(words, "./~\n") || contains(text, words)
}

// contains says whether text contains words, which are in lower case.
func contains(text, words string) bool {
	if strings.IndexFunc(words, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		return strings.Contains(strings.ToLower(text), words)
	}
	first := words[0]
	for i := 0; i+len(words) <= len(text); i++ {
		if c := text[i]; (c == first || c|0x20 == first && 'A' <= c && c <= 'Z') && strings.EqualFold(text[i:i+len(words)], words) {
			return true
		}
	}
	return false
}

// around is a doc, or so much of a long one as is around the words.
func around(doc, words string) string {
	const most = 300
	runes := []rune(doc)
	if len(runes) <= most {
		return doc
	}
	at := 0
	if i := strings.Index(strings.ToLower(doc), words); i > 0 {
		at = utf8.RuneCountInString(strings.ToLower(doc)[:i])
	}
	begin := max(0, min(at-most/2, len(runes)-most))
	return string(runes[begin : begin+most])
}
