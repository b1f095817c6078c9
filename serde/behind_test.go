package serde

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/sr"
)

// follower is a process of a registry that has read the topic up to an offset. Schema
// n is at offset n - 1.
type follower struct {
	fake  *fake
	asked chan int64 // X-Weir-Min-Offset of each request, -1 for none
	plain bool       // it is not weir: it knows no offsets

	mu     sync.Mutex
	offset int64
	moved  chan struct{}
}

func newFollower(t *testing.T, offset int64) *follower {
	f := &follower{fake: newFake(t), asked: make(chan int64, 1000), offset: offset, moved: make(chan struct{})}
	h := http.HandlerFunc(f.serve)
	f.fake.instead.Store(&h)
	for i := range 5 {
		f.fake.put("t-value", fakeSchema{Text: fmt.Sprintf(`{"type":"fixed","name":"F","size":%d}`, i+1)})
	}
	return f
}

func (f *follower) move(offset int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offset = offset
	close(f.moved)
	f.moved = make(chan struct{})
}

func (f *follower) at() (int64, chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.offset, f.moved
}

func (f *follower) serve(w http.ResponseWriter, r *http.Request) {
	min, err := strconv.ParseInt(r.Header.Get(headerMinOffset), 10, 64)
	if err != nil {
		min = -1
	}
	f.asked <- min
	offset, moved := f.at()
	for offset < min && !f.plain {
		select {
		case <-moved:
			offset, moved = f.at()
		case <-r.Context().Done():
			return
		}
	}
	if !f.plain {
		w.Header().Set(headerOffset, strconv.FormatInt(offset, 10))
	}
	var id int64
	if _, err := fmt.Sscanf(r.URL.Path, "/schemas/ids/%d", &id); err == nil && id > offset+1 {
		refuse(w, 40403, "Schema not found")
		return
	}
	f.fake.serve(w, r)
}

// decode decodes a record of schema id, of id bytes.
func decode(t *testing.T, reg *Registry, id int) error {
	t.Helper()
	_, err := reg.Decode(t.Context(), append(AppendHeader(nil, id), make([]byte, id)...))
	return err
}

// What a follower has not read yet is not poison.
func TestFollowerBehind(t *testing.T) {
	f := newFollower(t, 0)
	reg := NewRegistry(f.fake.url)
	reg.progress.patience = time.Minute
	done := make(chan error)
	go func() { done <- decode(t, reg, 4) }()
	for _, step := range []struct{ min, move int64 }{{-1, 0}, {1, 1}, {2, 3}} { // it comes bit by bit
		if min := <-f.asked; min != step.min {
			t.Errorf("it asked for offset %d, not %d", min, step.min)
		}
		f.move(step.move)
	}
	if err := <-done; err != nil || len(f.asked) != 0 {
		t.Errorf("%v, %d requests more", err, len(f.asked))
	}
	// What is known to be there is asked for at once.
	go func() { done <- decode(t, reg, 3) }()
	if err, min := <-done, <-f.asked; err != nil || min != 3 {
		t.Errorf("%v, it asked for offset %d", err, min)
	}
}

// The registry of another maker, which says no offsets, is asked once more.
func TestRegistryBehind(t *testing.T) {
	srv := newFake(t)
	srv.put("t-value", fakeSchema{Text: `{"type":"fixed","name":"F","size":1}`})
	var n int
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 1 {
			refuse(w, 40403, "Schema not found")
		} else {
			srv.serve(w, r)
		}
	})
	srv.instead.Store(&h)
	reg := NewRegistry(srv.url)
	reg.progress.patience = leastPatience
	if err := decode(t, reg, 1); err != nil || n != 2 {
		t.Errorf("%v after %d requests", err, n)
	}
}

// An id that nobody knows costs few requests, and short waits, however many ask.
func TestUnknownStaysUnknown(t *testing.T) {
	for _, plain := range []bool{false, true} {
		f := newFollower(t, 4)
		f.plain = plain
		reg := NewRegistry(f.fake.url)
		now := time.Unix(0, 0)
		reg.now = func() time.Time { return now }
		reg.progress.patience = 4 * leastPatience
		var n int64
		requests := func(id int) int64 {
			t.Helper()
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					if err := decode(t, reg, id); !errors.Is(err, ErrUnknownSchema) {
						t.Errorf("id %d: %v", id, err)
					}
				})
			}
			wg.Wait()
			before := n
			n = reg.Stats().Requests
			return n - before
		}
		got := []int64{requests(10), requests(10), requests(11), requests(12), requests(13), requests(14)}
		now = now.Add(patienceBack + 1)
		got = append(got, requests(15))
		// Two each while there is patience, then one, then two again.
		if want := []int64{2, 0, 2, 2, 1, 1, 2}; !cmp.Equal(got, want) {
			t.Errorf("plain %v: %v requests, want %v", plain, got, want)
		}
	}
}

