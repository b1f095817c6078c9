package registry

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/registry/state"
)

// A schema is used by the versions that have it, and, where subjects are named after
// topics (TopicNameStrategy: t-key, t-value), by the records of those topics, and by who
// reads and writes these. The latter comes from Config.Topics; what that one can not
// say of a topic is an error of its row.

const (
	topicTime    = 2 * time.Second // for what is asked of one topic
	maxTopics    = 50              // of one answer
	topicsAtOnce = 8               // asked at once
)

// TopicUse is how a topic is used on one cluster, as far as is known.
type TopicUse struct {
	Cluster      string
	Sampled      int  // the newest records, which were looked at
	Keys, Values Seen // of these
	Groups       []GroupUse
	Producers    []ProducerUse
	Err          error // why this, or a part of it, is not known
}

// Seen is what was seen in the keys, or the values, of records.
type Seen struct {
	IDs   map[int]int // records by the id of their schema
	Plain int         // records without one
}

// GroupUse is a consumer group that reads a topic.
type GroupUse struct {
	Group string `json:"group"`
	Lag   *int64 `json:"lag" doc:"Records of this topic that it has not read yet; null: not known."`
}

// ProducerUse is one who writes to a topic.
type ProducerUse struct {
	Client   string `json:"client" doc:"Its client id; empty: not known."`
	Producer int64  `json:"producer" doc:"Its producer id; -1: not known."`
}

// UsageAnswer is the answer of GET /api/v1/registry/usage and usage/{id}.
type UsageAnswer struct {
	Versions []UsedVersion `json:"versions"`
	Topics   []TopicUsage  `json:"topics" doc:"Of the topics that the subjects are named after."`
	More     bool          `json:"more" doc:"There are further topics."`
}

// UsedVersion is a version that has an id.
type UsedVersion struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
	ID      int    `json:"id"`
	Deleted bool   `json:"deleted"`
}

// TopicUsage is how a topic of one cluster uses a subject.
type TopicUsage struct {
	Subject   string        `json:"subject"`
	Field     string        `json:"field" enum:"key,value" doc:"Of the records."`
	Cluster   string        `json:"cluster"`
	Topic     string        `json:"topic"`
	Sampled   int           `json:"sampled" doc:"The newest records, which were looked at."`
	IDs       []SeenID      `json:"ids" doc:"In these, the most frequent first."`
	Plain     int           `json:"plain" doc:"Of these, those without the id of a schema."`
	Groups    []GroupUse    `json:"groups"`
	Producers []ProducerUse `json:"producers"`
	Error     string        `json:"error" doc:"Why this, or a part of it, is not known."`
}

// SeenID is an id that was seen in records.
type SeenID struct {
	ID      int `json:"id"`
	Count   int `json:"count"`
	Version int `json:"version" doc:"Of the subject; 0: no version of it has this id."`
}

type usageInput struct {
	ID      int    `path:"id"`
	Subject string `query:"subject" doc:"One of them, or a context as :.name:, since each context has its own ids."`
	Topics  bool   `query:"topics" default:"true" doc:"Say how topics use it, too: that takes up to some seconds."`
}

type subjectUsageInput struct {
	Subject string `query:"subject" required:"true" minLength:"1"`
	Topics  bool   `query:"topics" default:"true" doc:"Say how topics use it, too: that takes up to some seconds."`
}

func (s *Service) getUsage(ctx context.Context, in *usageInput) (UsageAnswer, error) {
	return s.usage(ctx, in.Topics, func(st *state.State) (list []UsedVersion, err error) {
		uses, err := st.Uses(in.ID, in.Subject, true, state.Page{})
		for _, u := range uses {
			v, _ := st.Version(u.Subject, u.Version, true) // it is there: we hold the state
			list = append(list, UsedVersion{u.Subject, u.Version, v.ID, v.Deleted})
		}
		return list, err
	})
}

func (s *Service) getSubjectUsage(ctx context.Context, in *subjectUsageInput) (UsageAnswer, error) {
	return s.usage(ctx, in.Topics, func(st *state.State) ([]UsedVersion, error) {
		return usedVersions(st, st.Alias(in.Subject))
	})
}

