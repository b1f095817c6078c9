package fleet

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/cluster"
)

// The kinds of changes.
const (
	TopicCreate = "topic-create"
	TopicAlter  = "topic-alter"
	TopicConfig = "topic-config"
	TopicDelete = "topic-delete"
	GroupReset  = "group-reset"
	GroupDelete = "group-delete"
)

// Change is something to be done to a cluster.
type Change struct {
	Kind        string            `json:"kind" enum:"topic-create,topic-alter,topic-config,topic-delete,group-reset,group-delete"`
	Topic       string            `json:"topic,omitempty"`
	Topics      []string          `json:"topics,omitempty" doc:"To delete more than one."`
	Group       string            `json:"group,omitempty"`
	Partitions  int32             `json:"partitions,omitempty" doc:"How many the topic is to have."`
	Replication int16             `json:"replication,omitempty" doc:"Of a new topic; default 3, or as many as there are brokers."`
	Set         map[string]string `json:"set,omitempty" doc:"Settings of the topic."`
	Unset       []string          `json:"unset,omitempty" doc:"Settings to take back."`
	Reset       *Reset            `json:"reset,omitempty"`
	Force       bool              `json:"force,omitempty" doc:"Also delete topics that are weir's or Kafka's own."`
	Reason      string            `json:"reason,omitempty" maxLength:"1000" doc:"Why, for the actions log."`
}

// Reset says where a group is to stand.
type Reset struct {
	To         string           `json:"to" enum:"start,end,time,offset,shift,offsets"`
	Time       *time.Time       `json:"time,omitempty" doc:"time: at the first record that is not older."`
	Offset     *int64           `json:"offset,omitempty" doc:"offset: this one, on each partition."`
	Shift      int64            `json:"shift,omitempty" doc:"shift: so many records on, or back."`
	Partitions []TopicPartition `json:"partitions,omitempty" doc:"Only these; partition -1 is every one of the topic. Default: all of the topics that the group has offsets on."`
	Offsets    []TopicOffset    `json:"offsets,omitempty" doc:"offsets: these; -1 takes a partition's offset away."`
}

// TopicPartition names a partition.
type TopicPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

// TopicOffset is a place in a partition.
type TopicOffset struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// Plan is what a change would do.
type Plan struct {
	Hash     string   `json:"hash" doc:"Of what would be done: apply wants it."`
	Kind     string   `json:"kind"`
	Cluster  string   `json:"cluster"`
	Target   string   `json:"target"`
	Steps    []Step   `json:"steps"`
	Warnings []string `json:"warnings"`
	Danger   bool     `json:"danger" doc:"It can not be undone."`
	Command  string   `json:"command" doc:"The same by weir's command line."`
	API      string   `json:"api" doc:"The same by the API."`
	Skipped  int64    `json:"skipped" doc:"Records that a group would not read."`
	Replayed int64    `json:"replayed" doc:"Records that a group would read again."`
	Change   Change   `json:"change" doc:"The change with everything resolved: apply this one."`
}

// Step is one thing that a plan does.
type Step struct {
	On     string `json:"on" doc:"Such as orders, orders/3 or billing."`
	What   string `json:"what" doc:"Such as create, delete, offset or the name of a setting."`
	Before string `json:"before" doc:"- is nothing."`
	After  string `json:"after" doc:"- is nothing."`
	Note   string `json:"note" doc:"What is not part of the hash, such as how many records it is about."`
}

// Facts are what plans are made from. Those that a kind of change does not need
// are empty.
type Facts struct {
	Cluster        string
	At             []string // how commands name the cluster; default: --cluster and its name
	Brokers        int
	Topics         map[string]TopicFacts // those that exist
	Configs        []ConfigRow           // of the topic, or, to create one, of any topic
	Older          int64                 // records of the topic that the retention.ms to be set would no longer keep
	Group          *GroupFacts           // nil: there is no such group
	ReadersMissing bool                  // not every broker has told of its groups
	// Rejected is why the cluster, asked to try, would not do it.
	Rejected string
}

// TopicFacts is what plans need to know of a topic.
type TopicFacts struct {
	Internal       bool
	Replication    int
	Records, Bytes int64
	Readers        []string // groups with members that read it
	Partitions     []PartitionFacts
}

// PartitionFacts is what plans need to know of a partition.
type PartitionFacts struct {
	ID         int32
	Start, End int64
	At         int64 // the offset of Reset.Time
	Err        string
}

// GroupFacts is what plans need to know of a group.
type GroupFacts struct {
	State   string
	Offsets []TopicOffset // committed
}

// Refusal is why there is no plan.
type Refusal struct{ Code, Field, Message, Hint string }

// Error implements error.
func (r *Refusal) Error() string {
	if r.Hint == "" {
		return r.Message
	}
	return r.Message + "; " + r.Hint
}

