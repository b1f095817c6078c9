package verify

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Record is a record of the topic.
type Record struct {
	Offset     int64
	Key, Value []byte
	Committed  bool
}

// key is what the bytes of a key mean.
type key struct {
	Keytype, Subject, Tenant, Context string
	Version                           int
}

func (k key) String() string {
	switch {
	case k.Keytype == "SCHEMA":
		return fmt.Sprintf("%s version %d", k.Subject, k.Version)
	case k.Context != "":
		return k.Keytype + " of " + k.Context
	case k.Subject == "":
		return k.Keytype + " of the registry"
	}
	return k.Keytype + " of " + k.Subject
}

func readKey(b []byte) (k key, err error) {
	err = json.Unmarshal(b, &k)
	k.Subject = strings.TrimPrefix(k.Subject, ":.:") // the default context, spelled out
	if k.Keytype != "SCHEMA" {
		k.Version = 0
	}
	return k, err
}

// value is what the value of a SCHEMA record says.
type value struct {
	Subject            string
	Version, ID        int
	SchemaType, Schema string
	References         []struct {
		Name, Subject string
		Version       int
	}
	Metadata, RuleSet any
	Deleted           bool
}

// same says what two schemas have in common that are the same.
func (v value) same() string {
	text := v.Schema
	var parsed any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if v.SchemaType != "PROTOBUF" && d.Decode(&parsed) == nil {
		text = asJSON(parsed)
	}
	if len(v.References) == 0 {
		v.References = nil // an empty list is none
	}
	kind := v.SchemaType
	if kind == "" {
		kind = "AVRO"
	}
	return asJSON([]any{kind, text, v.References, v.Metadata, v.RuleSet})
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// context is where ids mean something.
func context(subject string) string {
	if rest, ok := strings.CutPrefix(subject, ":."); ok {
		name, _, _ := strings.Cut(rest, ":")
		return "." + name
	}
	return "."
}

// fold is what a reader has after a number of records: its live keys. A version that
// is softly deleted is live, and deleted.
type fold map[key]string

func (f fold) take(r Record) {
	k, err := readKey(r.Key)
	if err != nil {
		return
	}
	if len(r.Value) == 0 {
		delete(f, k)
		return
	}
	switch k.Keytype {
	case "SCHEMA":
		var v value
		if json.Unmarshal(r.Value, &v) == nil {
			f.put(k, v)
		}
	case "DELETE_SUBJECT":
		f.eachVersion(r.Value, func(of key, v value, last int) {
			if v.Version <= last {
				v.Deleted = true
				f.put(of, v)
			}
		})
	case "CLEAR_SUBJECT":
		f.eachVersion(r.Value, func(of key, v value, _ int) {
			if v.Deleted {
				delete(f, of)
			}
		})
	case "CONFIG", "MODE":
		var v any
		if json.Unmarshal(r.Value, &v) == nil {
			f[k] = asJSON(v)
		}
	}
}

func (f fold) put(k key, v value) { f[k] = asJSON(v) }

// eachVersion calls fn with the versions that an event is about.
func (f fold) eachVersion(event []byte, fn func(k key, v value, last int)) {
	var e struct {
		Subject string
		Version int
	}
	if json.Unmarshal(event, &e) != nil {
		return
	}
	for k, text := range f {
		about := k.Subject == e.Subject
		if e.Subject == "" || strings.HasPrefix(e.Subject, ":.") && strings.HasSuffix(e.Subject, ":") {
			about = e.Subject == "" && context(k.Subject) == "." || e.Subject != "" && (strings.HasPrefix(k.Subject, e.Subject) || e.Subject == ":.__GLOBAL:")
		}
		var v value
		if k.Keytype == "SCHEMA" && about && json.Unmarshal([]byte(text), &v) == nil {
			fn(k, v, e.Version)
		}
	}
}

func folded(records []Record) fold {
	f := fold{}
	for _, r := range records {
		f.take(r)
	}
	return f
}

// compacted keeps the last record of each key, if it is no deletion. An empty value
// is none for the broker.
func compacted(records []Record, by func(Record) string) (left []Record) {
	last := map[string]int{}
	for i, r := range records {
		last[by(r)] = i
	}
	for i, r := range records {
		if last[by(r)] == i && r.Value != nil {
			left = append(left, r)
		}
	}
	return left
}

func byBytes(r Record) string { return string(r.Key) }

func byMeaning(r Record) string {
	k, err := readKey(r.Key)
	if err != nil {
		return string(r.Key)
	}
	return asJSON(k)
}
