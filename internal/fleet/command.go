package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxWords is how many offsets a command names in its words. A shell takes some
// hundred kilobytes of them; more are given as lines.
const maxWords = 500

// commandOf returns the command line that does a change with everything resolved,
// "" if no shell can say it. It is safe to show: what a terminal would obey is
// written in printable characters.
func commandOf(c *Change, f *Facts) string {
	w := &words{list: []string{"weir"}}
	settings := func() {
		for _, name := range slices.Sorted(maps.Keys(c.Set)) {
			w.option("--set", name+"="+c.Set[name])
		}
		for _, name := range c.Unset {
			w.option("--unset", name)
		}
	}
	lines := ""
	switch c.Kind {
	case TopicCreate:
		w.add("topics", "create")
		w.name(c.Topic)
		w.add(fmt.Sprintf("--partitions=%d", c.Partitions), fmt.Sprintf("--replication=%d", c.Replication))
		settings()
	case TopicAlter:
		w.add("topics", "alter")
		w.name(c.Topic)
		w.add(fmt.Sprintf("--partitions=%d", c.Partitions), "--yes")
	case TopicConfig:
		w.add("topics", "config")
		w.name(c.Topic)
		settings()
		w.add("--yes")
	case TopicDelete:
		w.add("topics", "delete")
		w.name(c.Topics...)
		if c.Force {
			w.add("--force")
		}
		w.add("--yes")
	case GroupReset:
		w.add("groups", "reset")
		w.name(c.Group)
		if lines = offsetLines(c.Reset.Offsets); lines != "" {
			w.add("--offsets", "-")
		} else {
			for _, o := range c.Reset.Offsets {
				w.option("--offset", fmt.Sprintf("%s/%d=%d", o.Topic, o.Partition, o.Offset))
			}
		}
		w.add("--yes")
	case GroupDelete:
		w.add("groups", "delete")
		w.name(c.Group)
		w.add("--yes")
	}
	if w.add(f.At...); len(f.At) == 0 {
		w.add("--cluster", f.Cluster)
	}
	return w.line(lines)
}

// offsetLines returns many offsets as a here-document, "" if they are few enough to
// be words, or if a name is more than letters, so that it could end the document.
func offsetLines(offsets []TopicOffset) string {
	if len(offsets) <= maxWords || slices.ContainsFunc(offsets, func(o TopicOffset) bool { return !plain(o.Topic) }) {
		return ""
	}
	var b strings.Builder
	b.WriteString(" <<'END'\n")
	for _, o := range offsets {
		fmt.Fprintf(&b, "%s/%d=%d\n", o.Topic, o.Partition, o.Offset)
	}
	b.WriteString("END")
	return b.String()
}

// words are those of a command line.
type words struct {
	list   []string
	dashed []string // names that would be taken for options
}

func (w *words) add(words ...string) { w.list = append(w.list, words...) }

// name adds names that others have chosen.
func (w *words) name(names ...string) {
	if slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "-") }) {
		w.dashed = append(w.dashed, names...)
	} else {
		w.add(names...)
	}
}

func (w *words) option(name, value string) {
	if strings.HasPrefix(value, "-") {
		w.add(name + "=" + value)
	} else {
		w.add(name, value)
	}
}

func (w *words) line(document string) string {
	all := w.list
	if len(w.dashed) > 0 {
		all = slices.Concat(all, []string{"--"}, w.dashed)
	}
	quoted := make([]string, len(all))
	for i, word := range all {
		if strings.ContainsRune(word, 0) {
			return "" // it ends every argument
		}
		quoted[i] = quote(word)
	}
	return strings.Join(quoted, " ") + document
}

// quote writes a word as a shell reads it, in characters that a terminal prints:
// others by their bytes, in $'...', which POSIX has since 2024 and bash, zsh, ksh and
// busybox for long.
func quote(word string) string {
	switch {
	case plain(word) && word[0] != '=': // which zsh takes for a command's path
		return word
	case printed(word):
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for len(word) > 0 {
		r, n := utf8.DecodeRuneInString(word)
		switch {
		case r == '\'' || r == '\\':
			b.WriteString(`\` + string(r))
		case unicode.IsPrint(r) && !(r == utf8.RuneError && n == 1):
			b.WriteString(word[:n])
		default: // three digits always: what follows may be one
			for i := range n {
				fmt.Fprintf(&b, `\%03o`, word[i])
			}
		}
		word = word[n:]
	}
	return b.String() + "'"
}

// plain says that a shell takes a word for itself.
func plain(word string) bool {
	return word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=,:+@%", r))
	})
}

func printed(word string) bool {
	return utf8.ValidString(word) && !strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsPrint(r) })
}