func invalid(field, message, hint string) error {
	return &Refusal{Code: "change_invalid", Field: field, Message: message, Hint: hint}
}

// MakePlan returns what a change would do, or a Refusal. It is pure.
func MakePlan(c Change, f *Facts) (Plan, error) {
	p := Plan{Kind: c.Kind, Cluster: f.Cluster, Steps: []Step{}, Warnings: []string{}, Change: c}
	makers := map[string]func(*Plan, *Facts) error{
		TopicCreate: planCreate, TopicAlter: planAlter, TopicConfig: planConfig, TopicDelete: planDelete, GroupReset: planReset, GroupDelete: planGroupDelete,
	}
	maker := makers[c.Kind]
	if maker == nil {
		return Plan{}, invalid("kind", fmt.Sprintf("there is no change %q", c.Kind), "there are: "+strings.Join(slices.Sorted(maps.Keys(makers)), ", "))
	}
	if err := checkFields(&c); err != nil {
		return Plan{}, err
	}
	if err := maker(&p, f); err != nil {
		return Plan{}, err
	}
	if f.Rejected != "" {
		return Plan{}, &Refusal{Code: "rejected", Message: "the cluster would not do it: " + f.Rejected}
	}
	if len(p.Steps) == 0 {
		return Plan{}, &Refusal{Code: "nothing_to_do", Message: fmt.Sprintf("%s is as wanted already", p.Target)}
	}
	p.Hash = p.hash()
	p.Command = commandOf(&p.Change, f)
	body, err := json.Marshal(map[string]any{"change": p.Change, "plan_hash": p.Hash})
	if err != nil {
		return Plan{}, fmt.Errorf("writing down the API call: %w", err)
	}
	p.API = fmt.Sprintf("POST /api/v1/clusters/%s/apply %s", f.Cluster, body)
	return p, nil
}

// checkFields refuses fields that the kind does not take: who gives one expects
// something that would not happen.
func checkFields(c *Change) error {
	given := map[string]bool{
		"topic": c.Topic != "", "topics": len(c.Topics) > 0, "group": c.Group != "", "partitions": c.Partitions != 0, "replication": c.Replication != 0,
		"set": len(c.Set) > 0, "unset": len(c.Unset) > 0, "reset": c.Reset != nil, "force": c.Force,
	}
	takes := map[string]string{
		TopicCreate: "topic partitions replication set", TopicAlter: "topic partitions", TopicConfig: "topic set unset", TopicDelete: "topic topics force",
		GroupReset: "group reset", GroupDelete: "group",
	}
	allowed := strings.Fields(takes[c.Kind])
	for _, field := range slices.Sorted(maps.Keys(given)) {
		if given[field] && !slices.Contains(allowed, field) {
			return invalid(field, fmt.Sprintf("%s takes no %s", c.Kind, field), "it takes: "+strings.Join(allowed, ", "))
		}
	}
	if needs := allowed[0]; !given[needs] && !(needs == "topic" && given["topics"]) {
		return invalid(needs, fmt.Sprintf("%s needs a %s", c.Kind, needs), "")
	}
	return nil
}

