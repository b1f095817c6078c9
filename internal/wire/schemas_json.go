package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// A replay of `_schemas` spends its time in JSON, most of it in long strings that
// encoding/json goes over five times. Hence a reader of objects by hand, which
// goes over them twice. What it hands out is valid JSON, and what it refuses
// encoding/json refuses too.

// eachMember calls fn for the members of the JSON object that b is, in order
// and with their exact names (encoding/json's structs match any case).
func eachMember(what string, b []byte, fn func(name string, raw json.RawMessage) error) error {
	if err := walk(b, fn); err != nil {
		return fmt.Errorf("%w %s: %v", ErrMalformed, what, err)
	}
	return nil
}

func walk(b []byte, fn func(name string, raw json.RawMessage) error) error {
	at := space(b, 0)
	if at >= len(b) || b[at] != '{' {
		return errors.New("not a JSON object")
	}
	at = space(b, at+1)
	for first := true; ; first = false {
		if at < len(b) && b[at] == '}' && first {
			break
		}
		end, err := value(b, at)
		if err != nil || b[at] != '"' {
			return fmt.Errorf("no name at byte %d", at)
		}
		var name string
		if err := readString(b[at:end], &name); err != nil {
			return err
		}
		if at = space(b, end); at >= len(b) || b[at] != ':' {
			return fmt.Errorf("no colon at byte %d", at)
		}
		at = space(b, at+1)
		if end, err = value(b, at); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := fn(name, b[at:end]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if at = space(b, end); at < len(b) && b[at] == '}' {
			break
		}
		if at >= len(b) || b[at] != ',' {
			return fmt.Errorf("no comma at byte %d", at)
		}
		at = space(b, at+1)
	}
	if at = space(b, at+1); at < len(b) {
		return fmt.Errorf("%d trailing bytes", len(b)-at)
	}
	return nil
}

func space(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\t' || b[at] == '\n' || b[at] == '\r') {
		at++
	}
	return at
}

// value returns the end of the JSON value that begins at b[at].
func value(b []byte, at int) (end int, err error) {
	switch {
	case at >= len(b):
		return 0, errors.New("it ends where a value should be")
	case b[at] == '"':
		return stringEnd(b, at)
	case b[at] == '{' || b[at] == '[':
		end, err = nestedEnd(b, at)
	default:
		if end = bytes.IndexAny(b[at:], ",}] \t\n\r"); end < 0 {
			end = len(b) - at
		}
		end += at
	}
	if err == nil && !json.Valid(b[at:end]) {
		err = fmt.Errorf("no JSON value at byte %d", at)
	}
	return end, err
}

// nestedEnd returns where the brackets that open at b[at] are closed again.
func nestedEnd(b []byte, at int) (end int, err error) {
	depth := 0
	for i := at; i < len(b); i++ {
		switch b[i] {
		case '"':
			if end, err = stringEnd(b, i); err != nil {
				return 0, err
			}
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, nil
			}
		}
	}
	return 0, fmt.Errorf("a bracket that is not closed at byte %d", at)
}

// stringEnd returns the end of the JSON string that begins at b[at].
func stringEnd(b []byte, at int) (int, error) {
	for i := at + 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, nil
		case c < 0x20:
			return 0, fmt.Errorf("control character at byte %d", i)
		case c == '\\':
			if i++; i >= len(b) || bytes.IndexByte([]byte(`"\/bfnrtu`), b[i]) < 0 {
				return 0, fmt.Errorf("no escape at byte %d", i)
			}
			if b[i] == 'u' {
				if i+4 >= len(b) || !isHex(b[i+1:i+5]) {
					return 0, fmt.Errorf("no escape at byte %d", i)
				}
				i += 4
			}
		}
	}
	return 0, fmt.Errorf("a string without an end at byte %d", at)
}

func isHex(b []byte) bool {
	for _, c := range b {
		if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f') {
			return false
		}
	}
	return true
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// readString reads a valid JSON value into s: a string, or null, which leaves s.
func readString(raw json.RawMessage, s *string) error {
	if len(raw) < 2 || raw[0] != '"' || !utf8.Valid(raw) {
		return json.Unmarshal(raw, s)
	}
	text := raw[1 : len(raw)-1]
	i := bytes.IndexByte(text, '\\')
	if i < 0 {
		*s = string(text)
		return nil
	}
	plain := make([]byte, 0, len(text))
	for i >= 0 {
		c := escapes[text[i+1]]
		if c == 0 {
			return json.Unmarshal(raw, s) // \u: surrogates and all
		}
		plain = append(append(plain, text[:i]...), c)
		text = text[i+2:]
		i = bytes.IndexByte(text, '\\')
	}
	*s = string(append(plain, text...))
	return nil
}
