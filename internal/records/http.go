package records

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/web"
)

type answer[T any] struct{ Body T }

type pageInput struct {
	Cluster   string `path:"cluster"`
	Topic     string `path:"topic"`
	Partition int32  `query:"partition" minimum:"-1" default:"-1" doc:"-1: all."`
	From      string `query:"from" default:"end" doc:"start, end, a time (RFC 3339) or an offset. end: the newest records, newest first."`
	Limit     int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Decoder   string `query:"decoder" enum:"auto,text,hex,json,avro" default:"auto"`
	Cursor    string `query:"cursor" doc:"Where to go on: next or tail of the page before. Then from does not count."`
	Wait      string `query:"wait" doc:"How long to wait for a first record, such as 5s; at most 10s. For following a topic."`
}

type recordInput struct {
	Cluster   string `path:"cluster"`
	Topic     string `path:"topic"`
	Partition int32  `path:"partition" minimum:"0"`
	Offset    int64  `path:"offset" minimum:"0"`
	Decoder   string `query:"decoder" enum:"auto,text,hex,json,avro" default:"auto"`
}

type rawInput struct {
	Cluster   string `path:"cluster"`
	Topic     string `path:"topic"`
	Partition int32  `path:"partition" minimum:"0"`
	Offset    int64  `path:"offset" minimum:"0"`
	Part      string `path:"part" enum:"key,value"`
}

type download struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	NoSniff     string `header:"X-Content-Type-Options"`
	Body        []byte
}

type histogramInput struct {
	Cluster string    `path:"cluster"`
	Topic   string    `path:"topic"`
	From    time.Time `query:"from" doc:"Default: the first record's."`
	To      time.Time `query:"to" doc:"Default: the last record's."`
	Buckets int       `query:"buckets" minimum:"1" maximum:"500" default:"60"`
}

type startInput struct{ Body SearchQuery }

// Started is the answer of POST /api/v1/searches.
type Started struct {
	ID       string   `json:"id" doc:"Empty of a dry run."`
	Estimate Estimate `json:"estimate"`
}

type searchInput struct {
	ID   string `path:"id"`
	Wait string `query:"wait" doc:"How long to wait for the end, or for more matches than seen; at most 10s."`
	Seen int    `query:"seen" minimum:"0" default:"1000" doc:"How many matches the client has."`
}

// SearchStatus is the answer of GET /api/v1/searches/{id}.
type SearchStatus struct {
	ID string `json:"id"`
	Status
}

// Register adds the message browser's operations to the API.
func (s *Service) Register(api huma.API) {
	const topic = "/api/v1/clusters/{cluster}/topics/{topic}"
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"records"}}
	}
	huma.Register(api, op("records", http.MethodGet, topic+"/records", "Records of a topic, page by page"), s.getPage)
	huma.Register(api, op("record", http.MethodGet, topic+"/records/{partition}/{offset}", "One record"), s.getRecord)
	huma.Register(api, op("record-bytes", http.MethodGet, topic+"/records/{partition}/{offset}/{part}", "The bytes of a key or a value, as a download"), s.getBytes)
	huma.Register(api, op("histogram", http.MethodGet, topic+"/histogram", "How many records a topic holds of which time"), s.getHistogram)
	huma.Register(api, op("search-start", http.MethodPost, "/api/v1/searches", "Search a topic"), s.postSearch)
	huma.Register(api, op("search", http.MethodGet, "/api/v1/searches/{id}", "What a search has found"), s.getSearch)
	huma.Register(api, op("search-cancel", http.MethodDelete, "/api/v1/searches/{id}", "Cancel a search"), s.deleteSearch)
}

func (s *Service) getPage(ctx context.Context, in *pageInput) (*answer[Page], error) {
	wait, err := duration("wait", in.Wait)
	if err != nil {
		return nil, err
	}
	r, err := s.Reader(in.Cluster)
	if err != nil {
		return nil, err
	}
	page, err := r.Page(ctx, Query{in.Topic, in.Partition, in.From, in.Limit, in.Decoder, in.Cursor, wait})
	if err != nil {
		return nil, told(ctx, in.Cluster, err)
	}
	return &answer[Page]{*page}, nil
}

