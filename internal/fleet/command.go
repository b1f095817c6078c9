package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// commandOf returns the command line that does a change with everything resolved.
func commandOf(c *Change, f *Facts) string {
	words := []string{"weir"}
	add := func(w ...string) { words = append(words, w...) }
	settings := func() {
		for _, name := range slices.Sorted(maps.Keys(c.Set)) {
			add("--set", name+"="+c.Set[name])
		}
		for _, name := range c.Unset {
			add("--unset", name)
		}
	}
	switch c.Kind {
	case TopicCreate:
		add("topics", "create", c.Topic, fmt.Sprintf("--partitions=%d", c.Partitions), fmt.Sprintf("--replication=%d", c.Replication))
		settings()
	case TopicAlter:
		add("topics", "alter", c.Topic, fmt.Sprintf("--partitions=%d", c.Partitions), "--yes")
	case TopicConfig:
		add("topics", "config", c.Topic)
		settings()
		add("--yes")
	case TopicDelete:
		add("topics", "delete")
		add(c.Topics...)
		if c.Force {
			add("--force")
		}
		add("--yes")
	case GroupReset:
		add("groups", "reset", c.Group)
		for _, o := range c.Reset.Offsets {
			add("--offset", fmt.Sprintf("%s/%d=%d", o.Topic, o.Partition, o.Offset))
		}
		add("--yes")
	case GroupDelete:
		add("groups", "delete", c.Group, "--yes")
	}
	if add(f.At...); len(f.At) == 0 {
		add("--cluster", f.Cluster)
	}
	for i, w := range words {
		words[i] = quote(w)
	}
	return strings.Join(words, " ")
}

// quote writes a word as a shell reads it.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=,:+@%", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
