package actions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

const (
	// maxChange is how many bytes of a change are recorded as they are.
	maxChange = 16 << 10
	// maxText is how many bytes of a target, a reason or an error are.
	maxText = 2 << 10
	// keptItems is how much of each list of a longer change is recorded.
	keptItems = 20
)

// bounded returns the record with what is too long cut, and told as cut: a log that
// takes no record of a change could not take the change either.
func (r record) bounded() record {
	for _, text := range []*string{&r.Actor, &r.Via, &r.System, &r.Kind, &r.Cluster, &r.Target, &r.Reason, &r.Error} {
		*text = cutText(*text, maxText)
	}
	if len(r.Change) > maxChange {
		r.Change = cutChange(r.Change)
	}
	return r
}

// cutText keeps the first n bytes of a text.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return fmt.Sprintf("%s… (cut, of %d bytes)", s[:n], len(s))
}

// cut is the member of a change in the log that is not whole.
type cut struct {
	Bytes  int            `json:"bytes"`           // of the whole change
	SHA256 string         `json:"sha256"`          // of its bytes
	Items  map[string]int `json:"items,omitempty"` // how many each list had that was cut, by its path
}

// cutChange returns a change with the first items of its lists and the beginnings of
// its texts, or, where that is still too long, without anything of it. Its member
// "cut" says what is missing.
func cutChange(change json.RawMessage) json.RawMessage {
	c := cut{Bytes: len(change), SHA256: hash(change), Items: map[string]int{}}
	dec := json.NewDecoder(bytes.NewReader(change))
	dec.UseNumber() // offsets are longer than a float
	var whole map[string]any
	if err := dec.Decode(&whole); err != nil || whole == nil {
		whole = map[string]any{} // no object
	}
	c.shorten("", whole)
	whole["cut"] = c
	b, err := json.Marshal(whole)
	if err != nil || len(b) > maxChange {
		b, _ = json.Marshal(map[string]cut{"cut": {Bytes: c.Bytes, SHA256: c.SHA256}}) // of numbers and a hash
	}
	return b
}

func (c *cut) shorten(path string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = c.shorten(path+"."+name, member)
		}
	case []any:
		if len(v) > keptItems {
			c.Items[path[1:]] = len(v)
			v = slices.Clip(v[:keptItems])
		}
		for i := range v {
			v[i] = c.shorten(path+"[]", v[i])
		}
		return v
	case string:
		return cutText(v, maxText)
	}
	return v
}
