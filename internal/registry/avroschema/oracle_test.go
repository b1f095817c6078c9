package avroschema

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weirhq/weir/internal/registry/schema"
)

// question is a pair of texts for testdata/Oracle.java, and answer what Avro Java says of it.
type question struct {
	Reader     string   `json:"reader"`
	Writer     string   `json:"writer"`
	References []string `json:"references,omitempty"`
	Example    string   `json:"example,omitempty"`
}

type answer struct {
	Reader, Writer struct{ Canonical, Fingerprint, Error string }
	Differences    []struct{ Kind, Path string }
	Thrown         string
	Example        string
}

// The judge of the package: Avro Java 1.12.0, asked about random schemas, edits of
// them, broken texts and every rule, in both directions. A disagreement is decided
// in testdata/decided.txt, or it fails.
func TestOracle(t *testing.T) {
	if testing.Short() {
		t.Skip("NO REAL KAFKA: -short is set, Avro Java is not asked")
	}
	decisions := readDecisions(t)
	questions := generateQuestions()
	for _, d := range decisions {
		if d.example != "" {
			questions = append(questions, question{Reader: d.example, Writer: `"int"`})
		}
	}
	if len(questions) < 2000 {
		t.Fatalf("only %d pairs", len(questions))
	}
	ours := make([]opinion, len(questions))
	for i := range questions {
		ours[i] = judgePair(&questions[i])
	}
	answers := askJava(t, questions)
	for i, a := range answers {
		for _, d := range compare(questions[i], ours[i], a) {
			if decide(decisions, d) == nil {
				t.Errorf("undecided: %s\n reader %s\n writer %s", d, questions[i].Reader, questions[i].Writer)
			}
		}
	}
	summarize(t, questions, ours, decisions)
}

// opinion is what we say of a question.
type opinion struct {
	reader, writer       *Schema
	readerErr, writerErr error
}

func judgePair(q *question) (o opinion) {
	var refs []schema.Reference
	for i, text := range q.References {
		refs = append(refs, schema.Reference{Name: strconv.Itoa(i), Text: text})
	}
	o.reader, o.readerErr = Parse(q.Reader, refs, true)
	o.writer, o.writerErr = Parse(q.Writer, refs, true)
	if o.readerErr == nil && o.writerErr == nil {
		q.Example, _ = Example(o.reader, o.writer)
	}
	return o
}

