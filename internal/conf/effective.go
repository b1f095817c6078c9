package conf

import (
	"fmt"
	"reflect"
	"strings"
)

// hidden is printed instead of a secret.
const hidden = "(set)"

// byDefault is the origin of a value that no source has set.
const byDefault = "default"

// Effective is a loaded configuration, as text. Its JSON is for scripts.
type Effective struct {
	// Settings are the leaves in the order of the struct, and the sections that
	// exist and have no leaf.
	Settings []Setting `json:"settings"`

	origins map[string]string
}

// Setting is one value and where it came from.
type Setting struct {
	// Path is the keys and names down to the value, with dots between them.
	Path string `json:"path"`
	// Value is a string, bool, number, []string or, for an empty section, struct{}{}.
	// Durations, sizes and other types with a text are strings.
	Value any `json:"value"`
	// Origin is "default", "FILE:LINE" or "env NAME".
	Origin string `json:"origin"`
}

func newEffective(v reflect.Value, origins map[string]string) *Effective {
	e := &Effective{origins: origins}
	which{entries: true}.walk(v, "", false, func(n node) {
		switch {
		case n.leaf():
			e.Settings = append(e.Settings, Setting{n.path, display(n), e.Origin(n.path)})
		case isEmpty(n):
			e.Settings = append(e.Settings, Setting{n.path, struct{}{}, e.Origin(n.path)})
		}
	})
	return e
}

// isEmpty says whether nothing will be visited below a section.
func isEmpty(n node) bool {
	if n.shape == named {
		return n.value.Len() == 0
	}
	below := 0
	which{entries: true}.walk(reflect.Indirect(n.value), n.path, n.secret, func(node) { below++ })
	return below == 0
}

// display returns the value of a leaf as Setting holds it.
func display(n node) any {
	v := n.value
	if n.secret && !v.IsZero() {
		return hidden
	}
	if n.shape == list {
		texts := make([]string, v.Len())
		for i := range texts {
			texts[i] = format(v.Index(i))
		}
		return texts
	}
	_, hasText := v.Interface().(interface{ MarshalText() ([]byte, error) })
	switch {
	case hasText || v.Type() == durationType || v.Kind() == reflect.String:
		return format(v)
	case v.Kind() == reflect.Bool:
		return v.Bool()
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return v.Uint()
	}
	return v.Float()
}

// Origin says where the value or the section at path was set.
func (e *Effective) Origin(path string) string {
	if origin, ok := e.origins[path]; ok {
		return origin
	}
	return byDefault
}

// YAML returns the settings as a file, with the origin of each as a comment.
func (e *Effective) YAML() string {
	type line struct{ text, origin string }
	var lines []line
	var above []string
	widest := 0
	for _, s := range e.Settings {
		path := strings.Split(s.Path, ".")
		last := len(path) - 1
		same := 0
		for same < last && same < len(above) && above[same] == path[same] {
			same++
		}
		for depth := same; depth < last; depth++ {
			lines = append(lines, line{text: indent(depth) + path[depth] + ":"})
		}
		above = path[:last]
		l := line{indent(last) + path[last] + ": " + yamlValue(s.Value), s.Origin}
		lines = append(lines, l)
		if len(l.text) <= commentColumn {
			widest = max(widest, len(l.text))
		}
	}
	var b strings.Builder
	for _, l := range lines {
		if l.origin == "" {
			b.WriteString(l.text + "\n")
		} else {
			fmt.Fprintf(&b, "%-*s  # %s\n", widest, l.text, l.origin)
		}
	}
	return b.String()
}

// commentColumn is how far right the comments of YAML may be moved to stand in
// one column; longer lines have theirs further out.
const commentColumn = 60

func indent(depth int) string { return strings.Repeat("  ", depth) }

func yamlValue(value any) string {
	switch value := value.(type) {
	case string:
		return yamlText(value)
	case []string:
		texts := make([]string, len(value))
		for i, text := range value {
			texts[i] = yamlText(text)
		}
		return "[" + strings.Join(texts, ", ") + "]"
	}
	return fmt.Sprint(value) // struct{}{} is {}
}
