package state

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/wire"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestScripts runs testdata/*.txt: each line is a command or a query, and below it
// stands what it gave: the records that it wrote (with "+"), the reply, or the
// refusal. Words are separated by spaces, `...` holds words together, and name=value
// are options.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := &runner{t: t, s: New(toys, "")}
			for line := range strings.Lines(string(text)) {
				switch line = strings.TrimRight(line, "\n"); {
				case strings.HasPrefix(line, "  "):
				case line == "" || line[0] == '#':
					r.out.WriteString(line + "\n")
				default:
					r.out.WriteString(line + "\n")
					r.run(words(line))
				}
			}
			if *update {
				if err := os.WriteFile(file, []byte(r.out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(text), r.out.String()); diff != "" {
				t.Errorf("(-golden +now):\n%s", diff)
			}
		})
	}
}

func words(line string) (list []string) {
	for i, part := range strings.Split(line, "`") {
		switch {
		case i%2 == 0:
			list = append(list, strings.Fields(part)...)
		case len(list) > 0 && strings.HasSuffix(list[len(list)-1], "="):
			list[len(list)-1] += part
		default:
			list = append(list, part)
		}
	}
	return list
}

type runner struct {
	t   *testing.T
	s   *State
	out strings.Builder
}

func (r *runner) print(format string, args ...any) {
	fmt.Fprintf(&r.out, "  "+format+"\n", args...)
}

func (r *runner) fail(err error) {
	var e *Error
	if !errors.As(err, &e) {
		r.print("warning: %v", err)
		return
	}
	r.print("%d %d %s", e.Status, e.Code, e.Message)
}

// args are the words of a line, and options among them.
type args struct {
	words   []string
	options map[string]string
}

func parseArgs(words []string) args {
	a := args{options: map[string]string{}}
	for _, w := range words {
		if name, value, ok := strings.Cut(w, "="); ok && len(name) < 12 && !strings.ContainsAny(name, `" {`) {
			a.options[name] = value
		} else {
			a.words = append(a.words, w)
		}
	}
	return a
}

func (a args) has(flag string) bool { return slices.Contains(a.words, flag) }

func (a args) number(name string) int {
	n, _ := strconv.Atoi(a.options[name])
	return n
}

func (a args) page() Page { return Page{a.number("offset"), a.number("limit")} }

func number(w string) int {
	if w == "latest" {
		return Latest
	}
	n, _ := strconv.Atoi(w)
	return n
}

func (a args) register() Register {
	c := Register{
		Subject: a.words[0], Type: a.options["type"], Schema: a.options["schema"], ID: a.number("id"), Version: a.number("version"),
		Metadata: json.RawMessage(a.options["metadata"]), RuleSet: json.RawMessage(a.options["rules"]),
		Normalize: a.has("normalize"), Force: a.has("force"),
	}
	for _, ref := range strings.Fields(a.options["refs"]) {
		p := strings.Split(ref, "|")
		c.References = append(c.References, wire.SchemaReference{Name: p[0], Subject: p[1], Version: number(p[2])})
	}
	c.TagsToAdd, c.TagsToDrop = tags(a.options["add"]), tags(a.options["drop"])
	return c
}

func tags(s string) []Tags {
	path, list, ok := strings.Cut(s, ":")
	if !ok {
		return nil
	}
	return []Tags{{path, strings.Split(list, ",")}}
}

func (r *runner) run(words []string) {
	a := parseArgs(words[1:])
	if cmd := command(r.t, words[0], a); cmd != nil {
		r.write(cmd)
	} else {
		r.query(words[0], a)
	}
	check(r.t, r.s)
}