// compare lists the disagreements, as "what: ours; Java's".
func compare(q question, o opinion, a answer) (found []string) {
	add := func(what string, ours, theirs any) {
		found = append(found, fmt.Sprintf("%s: weir %v; Java %v", what, ours, theirs))
	}
	parsed := func(text string, s *Schema, err error, a struct{ Canonical, Fingerprint, Error string }) {
		switch {
		case err != nil && a.Error == "":
			add("parse", err, "accepts "+text)
		case err == nil && a.Error != "":
			add("parse", "accepts "+text, a.Error)
		case err == nil:
			if got := s.Canonical(); got != a.Canonical {
				add("canonical", got, a.Canonical)
			}
			if got := strconv.FormatUint(s.Fingerprint(), 16); got != a.Fingerprint {
				add("fingerprint", got, a.Fingerprint+" of "+text)
			}
		}
	}
	parsed(q.Reader, o.reader, o.readerErr, a.Reader)
	parsed(q.Writer, o.writer, o.writerErr, a.Writer)
	if o.readerErr != nil || o.writerErr != nil || a.Reader.Error != "" || a.Writer.Error != "" {
		return found
	}
	ours := differences(o.reader, o.writer)
	if a.Thrown != "" {
		if len(ours) == 0 {
			add("check", "compatible", a.Thrown)
		}
		return found
	}
	var theirs []string
	for _, d := range a.Differences {
		theirs = append(theirs, d.Kind+" "+d.Path)
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	theirs = slices.Compact(theirs) // what goes wrong in a pair of types it says each time
	if !slices.Equal(ours, theirs) {
		what := "check"
		if endings(ours, theirs) {
			what = "beginning of paths"
		}
		add(what, ours, theirs)
	}
	if a.Example != "" && a.Example != "failed" {
		why := ""
		if c := (&checker{verdicts: map[pair]verdict{}, anyName: true}); c.pair(o.reader.root, o.writer.root) {
			why = " (but for the names of records)"
		}
		add("example", fmt.Sprintf("%s for %v%s", q.Example, ours, why), a.Example)
	}
	return found
}

// endings says whether each of theirs is one of ours, with the beginning of its path missing, and the other way round.
func endings(ours, theirs []string) bool {
	same := func(our, their string) bool {
		kind, path, _ := strings.Cut(their, " ")
		return strings.HasPrefix(our, kind+" ") && strings.HasSuffix(our, path)
	}
	for _, our := range ours {
		if !slices.ContainsFunc(theirs, func(their string) bool { return same(our, their) }) {
			return false
		}
	}
	for _, their := range theirs {
		if !slices.ContainsFunc(ours, func(our string) bool { return same(our, their) }) {
			return false
		}
	}
	return true
}

// generateQuestions makes the pairs, always the same.
func generateQuestions() (all []question) {
	ask := func(reader, writer string) {
		all = append(all, question{Reader: reader, Writer: writer}, question{Reader: writer, Writer: reader})
	}
	for _, r := range rules() {
		ask(r.reader, r.writer)
	}
	deep := strings.Repeat(`{"type":"array","items":`, 600) + `"int"` + strings.Repeat("}", 600)
	for _, text := range append(slices.Concat(goodTexts, badTexts), deep) {
		ask(text, `"int"`)
	}
	for seed := range uint64(2000) {
		g := newGenerator(seed)
		s := g.schema("", 4)
		edited := s.clone()
		for range 1 + g.IntN(3) {
			if seed%3 == 0 {
				g.mutate(&edited)
			} else {
				g.edit(&edited)
			}
		}
		ask(edited.String(), s.String())
		if seed%6 == 0 {
			ask(g.garble(s.String()), s.String())
		}
		if seed%6 == 1 { // a type that a reference brings
			mentioning := jobject("type", jstr("record"), "name", jstr("n.Top"), "fields", jlist(jobject("name", jstr("f"), "type", jstr("n.Ref")), jobject("name", jstr("g"), "type", s)))
			all = append(all, question{Reader: mentioning.String(), Writer: s.String(), References: []string{`{"type":"record","name":"n.Ref","fields":[{"name":"e","type":"int"}]}`}})
		}
	}
	for _, r := range rules() {
		g := newGenerator(uint64(len(all)))
		ask(g.around(r.reader, r.writer))
	}
	return all
}

// decision is a paragraph of decided.txt.
type decision struct {
	name     string
	pattern  *regexp.Regexp // of what compare says
	decision string
	reason   string
	example  string
	used     int
}

func readDecisions(t *testing.T) (all []*decision) {
	data, err := os.ReadFile("testdata/decided.txt")
	if err != nil {
		t.Fatal(err)
	}
	for paragraph := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n\n") {
		if strings.HasPrefix(paragraph, "#") {
			continue
		}
		d := &decision{}
		for line := range strings.SplitSeq(paragraph, "\n") {
			key, text, _ := strings.Cut(line, ": ")
			switch key {
			case "name":
				d.name = text
			case "pattern":
				d.pattern = regexp.MustCompile("^(?s:" + text + ")$")
			case "decision":
				d.decision = text
			case "reason":
				d.reason = text
			case "example":
				d.example = text
			default:
				t.Fatalf("decided.txt: %q", line)
			}
		}
		if d.name == "" || d.pattern == nil || d.decision == "" || d.reason == "" {
			t.Fatalf("decided.txt: a word is missing in %q", paragraph)
		}
		all = append(all, d)
	}
	return all
}

func decide(decisions []*decision, disagreement string) *decision {
	for _, d := range decisions {
		if d.pattern.MatchString(disagreement) {
			d.used++
			return d
		}
	}
	return nil
}

