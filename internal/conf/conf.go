package conf

import (
	"errors"
	"fmt"
	"reflect"
)

// Sources is what lies above the defaults.
type Sources struct {
	// File is the YAML text; nil if there is no file.
	File []byte
	// Name is how errors and origins call the file.
	Name string
	// Env holds variables as "NAME=value", as os.Environ does. Those that do not
	// begin with WEIR_ are not looked at.
	Env []string
	// Allow are the WEIR_ variables that mean something to others. One that is also
	// the variable of a field sets the field.
	Allow []string
}

// Load fills the struct that target points to, which holds the defaults. After
// an error it is half-filled and not to be used; the error has a line for each
// problem of the sources.
func Load(target any, sources Sources) (*Effective, error) {
	v, err := structOf(target)
	if err != nil {
		return nil, err
	}
	l := &loader{file: sources.Name, origins: map[string]string{}}
	l.loadFile(v, sources.File)
	l.loadEnv(v, sources.Env, sources.Allow)
	if len(l.problems) > 0 {
		return nil, errors.Join(l.problems...)
	}
	return newEffective(v, l.origins), nil
}

// structOf returns the struct that target points to, if conf can load it.
func structOf(target any) (reflect.Value, error) {
	v := reflect.ValueOf(target)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return v, fmt.Errorf("conf: %T is not a pointer to a struct", target)
	}
	return v.Elem(), check(v.Elem())
}

// loader collects what Load finds.
type loader struct {
	file     string
	origins  map[string]string // by path, of leaves and sections
	problems []error
}

func (l *loader) problem(where, path, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if path != "" {
		text = path + ": " + text
	}
	l.problems = append(l.problems, errors.New(where+": "+text))
}
