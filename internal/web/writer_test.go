package web

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"gzip": true, "GZip": true, "gzip, deflate, br, zstd": true, "br;q=1.0, gzip;q=0.8, *;q=0.1": true, "gzip;q=0.001": true,
		"deflate,gzip ; q=1": true, "*": true, "identity": false, "": false, "br": false,
		"gzip;q=0": false, "gzip;q=0.000, *": false, "*;q=0": false, "identity, *;q=0.5": true,
		"gzip;q=": false, "gzip;q=much": false, "gzip;q=NaN": false, "gzip;q=-1": false, "gzip;q=2": false,
		"gzipped": false, "x gzip": false, ";;;,,,": false, "\x00gzip": false, strings.Repeat("br,", 10_000) + "gzip": true,
	} {
		if got := acceptsGzip([]string{header}); got != want {
			t.Errorf("%.40q: %v", header, got)
		}
	}
	if acceptsGzip(nil) || !acceptsGzip([]string{"br", "gzip"}) || !acceptsGzip([]string{"br, ", "gzip;q=0.5"}) {
		t.Error("several headers")
	}
}

func FuzzAcceptsGzip(f *testing.F) {
	f.Add("gzip;q=0.5, *")
	f.Fuzz(func(t *testing.T, header string) {
		if acceptsGzip([]string{header}) && !strings.Contains(strings.ToLower(header), "gzip") && !strings.Contains(header, "*") {
			t.Errorf("%q", header)
		}
	})
}

func TestCompression(t *testing.T) {
	s, _ := newServer(t)
	s.Mux().HandleFunc("GET /body", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		for name, header := range map[string]string{"type": "Content-Type", "encoding": "Content-Encoding", "etag": "ETag", "length": "Content-Length"} {
			if v := q.Get(name); v != "" {
				w.Header().Set(header, v)
			}
		}
		if status, err := strconv.Atoi(q.Get("status")); err == nil {
			w.WriteHeader(status)
		}
		n, _ := strconv.Atoi(q.Get("n"))
		part, _ := strconv.Atoi(q.Get("part"))
		for body := strings.Repeat("a", n); body != ""; {
			cut := len(body)
			if part > 0 {
				cut = min(cut, part)
			}
			io.WriteString(w, body[:cut])
			body = body[cut:]
		}
	})
	both(t, s, func(t *testing.T, transport http.RoundTripper) {
		for _, c := range []struct {
			query  string
			length int
			accept string
			zipped bool
			varies bool
		}{
			{"type=application/json", 1024, "gzip", true, true},
			{"type=application/json", 1023, "gzip", false, true},
			{"type=application/json&part=1", 1023, "gzip", false, true},
			{"type=application/json&part=1", 1024, "gzip", true, true},
			{"type=application/json&part=1000", 100_000, "gzip", true, true},
			{"type=application/json", 1024, "identity", false, true},
			{"type=application/json", 1024, "gzip;q=0", false, true},
			{"type=application/json", 0, "gzip", false, true},
			{"type=application/json&length=5000", 5000, "gzip", true, true},
			{"type=application/vnd.schemaregistry.v1%2Bjson", 5000, "gzip", true, true},
			{"type=text/html%3B+charset=utf-8", 5000, "gzip", true, true},
			{"type=TEXT/HTML", 5000, "gzip", true, true},
			{"type=image/svg%2Bxml", 5000, "gzip", true, true},
			{"", 5000, "gzip", true, true}, // text, as it looks
			{"", 5000, "identity", false, true},
			{"type=text/event-stream", 5000, "gzip", false, false},
			{"type=Text/Event-Stream%3Bcharset=utf-8", 5000, "gzip", false, false},
			{"type=image/png", 5000, "gzip", false, false},
			{"type=application/octet-stream", 5000, "gzip", false, false},
			{"type=text/plain&encoding=br", 5000, "gzip", false, false},
			{"type=text/plain&status=404", 5000, "gzip", true, true},
			{"type=text/plain&status=206", 5000, "gzip", false, true},
			{"type=text/plain&status=204", 0, "gzip", false, true},
			{"type=text/plain&status=304", 0, "gzip", false, true},
		} {
			resp, body := do(t, s, transport, "GET", "/body?n="+strconv.Itoa(c.length)+"&"+c.query, "", "Accept-Encoding", c.accept)
			zipped := resp.Header.Get("Content-Encoding") == "gzip"
			if zipped {
				if l := resp.Header.Get("Content-Length"); l != "" && l != strconv.Itoa(len(body)) {
					t.Errorf("%s: length %s of %d bytes", c.query, l, len(body))
				}
				body = unzip(t, body)
			}
			if body != strings.Repeat("a", c.length) {
				t.Errorf("%s: %d bytes, not %d", c.query, len(body), c.length)
			}
			if varies := resp.Header.Get("Vary") == "Accept-Encoding"; zipped != c.zipped || varies != c.varies {
				t.Errorf("%s, %d bytes, %s: zipped %v, varies %v", c.query, c.length, c.accept, zipped, varies)
			}
			if c.length > 0 && resp.Header.Get("Content-Type") == "application/x-gzip" {
				t.Errorf("%s: the type is guessed from the compressed bytes", c.query)
			}
		}
		resp, body := do(t, s, transport, "HEAD", "/body?type=text/plain&n=5000", "", "Accept-Encoding", "gzip")
		if resp.StatusCode != 200 || body != "" || resp.Header.Get("Content-Encoding") != "" {
			t.Errorf("HEAD: %d %q %v", resp.StatusCode, body, resp.Header)
		}
		resp, _ = do(t, s, transport, "GET", `/body?n=5000&etag="x"`, "", "Accept-Encoding", "gzip")
		if got := resp.Header.Get("ETag"); got != `W/"x"` {
			t.Errorf("ETag %s of other bytes", got)
		}
	})
}

func unzip(t *testing.T, s string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A compressed answer that is flushed arrives bit by bit.
func TestCompressedFlush(t *testing.T) {
	s, _ := newServer(t)
	next := make(chan bool)
	s.Mux().HandleFunc("GET /rows", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		for range 3 {
			io.WriteString(w, "{}\n")
			w.(http.Flusher).Flush()
			<-next
		}
	})
	start(t, s)
	req, _ := http.NewRequest("GET", "http://"+s.Addr()+"/rows", nil)
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := wire(t).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("header %v", resp.Header)
	}
	zip, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	rows := bufio.NewReader(zip)
	for range 3 {
		if row, err := rows.ReadString('\n'); err != nil || row != "{}\n" {
			t.Fatalf("%q, %v", row, err)
		}
		next <- true
	}
	if rest, err := io.ReadAll(rows); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
}

// A status on the way is not the final one.
func TestInformational(t *testing.T) {
	s, _ := newServer(t)
	s.Mux().HandleFunc("GET /hints", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusAccepted)
		w.WriteHeader(http.StatusTeapot)
	})
	both(t, s, func(t *testing.T, transport http.RoundTripper) {
		if resp, _ := do(t, s, transport, "GET", "/hints", ""); resp.StatusCode != http.StatusAccepted {
			t.Errorf("%d", resp.StatusCode)
		}
	})
}
