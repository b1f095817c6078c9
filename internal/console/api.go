package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// The API's answers, as far as the pages use them.

type topicInfo struct {
	Topic    string           `json:"topic"`
	Tiers    []string         `json:"tiers"`
	Counts   map[string]int64 `json:"counts"`
	Verdict  string           `json:"verdict"`
	Windows  int              `json:"windows"`
	Verdicts map[string]int   `json:"verdicts"`
}

type windowInfo struct {
	Start      time.Time        `json:"start"`
	Topic      string           `json:"topic"`
	Counts     map[string]int64 `json:"counts"`
	Verdict    string           `json:"verdict"`
	Lost       int64            `json:"lost"`
	Duplicated int64            `json:"duplicated"`
	Pairs      []pairInfo       `json:"pairs"`
	Ranges     []rangeInfo      `json:"ranges"` // nil: the API said null
	Revision   int64            `json:"revision"`
}

type pairInfo struct {
	From       string `json:"from"`
	To         string `json:"to"`
	Verdict    string `json:"verdict"`
	Lost       int64  `json:"lost"`
	Duplicated int64  `json:"duplicated"`
	Cause      string `json:"cause"`
}

type rangeInfo struct {
	Tier      string `json:"tier"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"`
	To        int64  `json:"to"` // exclusive
}

type pageView struct {
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	At        time.Time `json:"at"`
	Client    string    `json:"client"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Status    int       `json:"status"`
	Bytes     *int64    `json:"bytes"`
	Referrer  *string   `json:"referrer"`
	Agent     *string   `json:"agent"`
}

// panel is the outcome of one read: the newest good data, when it was read, and
// why there is none newer. Err "" means that Data is of this read.
type panel[T any] struct {
	Data T
	At   time.Time // zero: never read
	Err  string
	// NotFound says that the API knows no such thing; Err has its words.
	NotFound bool
}

// orKeep falls back to prev's data when this read failed.
func (p panel[T]) orKeep(prev panel[T]) panel[T] {
	if p.Err != "" {
		p.Data, p.At = prev.Data, prev.At
	}
	return p
}

// auditData is all that the audit page is made from.
type auditData struct {
	Topics  panel[[]topicInfo]
	Windows map[string]panel[[]windowInfo] // of the topics that are drawn
	Views   panel[[]pageView]
	NoDemo  bool // nobody serves page views: no panel for them
}

func (d auditData) missing() bool { return false }

func (d auditData) orKeep(before content) content {
	prev, _ := before.(auditData)
	d.Topics = d.Topics.orKeep(prev.Topics)
	d.Views = d.Views.orKeep(prev.Views)
	if d.Topics.Err != "" {
		d.Windows = prev.Windows
		return d
	}
	for t, w := range d.Windows {
		d.Windows[t] = w.orKeep(prev.Windows[t])
	}
	return d
}

// windowData is all that the page of one window is made from.
type windowData struct {
	Window     panel[windowInfo]
	Neighbours []windowInfo // within a day; empty if they could not be read
}

func (d windowData) missing() bool { return d.Window.NotFound }

func (d windowData) orKeep(before content) content {
	prev, _ := before.(windowData)
	d.Window = d.Window.orKeep(prev.Window)
	if len(d.Neighbours) == 0 {
		d.Neighbours = prev.Neighbours
	}
	return d
}

// apiError is an answer other than 200, in the API's own words.
type apiError struct {
	Status  int             `json:"-"`
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Hint    string          `json:"hint"`
	Result  json.RawMessage `json:"result"` // of what was done in part
}

func (e *apiError) Error() string {
	s := e.Message
	if s == "" {
		s = fmt.Sprintf("the API answered %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

func notFound(err error) bool {
	var e *apiError
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// maxAnswer bounds one answer of the API. A window is about 600 bytes of JSON,
// so this is over 50,000 windows of one topic.
const maxAnswer = 32 << 20

type api struct {
	rt       http.RoundTripper
	deadline time.Duration
}

func (a api) get(ctx context.Context, path string, into any) error {
	return a.call(ctx, http.MethodGet, path, nil, nil, into)
}

// call asks by any method; a body goes as JSON.
func (a api) call(ctx context.Context, method, path string, header http.Header, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, a.deadline)
	defer cancel()
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://weir"+path, sent)
	if err != nil {
		return err
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.rt.RoundTrip(req)
	if err != nil {
		return a.inWords(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return a.inWords(err)
	}
	if resp.StatusCode != http.StatusOK {
		e := &apiError{}
		_ = json.Unmarshal(answer, e) // without a body of ours, the status says enough
		e.Status = resp.StatusCode
		return e
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("the API's answer was not understood: %w", err)
	}
	return nil
}

func (a api) inWords(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %v", a.deadline)
	}
	return err
}

func read[T any](now time.Time, data T, err error) panel[T] {
	if err != nil {
		return panel[T]{Err: err.Error(), NotFound: notFound(err)}
	}
	return panel[T]{Data: data, At: now}
}

// audit reads the audit page's data; only != "" narrows it to one topic. Topics
// and page views are read side by side, then the windows of all drawn topics.
func (a api) audit(ctx context.Context, only string, now time.Time) auditData {
	var d auditData
	var wg sync.WaitGroup
	wg.Go(func() {
		var v struct {
			Views []pageView `json:"views"`
		}
		err := a.get(ctx, "/api/v1/demo/views", &v)
		d.NoDemo = notFound(err)
		d.Views = read(now, v.Views, err)
	})
	var t struct {
		Topics []topicInfo `json:"topics"`
	}
	err := a.get(ctx, "/api/v1/audit/topics", &t)
	d.Topics = read(now, t.Topics, err)

	drawn, _ := drawnTopics(d.Topics.Data, only)
	got := make([]panel[[]windowInfo], len(drawn))
	limit := make(chan struct{}, 4)
	for i, t := range drawn {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			w, err := a.windows(ctx, t.Topic, "")
			got[i] = read(now, w, err)
		})
	}
	wg.Wait()
	d.Windows = make(map[string]panel[[]windowInfo], len(drawn))
	for i, t := range drawn {
		d.Windows[t.Topic] = got[i]
	}
	return d
}

// window reads one window and, if that is there, the windows around it.
func (a api) window(ctx context.Context, topic string, start, now time.Time) windowData {
	var w windowInfo
	err := a.get(ctx, topicPath(topic)+"/windows/"+url.PathEscape(stamp(start)), &w)
	d := windowData{Window: read(now, w, err)}
	if err != nil {
		return d
	}
	q := url.Values{"from": {stamp(start.AddDate(0, 0, -1))}, "to": {stamp(start.AddDate(0, 0, 1))}}
	// Without its neighbours the page only lacks two links, so their error is not shown.
	d.Neighbours, _ = a.windows(ctx, topic, q.Encode())
	return d
}

func (a api) windows(ctx context.Context, topic, query string) ([]windowInfo, error) {
	var w struct {
		Windows []windowInfo `json:"windows"`
	}
	path := topicPath(topic) + "/windows"
	if query != "" {
		path += "?" + query
	}
	err := a.get(ctx, path, &w)
	return w.Windows, err
}

func topicPath(topic string) string { return "/api/v1/audit/topics/" + url.PathEscape(topic) }

// stamp is a window's start as the API and the page addresses write it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
