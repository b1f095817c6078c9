package serde

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// fake is a registry in memory: it registers, looks up and gives back by id, by
// GUID and by version, with the codes of Confluent's. It judges nothing.
type fake struct {
	url      string
	old      bool // a registry before GUIDs: replies to a registration hold the id only
	requests atomic.Int64
	instead  atomic.Pointer[http.HandlerFunc] // answers in its place
	routes   *http.ServeMux

	mu       sync.Mutex
	schemas  []fakeSchema // its id is its index + 1
	subjects map[string][]int
	order    []string // subjects, as they came
	asked    []string // method and path, in order
}

type fakeSchema struct {
	Format     string          `json:"schemaType,omitempty"`
	Text       string          `json:"schema"`
	References []wireReference `json:"references,omitempty"`
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{subjects: map[string][]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /subjects/{s}/versions", f.register)
	mux.HandleFunc("POST /subjects/{s}", f.lookup)
	mux.HandleFunc("GET /subjects/{s}/versions/{v}", f.version)
	mux.HandleFunc("GET /schemas/ids/{id}", f.byID)
	mux.HandleFunc("GET /schemas/ids/{id}/versions", f.uses)
	mux.HandleFunc("GET /schemas/guids/{g}", f.byGUID)
	f.routes = mux
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.requests.Add(1)
		if instead := f.instead.Load(); instead != nil {
			(*instead)(w, r)
			return
		}
		f.serve(w, r)
	}))
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		h.Close()
	})
	f.url = h.URL
	return f
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r.Method+" "+r.URL.RequestURI())
	f.routes.ServeHTTP(w, r)
}

// answer makes the fake say the same to everything; 0 ends that.
func (f *fake) answer(status int, body string) {
	if status == 0 {
		f.instead.Store(nil)
		return
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
	f.instead.Store(&h)
}

// put registers behind the clients' backs and returns the id.
func (f *fake) put(subject string, s fakeSchema) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.add(subject, s)
}

func (f *fake) add(subject string, s fakeSchema) int {
	id := slices.IndexFunc(f.schemas, s.equal) + 1
	if id == 0 {
		f.schemas = append(f.schemas, s)
		id = len(f.schemas)
	}
	if f.subjects[subject] == nil {
		f.order = append(f.order, subject)
	}
	if !slices.Contains(f.subjects[subject], id) {
		f.subjects[subject] = append(f.subjects[subject], id)
	}
	return id
}

func (s fakeSchema) equal(o fakeSchema) bool {
	return s.Format == o.Format && s.Text == o.Text && slices.Equal(s.References, o.References)
}

// guid is computed as Confluent's registry does.
func (s fakeSchema) guid() GUID {
	b := []byte(s.Text)
	for _, r := range s.References {
		b = binary.BigEndian.AppendUint32(append(append(b, r.Name...), r.Subject...), uint32(r.Version))
	}
	return md5.Sum(b)
}

func (f *fake) reply(w http.ResponseWriter, subject string, id int) {
	s := f.schemas[id-1]
	out := map[string]any{"schema": s.Text, "id": id, "version": slices.Index(f.subjects[subject], id) + 1, "subject": subject}
	if !f.old {
		out["guid"] = s.guid()
	}
	if s.Format != "" {
		out["schemaType"] = s.Format
	}
	if len(s.References) > 0 {
		out["references"] = s.References
	}
	_ = json.NewEncoder(w).Encode(out)
}

func refuse(w http.ResponseWriter, code int, message string) {
	status, _ := strconv.Atoi(strconv.Itoa(code)[:3])
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error_code":%d,"message":%q}`, code, message)
}

func (f *fake) body(w http.ResponseWriter, r *http.Request) (s fakeSchema, ok bool) {
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		refuse(w, 42201, err.Error())
		return s, false
	}
	if s.Format == "AVRO" {
		s.Format = ""
	}
	if r.URL.Query().Get("normalize") == "true" {
		s.Text = strings.Join(strings.Fields(s.Text), " ")
	}
	for _, ref := range s.References {
		// One without a context is in that of the subject.
		if ref.Version < 1 || ref.Version > len(f.subjects[within(contextOf(r.PathValue("s")), ref.Subject)]) {
			refuse(w, 42201, "no schema reference found for subject "+ref.Subject)
			return s, false
		}
	}
	return s, true
}

func (f *fake) register(w http.ResponseWriter, r *http.Request) {
	s, ok := f.body(w, r)
	if !ok {
		return
	}
	id := f.add(r.PathValue("s"), s)
	if f.old {
		fmt.Fprintf(w, `{"id":%d}`, id)
		return
	}
	f.reply(w, r.PathValue("s"), id)
}

func (f *fake) lookup(w http.ResponseWriter, r *http.Request) {
	s, ok := f.body(w, r)
	if !ok {
		return
	}
	subject := r.PathValue("s")
	id := slices.IndexFunc(f.schemas, s.equal) + 1
	switch {
	case f.subjects[subject] == nil:
		refuse(w, 40401, "Subject '"+subject+"' not found.")
	case !slices.Contains(f.subjects[subject], id):
		refuse(w, 40403, "Schema not found")
	default:
		f.reply(w, subject, id)
	}
}

func (f *fake) version(w http.ResponseWriter, r *http.Request) {
	subject := r.PathValue("s")
	ids := f.subjects[subject]
	if ids == nil {
		refuse(w, 40401, "Subject '"+subject+"' not found.")
		return
	}
	v, _ := strconv.Atoi(r.PathValue("v"))
	if r.PathValue("v") == "latest" {
		v = len(ids)
	}
	if v < 1 || v > len(ids) {
		refuse(w, 40402, "Version not found.")
		return
	}
	f.reply(w, subject, ids[v-1])
}

func (f *fake) byID(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(r.PathValue("id"))
	if id < 1 || id > len(f.schemas) {
		refuse(w, 40403, "Schema not found")
		return
	}
	f.reply(w, "", id)
}

func (f *fake) uses(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(r.PathValue("id"))
	uses := []map[string]any{}
	for _, subject := range f.order {
		if v := slices.Index(f.subjects[subject], id) + 1; v > 0 {
			uses = append(uses, map[string]any{"subject": subject, "version": v})
		}
	}
	_ = json.NewEncoder(w).Encode(uses)
}

func (f *fake) byGUID(w http.ResponseWriter, r *http.Request) {
	if f.old {
		w.WriteHeader(404)
		return
	}
	for i, s := range f.schemas {
		if s.guid().String() == r.PathValue("g") {
			f.reply(w, "", i+1)
			return
		}
	}
	refuse(w, 40403, "Schema not found")
}
