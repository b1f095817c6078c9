package fleet

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/internal/conf"
)

func planConfig(p *Plan, f *Facts) error {
	c := &p.Change
	p.Target = c.Topic
	t, err := topicOf(c.Topic, f)
	if err != nil {
		return err
	}
	c.Unset = slices.Compact(slices.Sorted(slices.Values(c.Unset)))
	if len(c.Set)+len(c.Unset) == 0 {
		return invalid("set", "it names no setting", "give set, unset or both")
	}
	names := slices.Sorted(maps.Keys(c.Set))
	for _, name := range c.Unset {
		if _, both := c.Set[name]; both {
			return invalid("unset", name+" is both set and unset", "")
		}
		names = append(names, name)
	}
	for _, name := range names {
		if err := knownConfig(name, f.Configs); err != nil {
			return err
		}
		has := configOf(name, f.Configs)
		set := has.Source == "topic"
		value, wanted := c.Set[name]
		if wanted == set && value == has.Value || !wanted && !set {
			continue
		}
		step := Step{On: c.Topic, What: name, Before: fmt.Sprintf("%s (%s)", has.Value, has.Source), After: value}
		if set {
			step.Before = has.Value
		}
		if wanted {
			warnConfig(p, t, f, has, value, &step)
		} else if step.After = "- (what the cluster has)"; slices.Contains(keeping, name) {
			p.Warnings = append(p.Warnings, fmt.Sprintf("if the cluster's own %s keeps less, records are deleted, for good, within minutes", name))
		}
		p.Steps = append(p.Steps, step)
	}
	if c.Topic == actionsTopic && (p.Danger || slices.ContainsFunc(c.Unset, func(n string) bool { return slices.Contains(keeping, n) })) {
		return &Refusal{Code: "protected", Field: "set", Message: c.Topic + " is the log of all changes: its records stay", Hint: "weir does not make it forget any"}
	}
	if own(c.Topic, t.Internal) && len(p.Steps) > 0 {
		p.Warnings = append(p.Warnings, fmt.Sprintf("%s is weir's or Kafka's own: what remembers something in it relies on its settings", c.Topic))
	}
	return nil
}

// keeping are the settings that say what is kept.
var keeping = []string{"cleanup.policy", "retention.bytes", "retention.ms"}

// warnConfig says what a new value does beside being set.
func warnConfig(p *Plan, t TopicFacts, f *Facts, has ConfigRow, value string, step *Step) {
	was, is := amount(has.Value), amount(value)
	deletes := func(what string) {
		p.Danger = true
		p.Warnings = append(p.Warnings, what)
	}
	switch {
	case has.Name == "retention.ms" && is < was:
		deletes("records that are older than retention.ms are deleted, for good, within minutes")
		step.Note = fmt.Sprintf("%d of %d records are older now, about %s", f.Older, t.Records, bytesText(share(t.Bytes, f.Older, t.Records)))
	case has.Name == "retention.bytes" && is < was:
		deletes("what a partition holds beyond retention.bytes is deleted, the oldest first, within minutes")
		step.Note = fmt.Sprintf("%s in %s now", bytesText(t.Bytes), plural(len(t.Partitions), "partition"))
	case has.Name == "cleanup.policy" && strings.Contains(value, "delete") && !strings.Contains(has.Value, "delete"):
		deletes("records are deleted by age and size from now on, those of a key's last value too")
	case has.Name == "cleanup.policy" && strings.Contains(value, "compact") && !strings.Contains(has.Value, "compact"):
		deletes("of each key only the last record stays, and records without a key are refused")
	case has.Name == "min.insync.replicas" && int(is) > t.Replication:
		p.Warnings = append(p.Warnings, fmt.Sprintf("the topic has %s: producers that ask for all in sync are refused", plural(t.Replication, "replica")))
	}
}

// amount reads a number; -1, and what is none, is without limit.
func amount(value string) float64 {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || n < 0 {
		return math.Inf(1)
	}
	return n
}

func share(all, part, of int64) int64 {
	if of <= 0 {
		return 0
	}
	return int64(float64(all) * float64(part) / float64(of))
}

// knownConfig refuses a setting that topics do not have. Without configs, nothing
// is known.
func knownConfig(name string, configs []ConfigRow) error {
	if len(configs) == 0 || configOf(name, configs).Name != "" {
		return nil
	}
	names := make([]string, len(configs))
	for i := range configs {
		names[i] = configs[i].Name
	}
	hint := "GET the topic to see those that there are"
	if near := conf.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return &Refusal{Code: "config_unknown", Field: name, Message: fmt.Sprintf("topics have no setting %q", name), Hint: hint}
}

func configOf(name string, configs []ConfigRow) ConfigRow {
	if i := slices.IndexFunc(configs, func(c ConfigRow) bool { return c.Name == name }); i >= 0 {
		return configs[i]
	}
	return ConfigRow{}
}

// undoConfig returns the change that brings back the settings of before.
func undoConfig(c *Change, f *Facts) *Change {
	undo := &Change{Kind: TopicConfig, Topic: c.Topic, Set: map[string]string{}}
	for _, name := range append(slices.Sorted(maps.Keys(c.Set)), c.Unset...) {
		if has := configOf(name, f.Configs); has.Source == "topic" {
			undo.Set[name] = has.Value
		} else {
			undo.Unset = append(undo.Unset, name)
		}
	}
	return undo
}
