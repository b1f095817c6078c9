package remote

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client asks one registry.
type Client struct {
	URL    string // such as http://127.0.0.1:8080, with user:password@ if it wants them
	Reason string // why changes are made; weir's registry keeps it
	Actor  string // who makes them by a command, likewise
	// Timeout bounds a request. Default a minute: longer than any registry waits for
	// its log.
	Timeout time.Duration
	// Progress is called by Snapshot, one call at a time: done of so many subjects and
	// settings. Default: it is not told.
	Progress func(done, of int)
}

// Error is a refusal.
type Error struct {
	Status  int // of HTTP
	Code    int
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// The codes that callers look at.
const (
	NoSubject    = 40401
	NoVersion    = 40402
	NoSchema     = 40403
	NoConfig     = 40408
	NoMode       = 40409
	Incompatible = 409
)

// Is says whether err is a refusal with one of the codes.
func Is(err error, codes ...int) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.Code == c || e.Code/100 == c {
			return true
		}
	}
	return false
}

// missing says whether a registry says that there is no such thing, in any words:
// not all of them give the codes.
func missing(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

const (
	mediaType = "application/vnd.schemaregistry.v1+json"
	maxReply  = 64 << 20
)

// Do makes one request. body is nil, or becomes JSON; a []byte is sent as it is, lines of
// JSON. into is nil, or takes the JSON
// of the reply; a *[]byte takes it as it is.
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, body, into any) error {
	text, lines := body.([]byte)
	if body != nil && !lines {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.Timeout, time.Minute))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Accept", mediaType+", application/json")
	switch {
	case lines:
		req.Header.Set("Content-Type", "application/x-ndjson")
	case body != nil:
		req.Header.Set("Content-Type", mediaType)
	}
	if c.Reason != "" {
		req.Header.Set("X-Weir-Reason", c.Reason)
	}
	if c.Actor != "" {
		req.Header.Set("X-Weir-Actor", c.Actor)
		req.Header.Set("X-Weir-Via", "command")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking the registry: %w", err)
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return fmt.Errorf("asking the registry for %s: %w", path, err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return refusal(resp, reply)
	}
	switch into := into.(type) {
	case nil:
	case *[]byte:
		*into = reply
	default:
		if err := json.Unmarshal(reply, into); err != nil {
			return fmt.Errorf("reading the registry's reply to %s %s: %w", method, path, err)
		}
	}
	return nil
}

func refusal(resp *http.Response, reply []byte) error {
	var said struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
		Hint    string `json:"hint"` // of weir's own operations
	}
	if json.Unmarshal(reply, &said) != nil || said.Message == "" {
		said.Message = resp.Status
	}
	if said.Code == 0 {
		said.Code = resp.StatusCode
	}
	if said.Hint != "" {
		said.Message += "; " + said.Hint
	}
	return &Error{resp.StatusCode, said.Code, said.Message}
}

func subjectPath(subject string) string { return "/subjects/" + url.PathEscape(subject) }

func number(version int) string {
	if version < 1 {
		return "latest"
	}
	return strconv.Itoa(version)
}

// flags makes a query of those flags that are set.
func flags(set map[string]bool) url.Values {
	q := url.Values{}
	for name, on := range set {
		if on {
			q.Set(name, "true")
		}
	}
	return q
}
