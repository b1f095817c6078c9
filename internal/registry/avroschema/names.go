package avroschema

import (
	"fmt"
	"strings"
	"unicode"
)

// readName is a name as the language writes it: relative to a namespace, or full.
// A leading dot alone means the null namespace.
func readName(s, space string) name {
	if i := strings.LastIndexByte(s, '.'); i >= 0 {
		return name{s[:i], s[i+1:]}
	}
	return name{space, s}
}

// in spells the name as it is written inside a namespace: short there, unless it
// would read as one of the language's own types.
func (n name) in(space string) string {
	if n.space != space || n.space != "" && isKind(n.short) {
		return n.String()
	}
	return n.short
}

func isKind(s string) bool {
	for k := range unresolved {
		if kindNames[k] == s {
			return true
		}
	}
	return false
}

// checkName judges a simple name: letters, digits and underscores, in Unicode's
// first plane, as Java's UTF_VALIDATOR.
func checkName(s string) error {
	if s == "" {
		return fmt.Errorf("a name is empty")
	}
	for i, c := range s {
		switch {
		case c == '_':
		case c > 0xFFFF, !unicode.IsLetter(c) && (i == 0 || !unicode.IsDigit(c)):
			return fmt.Errorf("the name %q has the character %q", s, c)
		}
	}
	return nil
}

func (n name) check() error {
	if n.space != "" {
		for part := range strings.SplitSeq(n.space, ".") {
			if err := checkName(part); err != nil {
				return fmt.Errorf("namespace %q: %w", n.space, err)
			}
		}
	}
	return checkName(n.short)
}