// A refusal that is no "not found" ends the asking, and is told.
func TestBehindAndBroken(t *testing.T) {
	srv := newFake(t)
	var n int
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(headerOffset, "7")
		if n++; n == 1 {
			refuse(w, 40403, "Schema not found")
		} else {
			refuse(w, 50001, "the store")
		}
	})
	srv.instead.Store(&h)
	reg := NewRegistry(srv.url)
	reg.progress.patience = time.Minute
	if err := decode(t, reg, 1); !errors.Is(err, ErrRegistry) || n != 2 {
		t.Errorf("%v after %d requests", err, n)
	}
	// The process is known to lag, as it says itself: that passes.
	srv.answer(500, `{"error_code":50002,"message":"not yet"}`)
	if err := decode(t, reg, 1); !errors.Is(err, ErrRegistry) {
		t.Error(err)
	}
	// One that can not be asked is not one that has nothing.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := reg.request(ctx, "GET", "/schemas/ids/1", nil, nil); !errors.Is(err, ErrRegistry) {
		t.Error(err)
	}
}

// Replies of one minute are as of no earlier offset than those before them.
func TestProgress(t *testing.T) {
	var p progress
	start := time.Unix(0, 0)
	f := func(after time.Duration, reached, want int64) {
		t.Helper()
		now := start.Add(after)
		if reached >= 0 {
			p.reached(now, reached)
		}
		if got := p.known(now); got != want {
			t.Errorf("after %v: %d, want %d", after, got, want)
		}
	}
	f(0, -1, -1)
	f(0, 7, 7)
	f(time.Second, 5, 7) // another process
	f(offsetHolds, -1, 7)
	f(offsetHolds+1, -1, -1)
	f(offsetHolds+2, 3, 3) // a topic made anew
}

// Our own transport is on top of what the caller asks for.
func TestTransport(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, _, _ := r.BasicAuth(); user != "me" {
			refuse(w, 40101, "who is it?")
			return
		}
		w.Header().Set(headerOffset, "3")
		_, _ = w.Write([]byte(`{"schema":"\"int\""}`))
	}))
	t.Cleanup(srv.Close)
	roots := srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	for name, opt := range map[string]sr.ClientOpt{
		"a client of the caller's": sr.HTTPClient(srv.Client()),
		"TLS":                      sr.DialTLSConfig(&tls.Config{RootCAs: roots}),
	} {
		reg := NewRegistry(srv.URL, WithClient(opt, sr.BasicAuth("me", "x")))
		if _, err := reg.Schema(t.Context(), SchemaID{Number: 1}); err != nil || reg.progress.known(time.Now()) != 3 {
			t.Errorf("%s: %v, %d", name, err, reg.progress.known(time.Now()))
		}
		reg.client.OptValue(sr.HTTPClient).(*http.Client).Transport.(offsets).next.(*http.Transport).CloseIdleConnections()
	}
}

func TestMetrics(t *testing.T) {
	srv := newFake(t)
	reg := NewRegistry(srv.url, WithCacheDir(t.TempDir()))
	reg.progress.patience = 0
	metrics := prometheus.NewPedanticRegistry()
	reg.Measure(metrics)
	s := newSerde[int32](t, reg, Config{Schema: `"int"`})
	for range 3 {
		b, err := s.Encode(t.Context(), "t", 7)
		if err == nil {
			_, err = s.Decode(t.Context(), b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, _ = reg.Decode(t.Context(), AppendHeader(nil, 9))
	srv.answer(503, "")
	_, _ = reg.Decode(t.Context(), AppendHeader(nil, 8))
	got := map[string]float64{}
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[0].GetMetric() {
		got[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = m.GetCounter().GetValue()
	}
	want := map[string]float64{
		"memory miss": 4, "disk hit": 0, "disk miss": 1, "disk error": 0, "registry hit": 2, "registry miss": 1, "registry error": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