func usedVersions(st *state.State, subject string) (list []UsedVersion, err error) {
	numbers, err := st.Versions(subject, true, false, false, state.Page{})
	for _, n := range numbers {
		v, _ := st.Version(subject, n, true)
		list = append(list, UsedVersion{v.Subject, v.Version, v.ID, v.Deleted})
	}
	return list, err
}

// named is a subject that is named after a topic.
type named struct {
	subject, topic, field string
	versions              map[int]int // by id
}

func (s *Service) usage(ctx context.Context, topics bool, find func(*state.State) ([]UsedVersion, error)) (a UsageAnswer, err error) {
	a = UsageAnswer{[]UsedVersion{}, []TopicUsage{}, false}
	var subjects []named
	seen := map[string]bool{}
	err = s.read(func(st *state.State) error {
		versions, err := find(st)
		a.Versions = append(a.Versions, versions...)
		for _, v := range versions {
			n, ok := namedAfter(v.Subject)
			if !ok || seen[v.Subject] {
				continue
			}
			seen[v.Subject] = true
			all, _ := usedVersions(st, n.subject)
			for _, v := range all {
				n.versions[v.ID] = v.Version
			}
			subjects = append(subjects, n)
		}
		return err
	})
	if err != nil || !topics || s.cfg.Topics == nil {
		return a, err
	}
	a.Topics, a.More = s.topicUsage(ctx, subjects)
	return a, nil
}

// namedAfter finds the topic of a subject, of whatever context.
func namedAfter(subject string) (n named, ok bool) {
	name := subject
	if strings.HasPrefix(name, ":.") {
		_, name, _ = strings.Cut(name[1:], ":")
	}
	for _, field := range []string{"key", "value"} {
		if topic, found := strings.CutSuffix(name, "-"+field); found && topic != "" {
			return named{subject, topic, field, map[int]int{}}, true
		}
	}
	return n, false
}

// topicUsage asks for each topic once.
func (s *Service) topicUsage(ctx context.Context, subjects []named) (list []TopicUsage, more bool) {
	byTopic := map[string][]TopicUse{}
	for _, n := range subjects {
		byTopic[n.topic] = nil
	}
	names := slices.Sorted(maps.Keys(byTopic))
	if more = len(names) > maxTopics; more {
		names = names[:maxTopics]
	}
	uses := make([][]TopicUse, len(names))
	var g errgroup.Group
	g.SetLimit(topicsAtOnce)
	for i, name := range names {
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, topicTime)
			defer cancel()
			found, err := s.cfg.Topics(ctx, name)
			if err != nil {
				found = append(found, TopicUse{Err: err})
			}
			uses[i] = found
			return nil
		})
	}
	_ = g.Wait() // none of them fails
	for i, name := range names {
		byTopic[name] = uses[i]
	}
	list = []TopicUsage{}
	for _, n := range subjects {
		for _, u := range byTopic[n.topic] {
			list = append(list, n.usage(u))
		}
	}
	slices.SortStableFunc(list, func(a, b TopicUsage) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Cluster, b.Cluster))
	})
	return list, more
}

func (n named) usage(u TopicUse) TopicUsage {
	seen := u.Values
	if n.field == "key" {
		seen = u.Keys
	}
	t := TopicUsage{
		Subject: n.subject, Field: n.field, Cluster: u.Cluster, Topic: n.topic, Sampled: u.Sampled, IDs: []SeenID{}, Plain: seen.Plain,
		Groups: append([]GroupUse{}, u.Groups...), Producers: append([]ProducerUse{}, u.Producers...),
	}
	for id, count := range seen.IDs {
		t.IDs = append(t.IDs, SeenID{id, count, n.versions[id]})
	}
	slices.SortFunc(t.IDs, func(a, b SeenID) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.ID, b.ID)) })
	if u.Err != nil {
		t.Error = u.Err.Error()
	}
	return t
}
