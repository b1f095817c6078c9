package web

import (
	"cmp"
	"compress/gzip"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// gzipMin is below what compressing an answer does not pay: it fits in one packet.
const gzipMin = 1 << 10

// Speed over ratio: one weir has few readers, and they are near.
var gzipWriters = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	return w
}}

// writer counts what goes out, and compresses it if that pays. It decides with the
// first bytes: it holds an answer back until gzipMin bytes of it, a flush or its
// end. Owned by the goroutine of the request.
type writer struct {
	http.ResponseWriter
	gzip bool // the client can read it
	head bool // a HEAD request, whose answer has no body

	status int    // 0 until the handler has said it
	sent   bool   // the header has gone out
	held   []byte // until then
	zipper *gzip.Writer
	bytes  int64 // that have gone out
}

// Unwrap lets http.ResponseController find deadlines.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	switch {
	case status >= 100 && status < 200: // on the way to the final one
		w.ResponseWriter.WriteHeader(status)
	case w.status == 0:
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *writer) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if !w.sent {
		if w.gzip && len(w.held)+len(b) < gzipMin && w.Header().Get("Content-Encoding") == "" {
			w.held = append(w.held, b...)
			return len(b), nil
		}
		n := len(b)
		if len(w.held) > 0 {
			b = append(w.held, b...)
		}
		w.held = b // an answer that comes whole is not copied; send lets go of it
		if err := w.send(len(w.held) >= gzipMin); err != nil {
			return 0, err
		}
		return n, nil
	}
	return w.put(b)
}

func (w *writer) put(b []byte) (int, error) {
	if w.zipper != nil {
		return w.zipper.Write(b)
	}
	return counted{w}.Write(b)
}

// counted writes past the compression.
type counted struct{ *writer }

func (c counted) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.bytes += int64(n)
	return n, err
}

// send sends the header and what was held back. worth says that there is, or may
// come, enough to compress.
func (w *writer) send(worth bool) error {
	w.sent = true
	h := w.Header()
	if w.zips(worth) {
		h.Del("Content-Length")
		h.Del("Accept-Ranges") // of the answer as it was
		h.Set("Content-Encoding", "gzip")
		if etag := h.Get("ETag"); strings.HasPrefix(etag, `"`) {
			h.Set("ETag", "W/"+etag) // equal in meaning, no longer in bytes
		}
		w.zipper = gzipWriters.Get().(*gzip.Writer)
		w.zipper.Reset(counted{w})
	}
	w.ResponseWriter.WriteHeader(w.status)
	held := w.held
	w.held = nil
	if len(held) == 0 {
		return nil
	}
	_, err := w.put(held)
	return err
}

// zips decides whether to compress, and tells caches what it depended on.
func (w *writer) zips(worth bool) bool {
	h := w.Header()
	if h.Get("Content-Type") == "" && len(w.held) > 0 {
		h.Set("Content-Type", http.DetectContentType(w.held)) // while it can be seen
	}
	if h.Get("Content-Encoding") != "" || !compressible(h.Get("Content-Type")) {
		return false
	}
	h.Add("Vary", "Accept-Encoding")
	bodiless := w.head || w.status == http.StatusNoContent || w.status == http.StatusNotModified
	return w.gzip && worth && !bodiless && w.status != http.StatusPartialContent
}

// FlushError implements what http.ResponseController looks for. Who flushes sends
// bit by bit, and more will come than the first bit: so it is worth compressing,
// unless the answer says how long it is.
func (w *writer) FlushError() error {
	w.WriteHeader(http.StatusOK)
	if !w.sent {
		n, err := strconv.Atoi(w.Header().Get("Content-Length"))
		if err := w.send(err != nil || n >= gzipMin); err != nil {
			return err
		}
	}
	if w.zipper != nil {
		if err := w.zipper.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush implements http.Flusher.
func (w *writer) Flush() { _ = w.FlushError() }

// finish sends what is left of a whole answer.
func (w *writer) finish() error {
	w.WriteHeader(http.StatusOK)
	var err error
	if !w.sent {
		err = w.send(len(w.held) >= gzipMin)
	}
	if w.zipper != nil {
		err = errors.Join(err, w.zipper.Close())
	}
	return err
}

// release gives back what the writer borrowed. A compressed answer that was not
// finished stays without its end.
func (w *writer) release() {
	if w.zipper != nil {
		w.zipper.Reset(nil)
		gzipWriters.Put(w.zipper)
		w.zipper = nil
	}
}

// discard forgets an answer of which nothing has gone out, and reports whether
// that was so.
func (w *writer) discard() bool {
	if w.sent {
		return false
	}
	w.status, w.held = 0, nil
	for _, h := range []string{"Content-Type", "Content-Length", "Content-Encoding", "Cache-Control", "ETag", "Last-Modified"} {
		w.Header().Del(h)
	}
	return true
}

// streams reports whether the answer is an event stream.
func (w *writer) streams() bool { return mediaType(w.Header().Get("Content-Type")) == eventStream }

const eventStream = "text/event-stream"

func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

func compressible(contentType string) bool {
	switch media := mediaType(contentType); media {
	case eventStream:
		return false
	case "application/json", "application/javascript", "application/xml", "application/yaml", "application/x-ndjson", "image/svg+xml":
		return true
	default:
		return strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+json") || strings.HasSuffix(media, "+xml") || strings.HasSuffix(media, "+yaml")
	}
}

// AcceptsGzip says whether the client of a request reads gzip, for handlers that have
// their answers compressed already. An answer with a Content-Encoding is left as it is.
func AcceptsGzip(r *http.Request) bool { return acceptsGzip(r.Header["Accept-Encoding"]) }

// acceptsGzip reads the values of Accept-Encoding (RFC 9110, 12.5.3). What can not
// be understood accepts nothing.
func acceptsGzip(values []string) bool {
	if len(values) == 0 {
		return false
	}
	if len(values) == 1 && (values[0] == "gzip" || values[0] == "gzip, deflate" || values[0] == "gzip, deflate, br") { // nearly everybody
		return true
	}
	accepts := map[string]bool{}
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		coding, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q, err := strconv.ParseFloat(cmp.Or(params["q"], "1"), 64)
		accepts[coding] = err == nil && q > 0 && q <= 1
	}
	if gzip, named := accepts["gzip"]; named {
		return gzip
	}
	return accepts["*"]
}
