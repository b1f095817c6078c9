package jsonschema

import (
	"regexp/syntax"
	"strings"
)

// beginning is the text that each name that matches begins with, or "".
func (p *patterned) beginning() string {
	rest, ok := strings.CutPrefix(p.text, "^")
	if p.re == nil || !ok || strings.Contains(p.text, "|") {
		return ""
	}
	for i, r := range rest {
		if strings.ContainsRune(`\.+*?()[]{}^$`, r) {
			if strings.ContainsRune("*?{", r) && i > 0 {
				i-- // the character before it may be missing
			}
			return strings.ToValidUTF8(rest[:i], "")
		}
	}
	return rest
}

// matches are short texts that a regular expression matches, if it finds some.
func matches(re string) (found []string) {
	parsed, err := syntax.Parse(re, syntax.Perl)
	if err != nil {
		return nil
	}
	parsed = parsed.Simplify()
	for _, m := range []matcher{{}, {more: true}, {last: true}} {
		if m.append(parsed) {
			found = append(found, m.String())
		}
	}
	return found
}

// matcher writes a text that matches.
type matcher struct {
	strings.Builder
	more bool // repeats once more than it must
	last bool // takes the last alternative
}

func (m *matcher) append(re *syntax.Regexp) bool {
	if m.Len() > maxExample {
		return false
	}
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	case syntax.OpStar, syntax.OpQuest:
		return !m.more || m.append(re.Sub[0])
	case syntax.OpPlus:
		return m.append(re.Sub[0]) && (!m.more || m.append(re.Sub[0]))
	case syntax.OpLiteral:
		m.WriteString(string(re.Rune))
		return true
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		m.WriteByte('x')
		return true
	case syntax.OpCharClass:
		if len(re.Rune) > 0 {
			m.WriteRune(m.pick(re.Rune))
		}
		return len(re.Rune) > 0
	case syntax.OpCapture:
		return m.append(re.Sub[0])
	case syntax.OpAlternate:
		if m.last {
			return m.append(re.Sub[len(re.Sub)-1])
		}
		return m.append(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if !m.append(sub) {
				return false
			}
		}
		return true
	}
	return false
}

// pick is a character of a class: one that can be read, if there is one.
func (m *matcher) pick(ranges []rune) rune {
	if m.last {
		return ranges[len(ranges)-1]
	}
	for _, want := range "xX0" {
		for i := 0; i < len(ranges); i += 2 {
			if ranges[i] <= want && want <= ranges[i+1] {
				return want
			}
		}
	}
	return ranges[0]
}