// hash is over what would be done, not over what moves by itself.
func (p *Plan) hash() string {
	steps := slices.Clone(p.Steps)
	for i := range steps {
		steps[i].Note = ""
	}
	c := p.Change
	c.Reason = ""
	b, err := json.Marshal([]any{p.Kind, p.Cluster, p.Target, steps, p.Warnings, p.Danger, c})
	if err != nil {
		panic(err) // a time beyond the year 9999, which JSON did not let in
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// maxNewPartitions is how many partitions one change may make. A controller that is
// asked for millions of them, even only whether it would, is busy for minutes.
const maxNewPartitions = 10_000

func tooMany(n int) error {
	if n <= maxNewPartitions {
		return nil
	}
	return invalid("partitions", fmt.Sprintf("%d new partitions are more than the %d that one change may make", n, maxNewPartitions), "")
}

func planCreate(p *Plan, f *Facts) error {
	c := &p.Change
	p.Target = c.Topic
	if _, exists := f.Topics[c.Topic]; exists {
		return &Refusal{Code: "exists", Field: "topic", Message: fmt.Sprintf("topic %s on cluster %s exists already", c.Topic, f.Cluster), Hint: fmt.Sprintf("weir topics describe %s shows it", c.Topic)}
	}
	if err := cluster.CheckName(c.Topic); err != nil {
		return invalid("topic", fmt.Sprintf("Kafka takes no topic %q", c.Topic), err.Error())
	}
	if c.Partitions < 1 {
		return invalid("partitions", "a topic has at least 1 partition", "")
	}
	if err := tooMany(int(c.Partitions)); err != nil {
		return err
	}
	c.Replication = cmp.Or(c.Replication, int16(min(3, f.Brokers)))
	if c.Replication < 1 || int(c.Replication) > f.Brokers {
		return invalid("replication", plural(int(c.Replication), "replica")+" on "+plural(f.Brokers, "broker"), "")
	}
	after := plural(int(c.Partitions), "partition") + ", " + plural(int(c.Replication), "replica")
	for _, name := range slices.Sorted(maps.Keys(c.Set)) {
		if err := knownConfig(name, f.Configs); err != nil {
			return err
		}
		after += fmt.Sprintf(", %s=%s", name, c.Set[name])
	}
	p.Steps = append(p.Steps, Step{On: c.Topic, What: "create", Before: "-", After: after})
	if own(c.Topic, false) {
		p.Warnings = append(p.Warnings, fmt.Sprintf("names like %s are for weir's and Kafka's own topics", c.Topic))
	}
	return nil
}

func planAlter(p *Plan, f *Facts) error {
	c := &p.Change
	p.Target = c.Topic
	t, err := topicOf(c.Topic, f)
	if err != nil {
		return err
	}
	has := int32(len(t.Partitions))
	switch {
	case c.Partitions < 1:
		return invalid("partitions", "a topic has at least 1 partition", "")
	case c.Partitions < has:
		return invalid("partitions", fmt.Sprintf("topic %s has %d partitions, and Kafka can not take partitions away", c.Topic, has), "make a new topic, and mirror this one into it")
	case c.Partitions == has:
		return nil
	}
	if err := tooMany(int(c.Partitions - has)); err != nil {
		return err
	}
	p.Danger = true
	p.Steps = append(p.Steps, Step{On: c.Topic, What: "partitions", Before: fmt.Sprint(has), After: fmt.Sprint(c.Partitions)})
	p.Warnings = append(p.Warnings, "records with a key go to other partitions than before: of one key, those from before and after are no longer in order", "partitions can not be taken away again")
	if c.Topic == actionsTopic {
		return &Refusal{Code: "protected", Field: "topic", Message: c.Topic + " is the log of all changes: with more than one partition it can not be written", Hint: "weir does not alter it"}
	}
	if own(c.Topic, t.Internal) {
		p.Warnings = append(p.Warnings, fmt.Sprintf("%s is weir's or Kafka's own: what reads it may rely on how many partitions it has", c.Topic))
	}
	return nil
}

func planDelete(p *Plan, f *Facts) error {
	c := &p.Change
	if c.Topic != "" {
		c.Topics, c.Topic = append([]string{c.Topic}, c.Topics...), ""
	}
	c.Topics = slices.Compact(slices.Sorted(slices.Values(c.Topics)))
	p.Target, p.Danger = strings.Join(c.Topics, ", "), true
	forced := false
	for _, name := range c.Topics {
		t, err := topicOf(name, f)
		if err != nil {
			return err
		}
		if name == actionsTopic {
			return &Refusal{Code: "protected", Field: "topics", Message: name + " is the log of all changes: its deletion could not be recorded", Hint: "weir does not delete it"}
		}
		if own(name, t.Internal) {
			if !c.Force {
				return &Refusal{Code: "protected", Field: "topics", Message: fmt.Sprintf("topic %s is weir's or Kafka's own", name), Hint: "force deletes it all the same"}
			}
			forced = true
			p.Warnings = append(p.Warnings, fmt.Sprintf("%s is weir's or Kafka's own: what remembers something in it forgets it", name))
		}
		for _, group := range t.Readers {
			p.Warnings = append(p.Warnings, fmt.Sprintf("group %s has members that read %s", group, name))
		}
		p.Steps = append(p.Steps, Step{On: name, What: "delete", Before: plural(len(t.Partitions), "partition"), After: "-", Note: fmt.Sprintf("%d records, %s", t.Records, bytesText(t.Bytes))})
	}
	if f.ReadersMissing {
		p.Warnings = append(p.Warnings, "not every broker has told which groups read it")
	}
	c.Force = forced
	return nil
}

func topicOf(name string, f *Facts) (TopicFacts, error) {
	t, ok := f.Topics[name]
	if !ok {
		return t, &Refusal{Code: "not_found", Field: "topic", Message: fmt.Sprintf("cluster %s has no topic %q", f.Cluster, name), Hint: fmt.Sprintf("GET /api/v1/clusters/%s/topics, or weir topics list, lists them", f.Cluster)}
	}
	return t, nil
}

// own reports whether a topic is weir's or Kafka's.
func own(name string, internal bool) bool {
	return internal || strings.HasPrefix(name, "__") || strings.HasPrefix(name, "_weir.") || name == "_schemas"
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// bytesText prints bytes for people.
func bytesText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	f, u := float64(n), 0
	for f >= 1024 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	if u == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[u])
}
