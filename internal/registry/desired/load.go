package desired

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

// Manifest is the name of the file that says what file names do not.
const Manifest = "weir-schemas.yaml"

// Directory is what a registry ought to have. Its JSON is that of weir's API.
type Directory struct {
	Compatibility string    `json:"compatibility,omitempty" doc:"Of the registry as a whole. Default: it is left as it is."`
	Mode          string    `json:"mode,omitempty" doc:"Of the registry as a whole. Default: it is left as it is."`
	Subjects      []Subject `json:"subjects" nullable:"false"` // by name
}

// Subject is a subject that a registry ought to have.
type Subject struct {
	Name          string                 `json:"subject" minLength:"1"`
	File          string                 `json:"file,omitempty" doc:"Where the schema comes from, for people."`
	Type          string                 `json:"schemaType,omitempty" doc:"AVRO, JSON or PROTOBUF. Default: AVRO."`
	Schema        string                 `json:"schema" doc:"The text of the latest version."`
	References    []wire.SchemaReference `json:"references,omitempty" doc:"Version -1 is the latest."`
	Compatibility string                 `json:"compatibility,omitempty" doc:"Default: none of its own."`
	Mode          string                 `json:"mode,omitempty" doc:"Default: none of its own."`
}

// manifest is the YAML.
type manifest struct {
	Compatibility string                     `yaml:"compatibility"`
	Mode          string                     `yaml:"mode"`
	Subjects      map[string]manifestSubject `yaml:"subjects"`
}

type manifestSubject struct {
	File          string   `yaml:"file"` // default: the file whose path is the subject's name
	Type          string   `yaml:"type"`
	Compatibility string   `yaml:"compatibility"`
	Mode          string   `yaml:"mode"`
	References    []string `yaml:"references"` // name=subject or name=subject:version
}

// types are by the endings of files.
var types = map[string]string{".avsc": "AVRO", ".json": "JSON", ".proto": "PROTOBUF"}

// TypeOf returns the type of a file, "" if its ending says none.
func TypeOf(file string) string { return types[path.Ext(file)] }

// ParseReference reads NAME=SUBJECT or NAME=SUBJECT:VERSION; without a version it is
// the latest.
func ParseReference(text string) (r wire.SchemaReference, err error) {
	name, subject, ok := strings.Cut(text, "=")
	if !ok || name == "" || subject == "" {
		return r, fmt.Errorf("reference %q: write name=subject or name=subject:version", text)
	}
	r = wire.SchemaReference{Name: name, Subject: subject, Version: state.Latest}
	if i := strings.LastIndexByte(subject, ':'); i > 0 && i+1 < len(subject) {
		if n, err := strconv.Atoi(subject[i+1:]); err == nil && n > 0 {
			r.Subject, r.Version = subject[:i], n
		} else if subject[i+1:] == "latest" {
			r.Subject = subject[:i]
		} else if subject[0] != ':' {
			return r, fmt.Errorf("reference %q: %s is no version; write a number from 1 on, or latest", text, subject[i+1:])
		}
	}
	return r, nil
}

// Load reads a directory. Its error has a line for each thing that is wrong.
func Load(dir fs.FS) (d Directory, err error) {
	m, err := readManifest(dir)
	if err != nil {
		return d, err
	}
	d.Compatibility, d.Mode = m.Compatibility, m.Mode
	named := map[string]bool{}
	for _, s := range m.Subjects {
		named[s.File] = true
	}
	files := map[string]string{} // subject -> file
	err = fs.WalkDir(dir, ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && TypeOf(name) != "" && !named[name] {
			subject := strings.TrimSuffix(name, path.Ext(name))
			if other, ok := files[subject]; ok {
				return fmt.Errorf("%s and %s are both of subject %s; name one of them in %s", other, name, subject, Manifest)
			}
			files[subject] = name
		}
		return err
	})
	if err != nil {
		return d, err
	}
	for subject, file := range files {
		if _, ok := m.Subjects[subject]; !ok {
			m.Subjects[subject] = manifestSubject{File: file}
		}
	}
	var problems []error
	for name, s := range m.Subjects {
		subject, err := s.read(dir, name, files[name])
		problems = append(problems, err)
		d.Subjects = append(d.Subjects, subject)
	}
	slices.SortFunc(d.Subjects, func(a, b Subject) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(problems, func(a, b error) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return d, errors.Join(problems...)
}

func readManifest(dir fs.FS) (m manifest, err error) {
	text, err := fs.ReadFile(dir, Manifest)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&m); err != nil && !errors.Is(err, io.EOF) {
		return m, fmt.Errorf("%s: %w", Manifest, inALine(err))
	}
	if m.Subjects == nil {
		m.Subjects = map[string]manifestSubject{}
	}
	return m, nil
}

// inALine is a YAML error without the names of our types.
func inALine(err error) error {
	if wrong := (*yaml.TypeError)(nil); errors.As(err, &wrong) {
		text := strings.Join(wrong.Errors, "; ")
		return errors.New(strings.NewReplacer(" in type desired.manifestSubject", " of a subject", " in type desired.manifest", "").Replace(text))
	}
	return err
}

func (s manifestSubject) read(dir fs.FS, name, file string) (Subject, error) {
	subject := Subject{Name: name, File: cmp.Or(s.File, file), Compatibility: s.Compatibility, Mode: s.Mode}
	if subject.File == "" {
		return subject, fmt.Errorf("%s: subject %s names no file, and there is no %s.avsc, .json or .proto", Manifest, name, name)
	}
	if subject.Type = cmp.Or(strings.ToUpper(s.Type), TypeOf(subject.File)); subject.Type == "" {
		return subject, fmt.Errorf("%s: the ending of %s says no type; add type: AVRO, JSON or PROTOBUF to subject %s", Manifest, subject.File, name)
	}
	text, err := fs.ReadFile(dir, subject.File)
	if err != nil {
		return subject, fmt.Errorf("subject %s: %w", name, err)
	}
	subject.Schema = string(text)
	for _, text := range s.References {
		r, err := ParseReference(text)
		if err != nil {
			return subject, fmt.Errorf("%s: subject %s: %w", Manifest, name, err)
		}
		subject.References = append(subject.References, r)
	}
	return subject, nil
}
