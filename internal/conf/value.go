package conf

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

var durationType = reflect.TypeFor[time.Duration]()

// parse sets the scalar v from its text. The error is what stands after the path
// in a message.
func parse(v reflect.Value, text string, secret bool) error {
	if secret && text == hidden {
		return errors.New(hidden + " is printed instead of a secret; give the secret itself")
	}
	shown := strconv.Quote(text)
	if secret {
		shown = "a value that is kept secret"
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		err := u.UnmarshalText([]byte(text))
		switch {
		case err == nil:
			return nil
		case secret:
			return fmt.Errorf("expected %s, found %s", expected(v.Type()), shown)
		}
		return fmt.Errorf("expected %s, found %s: %w", expected(v.Type()), shown, err)
	}
	err := parseKind(v, text)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("expected %s, found %s, which is out of range", expected(v.Type()), shown)
	case err != nil:
		return fmt.Errorf("expected %s, found %s", expected(v.Type()), shown)
	}
	return nil
}

var errSyntax = errors.New("not of this type")

func parseKind(v reflect.Value, text string) (err error) {
	var (
		i int64
		u uint64
		f float64
		d time.Duration
	)
	switch {
	case v.Type() == durationType:
		d, err = parseDuration(text)
		v.SetInt(int64(d))
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return errSyntax
		}
		v.SetBool(text == "true")
	case v.CanInt():
		i, err = strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(i)
	case v.CanUint():
		u, err = strconv.ParseUint(text, 10, v.Type().Bits())
		v.SetUint(u)
	default:
		f, err = strconv.ParseFloat(text, v.Type().Bits())
		if err == nil && (math.IsNaN(f) || math.IsInf(f, 0)) {
			err = errSyntax
		}
		v.SetFloat(f)
	}
	return err
}

// parseList sets the list v.
func parseList(v reflect.Value, texts []string, secret bool) error {
	all := reflect.Zero(v.Type()) // none is nil, so that an empty list equals one that was never set
	for _, text := range texts {
		element := reflect.New(v.Type().Elem()).Elem()
		if err := parse(element, text, secret); err != nil {
			return err
		}
		all = reflect.Append(all, element)
	}
	v.Set(all)
	return nil
}

// format returns the text from which parse makes the scalar v.
func format(v reflect.Value) string {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			return "(" + err.Error() + ")"
		}
		return string(text)
	}
	if v.Type() == durationType {
		return formatDuration(time.Duration(v.Int()))
	}
	return fmt.Sprint(v.Interface())
}

// typeName names the type of a leaf for the reference.
func typeName(t reflect.Type) string {
	switch {
	case shapeOf(t) == list:
		return "list of " + typeName(t.Elem())
	case t == reflect.TypeFor[Bytes]():
		return "size"
	case t == durationType:
		return "duration"
	case reflect.PointerTo(t).Implements(unmarshaler):
		return strings.ToLower(t.Name())
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "number"
	}
	return "whole number"
}

// expected says what a value of type t looks like.
func expected(t reflect.Type) string {
	name := typeName(t)
	switch name {
	case "true or false", "text":
		return name
	case "size":
		return "a size such as 512, 64MiB or 1GB"
	case "duration":
		return "a duration such as 500ms, 10m, 1h30m or 7d"
	case "number":
		return "a number such as 0.5"
	case "whole number":
		return "a whole number such as 3"
	}
	return "a " + name
}

const day = 24 * time.Hour

// parseDuration is time.ParseDuration with days in front.
func parseDuration(text string) (time.Duration, error) {
	days, rest, ok := strings.Cut(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(days, 10, 64)
	if err != nil {
		return 0, err
	}
	var d time.Duration
	if rest != "" {
		if d, err = time.ParseDuration(rest); err != nil {
			return 0, err
		}
	}
	if rest != "" && (rest[0] < '0' || rest[0] > '9') {
		return 0, errSyntax // 1d-2h
	}
	if n > uint64((math.MaxInt64-d)/day) {
		return 0, strconv.ErrRange
	}
	return time.Duration(n)*day + d, nil
}

// formatDuration is Duration.String with days, and without what is zero.
func formatDuration(d time.Duration) string {
	if d < day {
		text := d.String()
		if strings.HasSuffix(text, "m0s") {
			text = strings.TrimSuffix(text, "0s")
		}
		if strings.HasSuffix(text, "h0m") {
			text = strings.TrimSuffix(text, "0m")
		}
		return text
	}
	text := strconv.FormatInt(int64(d/day), 10) + "d"
	if d %= day; d > 0 {
		text += formatDuration(d)
	}
	return text
}

// Bytes is a size in bytes. Its text is a whole number and a unit: B, kB, MB, GB
// and TB are powers of 1000, KiB, MiB, GiB and TiB powers of 1024; none is B.
type Bytes int64

// units from the largest down.
var units = []struct {
	name string
	size Bytes
}{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}, {"B", 1},
}

// String returns b in the largest unit that divides it.
func (b Bytes) String() string {
	for _, u := range units {
		if b != 0 && b%u.size == 0 && u.size > 1 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// MarshalText implements encoding.TextMarshaler.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) error {
	number, size := string(text), Bytes(1)
	for _, u := range units {
		if n := len(number) - len(u.name); n >= 0 && strings.EqualFold(number[n:], u.name) {
			number, size = strings.TrimRight(number[:n], " "), u.size
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) || err == nil && (n > math.MaxInt64/int64(size) || n < math.MinInt64/int64(size)):
		return errors.New("out of range")
	case err != nil:
		return errors.New("not a whole number with a unit")
	}
	*b = Bytes(n) * size
	return nil
}