func (s *Service) getRecord(ctx context.Context, in *recordInput) (*answer[Record], error) {
	r, err := s.Reader(in.Cluster)
	if err != nil {
		return nil, err
	}
	rec, err := r.Record(ctx, in.Topic, in.Partition, in.Offset, in.Decoder)
	if err != nil {
		return nil, told(ctx, in.Cluster, err)
	}
	return &answer[Record]{*rec}, nil
}

func (s *Service) getBytes(ctx context.Context, in *rawInput) (*download, error) {
	r, err := s.Reader(in.Cluster)
	if err != nil {
		return nil, err
	}
	b, err := r.Raw(ctx, in.Topic, in.Partition, in.Offset, in.Part == "key")
	if err != nil {
		return nil, told(ctx, in.Cluster, err)
	}
	if b == nil {
		return nil, &web.Error{Status: http.StatusNotFound, Code: "null", Message: fmt.Sprintf("the %s of %s/%d at offset %d is null", in.Part, in.Topic, in.Partition, in.Offset), Hint: "there are no bytes to download"}
	}
	// The topic exists, so its name is of letters, digits, dots, dashes and lines.
	name := fmt.Sprintf("%s-%d-%d.%s", in.Topic, in.Partition, in.Offset, in.Part)
	return &download{"application/octet-stream", fmt.Sprintf("attachment; filename=%q", name), "nosniff", b}, nil
}

func (s *Service) getHistogram(ctx context.Context, in *histogramInput) (*answer[Histogram], error) {
	r, err := s.Reader(in.Cluster)
	if err != nil {
		return nil, err
	}
	h, err := r.Histogram(ctx, in.Topic, in.From, in.To, in.Buckets)
	if err != nil {
		return nil, told(ctx, in.Cluster, err)
	}
	return &answer[Histogram]{*h}, nil
}

func (s *Service) postSearch(ctx context.Context, in *startInput) (*answer[Started], error) {
	search, err := s.Plan(ctx, in.Body)
	if err != nil {
		return nil, told(ctx, in.Body.Cluster, err)
	}
	out := Started{Estimate: search.Estimate}
	if !in.Body.DryRun {
		if out.ID, err = s.Start(ctx, search); err != nil {
			return nil, err
		}
	}
	return &answer[Started]{out}, nil
}

func (s *Service) getSearch(ctx context.Context, in *searchInput) (*answer[SearchStatus], error) {
	wait, err := duration("wait", in.Wait)
	if err != nil {
		return nil, err
	}
	search, err := s.Search(in.ID)
	if err != nil {
		return nil, err
	}
	search.Wait(ctx, wait, in.Seen)
	return &answer[SearchStatus]{SearchStatus{in.ID, search.Status()}}, nil
}

func (s *Service) deleteSearch(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*answer[SearchStatus], error) {
	search, err := s.Search(in.ID)
	if err != nil {
		return nil, err
	}
	search.Cancel()
	search.Wait(ctx, maxWait, maxMatches)
	return &answer[SearchStatus]{SearchStatus{in.ID, search.Status()}}, nil
}

func duration(field, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxWait {
		return 0, web.BadRequest(field, fmt.Sprintf("%q is no time to wait", text), "write it as 500ms or 5s, up to "+maxWait.String())
	}
	return d, nil
}

// told returns what the client is told about an error of a cluster.
func told(ctx context.Context, name string, err error) error {
	var known *web.Error
	switch {
	case errors.As(err, &known), ctx.Err() != nil:
		return err
	case errors.Is(err, cluster.ErrNoTopic):
		return web.NotFound(err.Error(), fmt.Sprintf("GET /api/v1/clusters/%s/topics lists them", name))
	}
	return &web.Error{Status: http.StatusServiceUnavailable, Code: "cluster_down", Message: err.Error(), Hint: "GET /api/v1/clusters says how the clusters are"}
}
