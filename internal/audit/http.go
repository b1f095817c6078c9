package audit

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirhq/weir/internal/web"
)

// TopicSummary is what the list of topics says of one.
type TopicSummary struct {
	Topic    string            `json:"topic"`
	Tiers    []string          `json:"tiers" doc:"In the order of the route."`
	Counts   map[string]uint64 `json:"counts" doc:"Records by tier, over all windows."`
	Verdict  Verdict           `json:"verdict" doc:"The worst of the windows'."`
	Windows  int               `json:"windows"`
	Verdicts map[Verdict]int   `json:"verdicts" doc:"How many windows have which verdict."`
}

// TopicList is the answer of GET /api/v1/audit/topics.
type TopicList struct {
	Topics []TopicSummary `json:"topics"`
	Leader *Leader        `json:"leader" doc:"Which process counts, as far as this one knows; null: none."`
}

// Leader is the process that holds audit's lease.
type Leader struct {
	Holder string    `json:"holder"`
	URL    string    `json:"url" doc:"Of its web pages."`
	Since  time.Time `json:"since"`
}

// Leader returns who counts, as far as is known here; nil: nobody.
func (s *Service) Leader() *Leader {
	if s.lease == nil {
		return nil
	}
	l, ok := s.lease.Leader()
	if !ok {
		return nil
	}
	return &Leader{l.Holder, l.URL, l.Since}
}

// WindowList is the answer of GET /api/v1/audit/topics/{topic}/windows.
type WindowList struct {
	Topic   string   `json:"topic"`
	Tiers   []string `json:"tiers"`
	Windows []Window `json:"windows"`
}

type body[T any] struct{ Body T }

type windowsInput struct {
	Topic string `path:"topic"`
	From  string `query:"from" doc:"Only windows that start at or after this time (RFC 3339)."`
	To    string `query:"to" doc:"Only windows that start before this time (RFC 3339)."`
}

type windowInput struct {
	Topic string `path:"topic"`
	Start string `path:"start" doc:"Start of the window (RFC 3339)."`
}

// Register adds audit's operations to the API.
func (s *Service) Register(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "audit-topics", Method: http.MethodGet, Path: "/api/v1/audit/topics",
		Summary: "The worst verdict of each audited topic", Tags: []string{"audit"},
	}, s.listTopics)
	huma.Register(api, huma.Operation{
		OperationID: "audit-windows", Method: http.MethodGet, Path: "/api/v1/audit/topics/{topic}/windows",
		Summary: "The windows of a topic, by start", Tags: []string{"audit"},
	}, s.listWindows)
	huma.Register(api, huma.Operation{
		OperationID: "audit-window", Method: http.MethodGet, Path: "/api/v1/audit/topics/{topic}/windows/{start}",
		Summary: "One window of a topic", Tags: []string{"audit"},
	}, s.getWindow)
	huma.Register(api, huma.Operation{
		OperationID: "audit-events", Method: http.MethodGet, Path: "/api/v1/audit/events",
		Summary: "The windows that are lost, duplicated, unknown or late, the newest first", Tags: []string{"audit"},
	}, s.listEvents)
}

func (s *Service) listTopics(context.Context, *struct{}) (*body[TopicList], error) {
	list := TopicList{Topics: []TopicSummary{}, Leader: s.Leader()}
	for _, r := range s.cfg.Routes {
		windows, tiers, _ := s.Windows(r.Topic, time.Time{}, time.Time{})
		list.Topics = append(list.Topics, summarise(r.Topic, tiers, windows))
	}
	return &body[TopicList]{list}, nil
}

func summarise(topic string, tiers []string, windows []Window) TopicSummary {
	sum := TopicSummary{Topic: topic, Tiers: tiers, Counts: map[string]uint64{}, Verdicts: map[Verdict]int{}, Windows: len(windows), Verdict: Open}
	for _, tier := range tiers {
		sum.Counts[tier] = 0
	}
	worst := Verdict("")
	for _, w := range windows {
		for tier, n := range w.Counts {
			sum.Counts[tier] += n
		}
		sum.Verdicts[w.Verdict]++
		worst = Worst(worst, w.Verdict)
	}
	if worst != "" {
		sum.Verdict = worst
	}
	return sum
}

func (s *Service) listWindows(_ context.Context, in *windowsInput) (*body[WindowList], error) {
	from, err := parseTime("from", in.From)
	if err != nil {
		return nil, err
	}
	to, err := parseTime("to", in.To)
	if err != nil {
		return nil, err
	}
	windows, tiers, ok := s.Windows(in.Topic, from, to)
	if !ok {
		return nil, s.notAudited(in.Topic)
	}
	return &body[WindowList]{WindowList{Topic: in.Topic, Tiers: tiers, Windows: windows}}, nil
}

func (s *Service) getWindow(_ context.Context, in *windowInput) (*body[Window], error) {
	start, err := parseTime("start", in.Start)
	if err != nil {
		return nil, err
	}
	windows, _, ok := s.Windows(in.Topic, start, start.Add(time.Millisecond))
	if !ok {
		return nil, s.notAudited(in.Topic)
	}
	if len(windows) == 0 {
		return nil, web.NotFound(fmt.Sprintf("topic %s has no window that starts at %s", in.Topic, in.Start),
			fmt.Sprintf("windows are %v long; GET /api/v1/audit/topics/%s/windows lists them", s.cfg.Window, in.Topic))
	}
	return &body[Window]{windows[0]}, nil
}

func (s *Service) notAudited(topic string) error {
	var audited []string
	for _, r := range s.cfg.Routes {
		audited = append(audited, r.Topic)
	}
	hint := "no topic is audited"
	if len(audited) > 0 {
		hint = "audited are: " + strings.Join(audited, ", ")
	}
	return web.NotFound(fmt.Sprintf("topic %q is not audited", topic), hint)
}

func parseTime(field, value string) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return time.Time{}, web.BadRequest(field, fmt.Sprintf("%q is not a time", value), "write it as 2015-05-17T10:00:00Z")
	}
	return t, nil
}