func (r *runner) write(cmd Command) {
	records, reply, err := Plan(cmd, r.s)
	if err != nil {
		r.fail(err)
		return
	}
	for _, record := range records {
		r.print("+ %s %s", record.Key, record.Value)
		if err := r.s.Apply(record.Key, record.Value, r.s.end); err != nil {
			r.t.Errorf("a planned record does not apply: %v", err)
		}
	}
	switch cmd.(type) {
	case Register, Tag:
		r.print("id %d version %d guid %s", reply.Version.ID, reply.Version.Version, reply.Version.GUID)
	case DeleteSubject, DeleteVersion:
		r.print("deleted %v", reply.Versions)
	case SetConfig, DeleteConfig:
		r.print("%s", wire.AppendSchemasSetting(nil, reply.Config))
	case SetMode, DeleteMode:
		r.print("%s", reply.Mode)
	case DeleteContext:
		r.print("deleted")
	}
}

func command(t *testing.T, verb string, a args) Command {
	subject := ""
	if len(a.words) > 0 && a.words[0] != "-" {
		subject = a.words[0]
	}
	switch verb {
	case "register":
		return a.register()
	case "tag":
		return Tag{Subject: subject, Version: number(a.words[1]), NewVersion: a.number("version"), Add: tags(a.options["add"]), Drop: tags(a.options["drop"]),
			RulesToMerge: json.RawMessage(a.options["merge"]), RulesToDrop: strings.Fields(a.options["remove"])}
	case "delete-subject":
		return DeleteSubject{subject, a.has("permanent")}
	case "delete-version":
		return DeleteVersion{subject, number(a.words[1]), a.has("permanent")}
	case "delete-context":
		return DeleteContext{subject}
	case "set-config":
		c, err := wire.ParseSchemasSetting([]byte(a.words[1]))
		if err != nil {
			t.Fatal(err)
		}
		return SetConfig{subject, c, strings.Fields(a.options["clear"])}
	case "delete-config":
		return DeleteConfig{subject}
	case "set-mode":
		return SetMode{subject, a.words[1], a.has("force")}
	case "delete-mode":
		return DeleteMode{subject, a.has("recursive")}
	}
	return nil
}

func (r *runner) query(verb string, a args) {
	s := r.s
	subject := ""
	if len(a.words) > 0 && a.words[0] != "-" {
		subject = a.words[0]
	}
	var got any
	var err error
	switch verb {
	case "apply":
		value := []byte(nil)
		if len(a.words) > 1 {
			value = []byte(a.words[1])
		}
		err = s.Apply([]byte(a.words[0]), value, s.end)
		got = "ok"
	case "repairs":
		for _, repair := range s.Repairs() {
			r.print("%s: %s", repair.Key, repair.Reason)
			for _, record := range repair.Records {
				r.print("+ %s %s", record.Key, record.Value)
				if err := s.Apply(record.Key, record.Value, s.end); err != nil {
					r.t.Errorf("a repair does not apply: %v", err)
				}
			}
		}
		got = fmt.Sprint("left: ", len(s.Repairs()))
	case "lookup":
		var v Version
		v, err = s.Lookup(a.register(), a.has("deleted"))
		got = shown(v)
	case "compatible":
		var messages []string
		messages, err = s.Compatible(a.register(), number(a.options["against"]))
		for _, m := range messages {
			r.print("%s", m)
		}
		got = len(messages) == 0
	case "subjects":
		got = s.Subjects(a.options["prefix"], a.has("deleted"), a.has("only"), a.page())
	case "versions":
		got, err = s.Versions(subject, a.has("deleted"), a.has("only"), a.has("negative"), a.page())
	case "version":
		var v Version
		v, err = s.Version(subject, number(a.words[1]), a.has("deleted"))
		got = shown(v)
	case "metadata":
		var v Version
		properties := map[string]string{}
		for k, value := range a.options {
			properties[k] = value
		}
		v, err = s.WithMetadata(subject, properties, a.has("deleted"))
		got = shown(v)
	case "schemas":
		for _, v := range s.Schemas(Filter{a.options["prefix"], a.has("deleted"), a.has("latest"), a.options["rule"], a.page()}) {
			r.print("%s", shown(v))
		}
		return
	case "id":
		var v Version
		v, err = s.Schema(number(a.words[0]), a.options["subject"])
		got = shown(v)
	case "uses":
		got, err = s.Uses(number(a.words[0]), a.options["subject"], a.has("deleted"), a.page())
	case "guid":
		var v Version
		var ids []ContextID
		v, ids, err = s.ByGUID(a.words[0])
		got = fmt.Sprint(shown(v), " ", ids)
	case "referencedby":
		got, err = s.ReferencedBy(subject, number(a.words[1]))
	case "contexts":
		got = s.Contexts(a.options["prefix"], a.page())
	case "config":
		var c wire.SchemasSetting
		c, err = s.Config(subject, a.has("global"))
		got = string(wire.AppendSchemasSetting(nil, c))
	case "mode":
		got, err = s.Mode(subject, a.has("global"))
	case "alias":
		got = fmt.Sprint(s.Alias(subject), " ", s.AliasesOf(subject))
	case "export":
		for v := range s.Export(":*:", true) {
			r.print("%s", shown(v))
		}
		return
	case "settings":
		for _, set := range s.Settings() {
			config := ""
			if set.Config != nil {
				config = string(wire.AppendSchemasSetting(nil, *set.Config))
			}
			r.print("%q %s %s", set.Subject, config, set.Mode)
		}
		return
	case "opaques":
		got = s.Opaques()
	case "maxid":
		got = s.MaxID(number(a.words[0]), a.options["subject"])
	case "high":
		s.SetHighID(a.words[0], number(a.words[1]))
		got = s.HighIDs()
	case "status":
		got = fmt.Sprintf("%+v", s.Status())
	default:
		r.t.Fatalf("no verb %q", verb)
	}
	if err != nil {
		r.fail(err)
		return
	}
	r.print("%v", got)
}

