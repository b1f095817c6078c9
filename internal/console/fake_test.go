package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeAPI answers as audit and demo do, from values that a test sets.
type fakeAPI struct {
	mu     sync.Mutex // guards all below
	topics []topicInfo
	wins   map[string][]windowInfo
	views  []pageView // nil: no demo
	broken map[string]http.HandlerFunc
	reads  int
	fleet  fakeFleet
	desk   fakeDesk
	all    func(path string) http.HandlerFunc // answers instead of all the others
}

func (f *fakeAPI) set(change func(*fakeAPI)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// RoundTrip answers in process, as the console is used, and gives up with ctx.
func (f *fakeAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.reads++
	broken := f.broken[r.URL.Path]
	if f.all != nil {
		broken = f.all(r.URL.Path)
	}
	f.mu.Unlock()
	if broken != nil {
		broken(w, r)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/audit/topics", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{"topics": f.topics})
	})
	mux.HandleFunc("GET /api/v1/audit/topics/{t}/windows", func(w http.ResponseWriter, r *http.Request) {
		ws := []windowInfo{}
		from, _ := time.Parse(time.RFC3339, r.URL.Query().Get("from"))
		to, err := time.Parse(time.RFC3339, r.URL.Query().Get("to"))
		for _, x := range f.wins[r.PathValue("t")] {
			if !x.Start.Before(from) && (err != nil || x.Start.Before(to)) {
				ws = append(ws, x)
			}
		}
		answer(w, map[string]any{"topic": r.PathValue("t"), "windows": ws})
	})
	mux.HandleFunc("GET /api/v1/audit/topics/{t}/windows/{s}", func(w http.ResponseWriter, r *http.Request) {
		for _, x := range f.wins[r.PathValue("t")] {
			if stamp(x.Start) == r.PathValue("s") {
				answer(w, x)
				return
			}
		}
		fail(w, 404, "window_unknown", "no window of "+r.PathValue("t")+" begins at "+r.PathValue("s"), "GET the list")
	})
	mux.HandleFunc("GET /api/v1/demo/views", func(w http.ResponseWriter, r *http.Request) {
		if f.views == nil {
			fail(w, 404, "no_demo", "no demo runs", "")
			return
		}
		answer(w, map[string]any{"views": f.views})
	})
	f.fleet.register(mux)
	f.desk.register(mux)
	mux.ServeHTTP(w, r)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, status int, code, message, hint string) {
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"code": code, "message": message, "hint": hint})
}

var tiers = []string{"producer", "local", "aggregate"}

// at is a time of 17 May 2015, the first day of the sample log.
func at(hour, min int) time.Time { return time.Date(2015, 5, 17, hour, min, 0, 0, time.UTC) }

// win makes a window as audit would judge it. For lost and duplicated, n records
// are meant, between local and aggregate.
func win(topic string, start time.Time, records int64, verdict string, n int64) windowInfo {
	w := windowInfo{Start: start, Topic: topic, Verdict: verdict, Revision: 1,
		Counts: map[string]int64{"producer": records, "local": records, "aggregate": records},
		Pairs: []pairInfo{{From: "producer", To: "local", Verdict: "complete"},
			{From: "local", To: "aggregate", Verdict: verdict}},
	}
	p := &w.Pairs[1]
	switch verdict {
	case "lost":
		w.Counts["aggregate"], w.Lost, p.Lost = records-n, n, n
		w.Ranges = []rangeInfo{{"local", 0, 120, 120 + n - 2}, {"local", 3, 4711, 4713}}
	case "duplicated":
		w.Counts["aggregate"], w.Duplicated, p.Duplicated = records+n, n, n
		w.Ranges = []rangeInfo{{"aggregate", 2, 900, 900 + n}}
	case "unknown":
		p.Cause = "run 5f3a died after its last report"
	case "late":
		w.Counts["aggregate"], p.Cause = records/2, "the mirror is 41 records behind"
	case "open":
		w.Counts["aggregate"] = 0
		w.Pairs[0].Verdict = "open"
	}
	return w
}

// sample is a topic like that of the demo: n windows, every step, mostly
// complete, with one of each other verdict and the last four open.
func sample(topic string, n int, step time.Duration) (topicInfo, []windowInfo) {
	var ws []windowInfo
	for i := range n {
		records, v, k := int64(90+i*37%80), "complete", int64(0)
		switch {
		case i >= n-4:
			v = "open"
		case i == n/3:
			records, v, k = 187, "lost", 7
		case i == n/2:
			records, v, k = 180, "duplicated", 5
		case i == n*2/3:
			v = "unknown"
		case i == n*3/4:
			v = "late"
		}
		ws = append(ws, win(topic, at(10, 0).Add(time.Duration(i)*step), records, v, k))
	}
	return summary(topic, ws), ws
}

func summary(topic string, ws []windowInfo) topicInfo {
	t := topicInfo{Topic: topic, Tiers: tiers, Windows: len(ws), Counts: map[string]int64{}, Verdicts: map[string]int{}}
	worst := verdictOf("complete")
	for _, w := range ws {
		for tier, n := range w.Counts {
			t.Counts[tier] += n
		}
		t.Verdicts[w.Verdict]++
		worst = worse(worst, verdictOf(w.Verdict))
	}
	t.Verdict = worst.Word
	return t
}

func sampleViews() []pageView {
	var out []pageView
	paths := []string{"/presentations/logstash-monitorama-2013/images/kibana-search.png", "/blog/tags/puppet?flav=rss20",
		"/favicon.ico", "/images/jordan-80.png", "/reset.css"}
	agent := "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36"
	ref := "http://semicomplete.com/presentations/logstash-monitorama-2013/"
	for i, p := range paths {
		n := int64(203023 / (i + 1))
		v := pageView{Partition: int32(i % 4), Offset: int64(2491 - i), At: at(10, 5).Add(-time.Duration(i) * time.Second),
			Client: fmt.Sprintf("83.149.9.%d", 216-i), Method: "GET", Path: p, Status: 200, Bytes: &n, Referrer: &ref, Agent: &agent}
		if i == 2 {
			v.Status, v.Bytes, v.Referrer, v.Agent = 404, nil, nil, nil
		}
		out = append(out, v)
	}
	return out
}

func sampleAPI(n int, step time.Duration) *fakeAPI {
	t, ws := sample("page-views", n, step)
	return &fakeAPI{topics: []topicInfo{t}, wins: map[string][]windowInfo{"page-views": ws}, views: sampleViews(),
		broken: map[string]http.HandlerFunc{}}
}

// newConsole serves a console over f as weir does, with Run running, until the
// test ends. stop ends Run and waits for it.
func newConsole(t *testing.T, f http.RoundTripper, cfg Config) (srv *httptest.Server, stop func()) {
	t.Helper()
	cfg.API = f
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	c.Register(mux)
	srv = httptest.NewServer(mux)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error("Run:", err)
		}
	})
	t.Cleanup(func() {
		stop()
		srv.Close() // hangs if a stream outlives Run
	})
	return srv, stop
}

const hostile = `<script>alert("x")</script>` + "\u202e" + `gpj.exe&'"` + "\rid: evil\r\rdata: more"

var long = strings.Repeat("a-very-long-topic-name.", 10) + "and-its-end"
