package serde

import (
	"context"
	"net/http"
	"strconv"

	"github.com/twmb/franz-go/pkg/sr"
)

// What a registry of weir says beside its replies, and may be asked for: how much of
// its topic the process that answers has read. Others do neither.
const (
	headerOffset    = "X-Weir-Offset"
	headerMinOffset = "X-Weir-Min-Offset"
)

// exchange is what one request and its reply say of the registry's topic.
type exchange struct {
	min    int64 // of the request: the reply must know of this offset; -1: of none
	weir   bool  // the reply has an offset
	offset int64 // of the reply
}

type exchangeKey struct{}

// offsets is a transport that notes what exchanges say.
type offsets struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t offsets) RoundTrip(req *http.Request) (*http.Response, error) {
	x, _ := req.Context().Value(exchangeKey{}).(*exchange)
	if x != nil && x.min >= 0 {
		req = req.Clone(req.Context()) // it is not ours to change
		req.Header.Set(headerMinOffset, strconv.FormatInt(x.min, 10))
	}
	resp, err := t.next.RoundTrip(req)
	if x != nil && err == nil {
		offset, err := strconv.ParseInt(resp.Header.Get(headerOffset), 10, 64)
		x.weir, x.offset = err == nil, offset
	}
	return resp, err
}

// newClient returns a client whose transport is offsets over what the options say.
// It is made twice, since sr puts the TLS configuration into its own transports only.
func newClient(opts []sr.ClientOpt) (*sr.Client, error) {
	plain, err := sr.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	over := *plain.OptValue(sr.HTTPClient).(*http.Client)
	if over.Transport == nil {
		over.Transport = http.DefaultTransport
	}
	over.Transport = offsets{over.Transport}
	return sr.NewClient(append(plain.Opts(), sr.DialTLSConfig(nil), sr.HTTPClient(&over))...)
}

// send sends one request that must be answered as of an offset, -1 for any.
func (r *Registry) send(ctx context.Context, min int64, method, path string, body, out any) (*exchange, error) {
	r.requests.Add(1)
	x := &exchange{min: min}
	err := r.client.Do(context.WithValue(ctx, exchangeKey{}, x), method, path, body, out)
	if x.weir {
		r.progress.reached(r.now(), x.offset)
	}
	return x, err
}