func shown(v Version) string {
	return string(wire.AppendSchemaValue(nil, v.SchemaValue)) + " " + v.GUID
}

// check holds after every Apply.
func check(t testing.TB, s *State) {
	t.Helper()
	uses := 0
	for subject, list := range s.subjects.each {
		if len(list) == 0 {
			t.Errorf("subject %q without versions", subject)
		}
		context, _ := split(subject)
		for i, v := range list {
			if i > 0 && list[i-1].number >= v.number {
				t.Errorf("versions of %q are not in order", subject)
			}
			e := s.entries.at(keyOf(context, v.id))
			if e == nil || !slices.Contains(e.uses, use{subject, v.number}) {
				t.Errorf("%q %d: id %d leads elsewhere", subject, v.number, v.id)
			}
			for _, r := range v.content.references() {
				if !slices.Contains(s.referrers.at(s.target(r, subject)), use{subject, v.number}) {
					t.Errorf("%q %d: nothing leads back from %s", subject, v.number, r.Subject)
				}
			}
		}
		uses += len(list)
	}
	for k, e := range s.entries.each {
		if len(e.uses) == 0 || k.id > s.highIDs.at(k.context.Value()) {
			t.Errorf("id %d: %d uses, highest id %d", k.id, len(e.uses), s.highIDs.at(k.context.Value()))
		}
		if !slices.Contains(s.guids.at(e.content.guid).all(), k) {
			t.Errorf("id %d: its GUID leads elsewhere", k.id)
		}
		uses -= len(e.uses)
	}
	if uses != 0 {
		t.Errorf("%d versions more than uses", uses)
	}
	for _, ks := range s.identities.each {
		for _, k := range ks.all() {
			if s.entries.at(k) == nil {
				t.Errorf("identity of a forgotten id %d", k.id)
			}
		}
	}
	for _, ks := range s.guids.each {
		for _, k := range ks.all() {
			if s.entries.at(k) == nil {
				t.Errorf("GUID of a forgotten id %d", k.id)
			}
		}
	}
}
