package console

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// What the API says of records and searches, as far as the pages use it.

type fieldInfo struct {
	Null      bool   `json:"null"`
	Bytes     int64  `json:"bytes"`
	Text      string `json:"text"`
	Format    string `json:"format"`
	SchemaID  int64  `json:"schema_id"`
	Subject   string `json:"subject"`
	Truncated bool   `json:"truncated"`
	Attempts  []struct {
		Decoder string `json:"decoder"`
		Error   string `json:"error"`
	} `json:"attempts"`
}

type headerInfo struct {
	Key   string    `json:"key"`
	Value fieldInfo `json:"value"`
}

type recordInfo struct {
	Partition     int32        `json:"partition"`
	Offset        int64        `json:"offset"`
	Time          moment       `json:"time"`
	TimeType      string       `json:"time_type"`
	Size          int64        `json:"size"`
	Key           fieldInfo    `json:"key"`
	Value         fieldInfo    `json:"value"`
	Headers       []headerInfo `json:"headers"`
	HeadersCut    int64        `json:"headers_cut"`
	Control       bool         `json:"control"`
	Transactional bool         `json:"transactional"`
}

type offsetRange struct {
	Partition int32 `json:"partition"`
	From      int64 `json:"from"`
	To        int64 `json:"to"`
}

type recordPage struct {
	Records []recordInfo `json:"records"`
	Order   string       `json:"order"`
	Next    string       `json:"next"`
	AtEnd   bool         `json:"at_end"`
	Ranges  []struct {
		Partition int32 `json:"partition"`
		Start     int64 `json:"start"`
		End       int64 `json:"end"`
	} `json:"ranges"`
	Problems []string `json:"problems"`
}

func (p recordPage) problems() []string { return p.Problems }

type histogramInfo struct {
	Buckets []struct {
		From    moment `json:"from"`
		To      moment `json:"to"`
		Records int64  `json:"records"`
	} `json:"buckets"`
	Exact    bool     `json:"exact"`
	Why      string   `json:"why"`
	Problems []string `json:"problems"`
}

func (h histogramInfo) problems() []string { return h.Problems }

// searchQuery is what a search is asked for with.
type searchQuery struct {
	Cluster     string  `json:"cluster"`
	Topic       string  `json:"topic"`
	Partitions  []int32 `json:"partitions,omitempty"`
	From        string  `json:"from,omitempty"`
	To          string  `json:"to,omitempty"`
	Filter      string  `json:"filter,omitempty"`
	CEL         string  `json:"cel,omitempty"`
	Decoder     string  `json:"decoder,omitempty"`
	Limit       int64   `json:"limit,omitempty"`
	BudgetBytes int64   `json:"budget_bytes,omitempty"`
	Token       string  `json:"token,omitempty"`
	DryRun      bool    `json:"dry_run,omitempty"`
}

type searchStarted struct {
	ID       string `json:"id"`
	Estimate struct {
		Partitions int64   `json:"partitions"`
		Records    int64   `json:"records"`
		Bytes      int64   `json:"bytes"`
		Seconds    float64 `json:"seconds"`
	} `json:"estimate"`
}

type searchStatus struct {
	State    string `json:"state"`
	Why      string `json:"why"`
	Progress struct {
		Records      int64 `json:"records"`
		Bytes        int64 `json:"bytes"`
		RecordsTotal int64 `json:"records_total"`
		BytesTotal   int64 `json:"bytes_total"`
		ElapsedMS    int64 `json:"elapsed_ms"`
		ETAMS        int64 `json:"eta_ms"`
	} `json:"progress"`
	Matches  []recordInfo  `json:"matches"`
	Token    string        `json:"token"`
	Covered  []offsetRange `json:"covered"`
	Problems []string      `json:"problems"`
	Error    string        `json:"error"`
}

func (s searchStatus) problems() []string { return s.Problems }

// patient is the API for what may take longer than looking into a snapshot.
func (a api) patient(times int) api { a.deadline *= time.Duration(times); return a }

// readingTimes is how many deadlines reading records may take: the API looks for
// up to 5 seconds, and waits 3 for a broker that is away.
const readingTimes = 5

// reading is a question that is answered by reading a topic.
func reading[T any](name, path string) question {
	return question{name, path, func(ctx context.Context, api api) (any, error) {
		var v T
		err := api.patient(readingTimes).get(ctx, path, &v)
		return v, err
	}}
}

// posting is a question whose text is too long for an address. It changes nothing.
func posting[T any](name, path string, body any) question {
	return question{name, path, func(ctx context.Context, api api) (any, error) {
		var v T
		err := api.patient(readingTimes).call(ctx, http.MethodPost, path, nil, body, &v)
		return v, err
	}}
}

// answered is the answer to a question that needs none of the API.
func answered[T any](name, path string, v T, err error) question {
	return question{name, path, func(context.Context, api) (any, error) { return v, err }}
}

// longText is a parameter that may hold an expression or a cursor. An address with
// all that it holds still fits into a request.
func longText(name string) param {
	p := text(name)
	p.want = "a text of at most 20,000 bytes"
	p.valid = func(s string) bool { return len(s) <= 20_000 && strings.ToValidUTF8(s, "") == s }
	return p
}

var digits = regexp.MustCompile(`^[0-9]{1,18}$`)

// digitsParam is a parameter that is a number or absent.
func digitsParam(name string) param {
	return param{name: name, want: "a number", valid: digits.MatchString}
}

// place writes what somebody gave as a time in the way of the API. Other texts stay
// as they are: the API says what is wrong with them.
func place(s string) string {
	s = strings.TrimSpace(s)
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format(time.RFC3339)
		}
	}
	return s
}

func withQuery(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}
