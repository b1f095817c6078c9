package fleet

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The files in testdata/plan are tests in a small language. Each line of facts adds
// to those before it in the file:
//
//	brokers N
//	topic NAME KEY=VALUE...       internal=yes replication=N records=N bytes=N readers=A,B
//	partition TOPIC/ID START END  [at=N] [err=TEXT]
//	config NAME=VALUE SOURCE
//	group STATE                   empty: there is none
//	offset TOPIC/ID N
//	older N, rejected TEXT, readers-missing
//	forget                        all facts
//
// plan JSON prints the plan of a change, up to the next blank line; "plan JSON" with
// "& undo" behind it also prints the plan of its undo after it was made.
func TestPlans(t *testing.T) {
	files, err := filepath.Glob("testdata/plan/*.txt")
	if err != nil || len(files) < 6 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runPlans(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func runPlans(t *testing.T, script string) string {
	var out strings.Builder
	f := newFacts()
	skipping := false
	lines := bufio.NewScanner(strings.NewReader(script))
	for lines.Scan() {
		line := lines.Text()
		if skipping && line != "" {
			continue // what was printed before
		}
		skipping = false
		fmt.Fprintln(&out, line)
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "", "#":
		case "plan":
			text, undo := strings.CutSuffix(rest, " & undo")
			printPlan(t, &out, text, f, undo)
			skipping = true
		default:
			if err := f.learn(verb, rest); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
	}
	return out.String()
}

type scriptFacts struct{ *Facts }

func newFacts() *scriptFacts {
	return &scriptFacts{&Facts{Cluster: "east", Topics: map[string]TopicFacts{}}}
}

func (f *scriptFacts) learn(verb, rest string) (err error) {
	words := strings.Fields(rest)
	number := func(s string) int64 {
		n, e := strconv.ParseInt(s, 10, 64)
		if e != nil {
			err = e
		}
		return n
	}
	switch verb {
	case "forget":
		f.Facts = newFacts().Facts
	case "brokers":
		f.Brokers = int(number(rest))
	case "older":
		f.Older = number(rest)
	case "rejected":
		f.Rejected = rest
	case "readers-missing":
		f.ReadersMissing = true
	case "at":
		f.At = words
	case "topic":
		topic := TopicFacts{}
		for _, w := range words[1:] {
			key, value, _ := strings.Cut(w, "=")
			switch key {
			case "internal":
				topic.Internal = true
			case "replication":
				topic.Replication = int(number(value))
			case "records":
				topic.Records = number(value)
			case "bytes":
				topic.Bytes = number(value)
			case "readers":
				topic.Readers = strings.Split(value, ",")
			default:
				return fmt.Errorf("no such key: %s", key)
			}
		}
		f.Topics[words[0]] = topic
	case "partition":
		name, id, _ := strings.Cut(words[0], "/")
		p := PartitionFacts{ID: int32(number(id)), Start: number(words[1]), End: number(words[2])}
		for _, w := range words[3:] {
			if at, ok := strings.CutPrefix(w, "at="); ok {
				p.At = number(at)
			}
			p.Err = strings.TrimPrefix(w, "err=")
			if strings.HasPrefix(w, "at=") {
				p.Err = ""
			}
		}
		topic, ok := f.Topics[name]
		if !ok {
			return errors.New("no such topic")
		}
		topic.Partitions = append(topic.Partitions, p)
		f.Topics[name] = topic
	case "config":
		name, value, _ := strings.Cut(words[0], "=")
		f.Configs = append(f.Configs, ConfigRow{Name: name, Value: value, Source: words[1]})
	case "group":
		f.Group = nil
		if rest != "" {
			f.Group = &GroupFacts{State: rest}
		}
	case "offset":
		name, id, _ := strings.Cut(words[0], "/")
		f.Group.Offsets = append(f.Group.Offsets, TopicOffset{name, int32(number(id)), number(words[1])})
	default:
		return errors.New("no such fact")
	}
	return err
}

func printPlan(t *testing.T, out *strings.Builder, text string, f *scriptFacts, undo bool) {
	var c Change
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	p, err := MakePlan(c, f.Facts)
	var refusal *Refusal
	if errors.As(err, &refusal) {
		fmt.Fprintf(out, "refused %s %s: %s\n", refusal.Code, refusal.Field, refusal.Error())
		return
	} else if err != nil {
		t.Fatal(err)
	}
	write(out, &p)
	again, err := MakePlan(p.Change, f.Facts)
	if err != nil || again.Hash != p.Hash {
		t.Errorf("%s: its resolved change has hash %s, not %s (%v)", text, again.Hash, p.Hash, err)
	}
	back := undoOf(&p.Change, f.Facts)
	if !undo {
		return
	}
	if back == nil {
		t.Fatalf("%s has no undo", text)
	}
	after := *f.Facts
	make_(&after, &p.Change)
	q, err := MakePlan(*back, &after)
	if err != nil {
		t.Errorf("%s: undo: %v", text, err)
		return
	}
	fmt.Fprintln(out, "then undo")
	write(out, &q)
}

func write(out *strings.Builder, p *Plan) {
	fmt.Fprintf(out, "%s", p.Target)
	if p.Danger {
		fmt.Fprint(out, " DANGER")
	}
	if p.Skipped+p.Replayed > 0 {
		fmt.Fprintf(out, " skipped=%d replayed=%d", p.Skipped, p.Replayed)
	}
	fmt.Fprintln(out)
	for _, s := range p.Steps {
		fmt.Fprintf(out, "  %s %s: %s -> %s", s.On, s.What, s.Before, s.After)
		if s.Note != "" {
			fmt.Fprintf(out, " (%s)", s.Note)
		}
		fmt.Fprintln(out)
	}
	for _, w := range p.Warnings {
		fmt.Fprintf(out, "  ! %s\n", w)
	}
	fmt.Fprintf(out, "  $ %s\n", p.Command)
}

// make_ changes the facts as the cluster would.
func make_(f *Facts, c *Change) {
	switch c.Kind {
	case TopicConfig:
		var configs []ConfigRow
		for _, has := range f.Configs {
			if value, set := c.Set[has.Name]; set {
				has.Value, has.Source = value, "topic"
			}
			for _, name := range c.Unset {
				if name == has.Name {
					has.Value, has.Source = "its default", "default"
				}
			}
			configs = append(configs, has)
		}
		f.Configs = configs
	case GroupReset:
		var offsets []TopicOffset
		moved := byPartition(c.Reset.Offsets)
		if f.Group == nil {
			f.Group = &GroupFacts{State: "Empty"}
		}
		for _, has := range f.Group.Offsets {
			if _, ok := moved[TopicPartition{has.Topic, has.Partition}]; !ok {
				offsets = append(offsets, has)
			}
		}
		for _, to := range c.Reset.Offsets {
			if to.Offset >= 0 {
				offsets = append(offsets, to)
			}
		}
		f.Group = &GroupFacts{State: "Empty", Offsets: offsets}
	}
}

// What moves by itself does not change the hash; what would be done does.
func TestPlanHash(t *testing.T) {
	base := func() *Facts {
		f := newFacts()
		for _, line := range []string{"topic orders records=10 bytes=1000 readers=billing", "partition orders/0 5 100", "group Empty", "offset orders/0 50"} {
			verb, rest, _ := strings.Cut(line, " ")
			if err := f.learn(verb, rest); err != nil {
				t.Fatal(err)
			}
		}
		return f.Facts
	}
	hash := func(c Change, change func(*Facts)) string {
		f := base()
		change(f)
		p, err := MakePlan(c, f)
		if err != nil {
			t.Fatal(err)
		}
		return p.Hash
	}
	same := func(*Facts) {}
	drop := Change{Kind: TopicDelete, Topic: "orders"}
	grown := func(f *Facts) {
		o := f.Topics["orders"]
		o.Records, o.Bytes = 99, 9999
		o.Partitions[0].End = 500
		f.Topics["orders"] = o
	}
	more := func(f *Facts) {
		o := f.Topics["orders"]
		o.Readers = append(o.Readers, "audit")
		f.Topics["orders"] = o
	}
	moved := func(f *Facts) { f.Group.Offsets[0].Offset = 51 }
	end := Change{Kind: GroupReset, Group: "billing", Reset: &Reset{To: "end"}}
	pinned := Change{Kind: GroupReset, Group: "billing", Reset: &Reset{To: "offsets", Offsets: []TopicOffset{{"orders", 0, 100}}}}
	reasoned := drop
	reasoned.Reason = "unused"
	for _, c := range []struct {
		name         string
		a, b         Change
		factsA, fact func(*Facts)
		equal        bool
	}{
		{"the topic grows", drop, drop, same, grown, true},
		{"a reason is given", drop, reasoned, same, same, true},
		{"a group begins to read", drop, drop, same, more, false},
		{"the end moves", end, end, same, grown, false},
		{"the end moves, but the change is the resolved one", pinned, pinned, same, grown, true},
		{"the resolved change is the one that was planned", end, pinned, same, same, true},
		{"the group has moved", pinned, pinned, same, moved, false},
	} {
		if got := hash(c.a, c.factsA) == hash(c.b, c.fact); got != c.equal {
			t.Errorf("%s: same hash %v, want %v", c.name, got, c.equal)
		}
	}
}

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{"orders": "orders", "": "''", "it's $HOME": `'it'\''s $HOME'`, "a=b,c/d": "a=b,c/d", "ümlaut": "'ümlaut'", "*": "'*'"} {
		if got := quote(word); got != want {
			t.Errorf("quote(%q) = %s, want %s", word, got, want)
		}
	}
}

func TestResetIsAbout(t *testing.T) {
	one := &Reset{To: "time", Partitions: []TopicPartition{{"orders", 1}}}
	if all := (&Reset{To: "time"}); !all.about("clicks") || !one.about("orders") || one.about("clicks") {
		t.Error("a reset asks for the times of topics that it is not about, or not for its own")
	}
}