// summarize says what the pairs were, and fails if they were too uniform to mean much.
func summarize(t *testing.T, questions []question, ours []opinion, decisions []*decision) {
	var refused, compatible, incompatible, examples int
	for i, o := range ours {
		switch {
		case o.readerErr != nil || o.writerErr != nil:
			refused++
		case len(Check(o.reader, o.writer)) == 0:
			compatible++
		default:
			incompatible++
		}
		if questions[i].Example != "" {
			examples++
		}
	}
	t.Logf("%d pairs: %d with a text that is refused, %d compatible, %d incompatible, %d with an example", len(ours), refused, compatible, incompatible, examples)
	if min(refused, compatible, incompatible, examples) < 500 {
		t.Error("there are too few of one kind")
	}
	for _, d := range decisions {
		t.Logf("%s: %d times; %s", d.name, d.used, d.decision)
		if d.used == 0 {
			t.Errorf("decided.txt: %s does not happen", d.name)
		}
	}
}

// askJava runs the driver over all questions.
func askJava(t *testing.T, questions []question) []answer {
	t.Helper()
	if _, err := exec.LookPath("java"); err != nil {
		unavailable(t, "java is missing: apt-get install openjdk-17-jre-headless")
	}
	jars := filepath.Join(fetchAvro(t), "*")
	program := []string{"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars, "testdata/Oracle.java"}
	if javac, err := exec.LookPath("javac"); err == nil {
		classes := t.TempDir()
		if out, err := exec.Command(javac, "-cp", jars, "-d", classes, "testdata/Oracle.java").CombinedOutput(); err != nil {
			t.Fatalf("compiling the driver: %v\n%s", err, out)
		}
		program = []string{"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars + string(filepath.ListSeparator) + classes, "Oracle"}
	}
	var in, out, stderr bytes.Buffer
	encoder := json.NewEncoder(&in)
	for _, q := range questions {
		if err := encoder.Encode(q); err != nil {
			t.Fatal(err)
		}
	}
	java := exec.Command("java", program...)
	java.Stdin, java.Stdout, java.Stderr = &in, &out, &stderr
	if err := java.Run(); err != nil {
		t.Fatalf("asking Avro Java: %v\n%s", err, stderr.Bytes())
	}
	var answers []answer
	for lines := bufio.NewReader(&out); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions\n%s", len(answers), len(questions), stderr.Bytes())
	}
	return answers
}

const avroPOM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>weir</groupId><artifactId>avro-for-tests</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.avro</groupId><artifactId>avro</artifactId><version>1.12.0</version></dependency>
  </dependencies>
</project>
`

// fetchAvro is the directory of Avro's jars, filled from Maven Central the first time. It appears by a rename: it is whole or not there.
func fetchAvro(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "weir", "avro-1.12.0")
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		unavailable(t, "mvn is missing and so are Avro's jars: apt-get install maven")
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		t.Fatal(err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "fetching-*")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	if err := os.WriteFile(filepath.Join(temp, "pom.xml"), []byte(avroPOM), 0o640); err != nil {
		t.Fatal(err)
	}
	mvn := exec.Command("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(temp, "libs"))
	mvn.Dir = temp
	if out, err := mvn.CombinedOutput(); err != nil {
		unavailable(t, fmt.Sprintf("fetching Avro from Maven Central: %v, %s", err, bytes.ReplaceAll(out, []byte("\n"), []byte(" "))))
	}
	if err := os.Rename(filepath.Join(temp, "libs"), dir); err != nil {
		if _, missing := os.Stat(dir); missing != nil { // else another process was quicker
			t.Fatal(err)
		}
	}
	return dir
}

// unavailable ends a test that can't have Avro Java here. The reason begins as that of every test that wants Java.
func unavailable(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("NO REAL KAFKA: %s", reason)
	}
	t.Skipf("NO REAL KAFKA: %s", reason)
}
