package registry

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"net/http"
	"strconv"
	"sync"
)

// answers keeps what was answered until something changes: a registry is asked the
// same few things by every producer and consumer that starts, and changes seldom.
// It holds whole answers, so that a hit costs a look-up and a write. What it holds is
// bounded in bytes; when that is too much, or something has changed, it begins anew.
type answers struct {
	mu    sync.RWMutex // guards what follows
	as    uint64       // Service.changes that all of it is as of
	bytes int
	byAsk map[ask]*answer
}

// ask is what an answer depends on besides the state.
type ask struct {
	method string
	uri    string // with the query, as it came
	body   [16]byte
	zip    bool // the client reads gzip
	plain  bool // the client did not say that it bears properties that it does not know
}

// answer is an answer with status 200. Its header values are shared: nobody changes
// them.
type answer struct {
	body                  []byte
	media, length, offset []string
	zipped                bool
}

const (
	maxAnswers = 16 << 20 // bytes
	zipFrom    = 1 << 10  // an answer of less than a packet is not compressed
)

var (
	mediaTypes = []string{mediaType}
	inGzip     = []string{"gzip"}
	byEncoding = []string{"Accept-Encoding"}
)

// askOf returns what a request's answer is kept under. A GET has no body.
func askOf(r *http.Request, body []byte, zip bool) ask {
	a := ask{method: r.Method, uri: r.RequestURI, zip: zip}
	if a.uri == "" { // in process
		a.uri = r.URL.RequestURI()
	}
	if body != nil {
		sum := sha256.Sum256(body)
		a.body = [16]byte(sum[:])
		a.plain = !isTrue(r.Header.Get(headerUnknown))
	}
	return a
}

func (c *answers) get(a ask, changes uint64) *answer {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.as != changes {
		return nil
	}
	return c.byAsk[a]
}

// put keeps an answer that was made after changes had been read.
func (c *answers) put(a ask, changes uint64, made *answer) {
	size := len(made.body) + len(a.uri) + 256
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byAsk == nil || c.as < changes || c.bytes+size > maxAnswers {
		c.as, c.bytes, c.byAsk = changes, 0, map[ask]*answer{}
	}
	if c.as == changes && size <= maxAnswers/16 {
		c.byAsk[a] = made
		c.bytes += size
	}
}

// newAnswer makes an answer that is true as of an offset.
func newAnswer(body []byte, offset int64, zip bool) *answer {
	a := &answer{body: body, media: mediaTypes, offset: []string{strconv.FormatInt(offset, 10)}}
	if zip && len(body) >= zipFrom {
		a.body, a.zipped = zipped(body), true
	}
	a.length = []string{strconv.Itoa(len(a.body))}
	return a
}

func zipped(body []byte) []byte {
	var buf bytes.Buffer
	w, _ := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	_, _ = w.Write(body) // into memory
	_ = w.Close()
	return buf.Bytes()
}

func (a *answer) send(w http.ResponseWriter) {
	h := w.Header()
	h["Content-Type"], h["Content-Length"], h[headerOffset] = a.media, a.length, a.offset
	if a.zipped {
		h["Content-Encoding"], h["Vary"] = inGzip, byEncoding
	}
	_, _ = w.Write(a.body) // the client may be gone
}
