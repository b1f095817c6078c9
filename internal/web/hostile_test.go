package web

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// send writes raw bytes to s and returns what comes back until s hangs up.
func send(t *testing.T, s *Server, raw string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	go io.WriteString(conn, raw) // may be refused half-way
	answer, err := io.ReadAll(conn)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Errorf("the server holds on to %.80q", raw)
	}
	return string(answer)
}

func TestHostileRequests(t *testing.T) {
	s, log := newServer(t)
	s.Mux().HandleFunc("GET /files/{name}", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "name="+r.PathValue("name"))
	})
	s.Mux().HandleFunc("POST /ui/plan", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "planned") })
	start(t, s)
	request := func(line string, headers ...string) string {
		return line + " HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n" + strings.Join(headers, "") + "\r\n"
	}
	for _, c := range []struct{ name, raw, status, body string }{
		{"a header too long", request("GET /healthz", "X-A: "+strings.Repeat("a", 80<<10)+"\r\n"), "431", ""},
		{"too many headers", request("GET /healthz", strings.Repeat("X-A: aaaaaaaaaa\r\n", 5000)), "431", ""},
		{"a path too long", request("GET /" + strings.Repeat("a", 80<<10)), "431", ""},
		{"headers that are long enough", request("GET /healthz", "X-A: "+strings.Repeat("a", 50<<10)+"\r\n"), "200", "ok"},
		{"no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400", ""},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "400", ""},
		{"two lengths", request("POST /ui/plan", "Content-Length: 1\r\nContent-Length: 2\r\n"), "400", ""},
		{"a length below zero", request("POST /ui/plan", "Content-Length: -1\r\n"), "400", ""},
		{"an unknown transfer coding", request("POST /ui/plan", "Transfer-Encoding: gzip, chunked\r\n"), "501", ""},
		{"a header with a zero byte", request("GET /healthz", "X-A: \x00\r\n"), "400", ""},
		{"a path upwards", request("GET /files/../../etc/passwd"), "307", ""},
		{"a path upwards, encoded", request("GET /files/..%2f..%2fetc%2fpasswd"), "200", "name=../../etc/passwd"}, // one name, no path
		{"a path upwards, twice encoded", request("GET /files/%252e%252e"), "200", "name=%2e%2e"},
		{"dots encoded", request("GET /files/%2e%2e/healthz"), "404", ""},
		{"a zero byte in a path", request("GET /files/%00"), "200", "name=\x00"},
		{"bad escaping", request("GET /files/%zz"), "400", ""},
		{"double slashes", request("GET //evil.example/../healthz"), "307", ""},
		{"no path", request("GET evil"), "400", ""},
		{"another host's address", request("GET http://evil.example/healthz"), "200", "ok"},
		{"all of the server", request("OPTIONS *"), "200", ""},
		{"a tunnel", request("CONNECT evil.example:443"), "405", "weir is no proxy"},
		{"a tunnel to a page", request("CONNECT /x/../ui/plan"), "405", "weir is no proxy"},
		{"a change around the check", request("POST /x/../ui/plan", "Sec-Fetch-Site: cross-site\r\n"), "403", ""},
		{"a change around the check, encoded", request("POST /%75i/plan", "Origin: http://evil.example\r\n"), "403", ""},
		{"a method of its own", request("BREW /api/v1/double"), "404", "there is no BREW"},
		{"bad encodings", request("GET /metrics", "Accept-Encoding: gzip;q=zero, ;;;, \xff\r\n"), "200", "weir_http_requests_in_flight"},
		{"an id that breaks lines", request("GET /healthz", "X-Request-Id: a%0d%0aSet-Cookie: b\r\n"), "200", "ok"},
	} {
		answer := send(t, s, c.raw)
		line, _, _ := strings.Cut(answer, "\r\n")
		if !strings.HasPrefix(line, "HTTP/1.1 "+c.status+" ") || !strings.Contains(answer, c.body) {
			t.Errorf("%s: %.300q", c.name, answer)
		}
		if strings.Contains(line, " 307 ") && strings.Contains(answer, "evil.example/") && !strings.Contains(answer, "Location: /") {
			t.Errorf("%s: led elsewhere: %q", c.name, answer)
		}
		if strings.Contains(answer, "Set-Cookie") {
			t.Errorf("%s: %q", c.name, answer)
		}
	}
	if n := len(log.with(t, "handler panicked")); n > 0 {
		t.Errorf("%d panics", n)
	}
}

// Who sends its headers byte by byte is dropped, and others are served meanwhile.
func TestSlowHeaders(t *testing.T) {
	s, _ := newServer(t)
	if s.headerTimeout != 10*time.Second {
		t.Errorf("%v for headers", s.headerTimeout)
	}
	s.headerTimeout = 300 * time.Millisecond
	start(t, s)
	began := time.Now()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: weir\r\nX-A: "); err != nil {
		t.Fatal(err)
	}
	go func() { // a byte now and then does not buy time
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(conn, "a"); err != nil {
				return
			}
		}
	}()
	if resp, _ := do(t, s, wire(t), "GET", "/healthz", ""); resp.StatusCode != 200 {
		t.Errorf("another client: %d", resp.StatusCode)
	}
	conn.SetReadDeadline(began.Add(20 * time.Second))
	if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil && resp.StatusCode < 400 {
		t.Errorf("answered with %s", resp.Status)
	} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Error("still connected after 20 s")
	}
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("dropped after %v", took)
	}
}

// A connection that asks nothing more is closed.
func TestIdleConnection(t *testing.T) {
	s, _ := newServer(t)
	if s.idleTimeout != 2*time.Minute {
		t.Errorf("%v of idling", s.idleTimeout)
	}
	s.idleTimeout = 50 * time.Millisecond
	start(t, s)
	if answer := send(t, s, "GET /healthz HTTP/1.1\r\nHost: weir\r\n\r\n"); !strings.HasSuffix(answer, "ok\n") {
		t.Errorf("%q", answer)
	}
}
