package records

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/web"
)

const (
	// showMax is how much of a field a list shows, fullMax a record on its own.
	showMax = 64 << 10
	fullMax = 4 << 20
	// maxTexts bounds the texts of one page, and of one search's matches.
	maxTexts = 32 << 20

	defaultPage = 50
	maxPage     = 500
	// A page looks at no more than pageBytes and pageTime to find its records; then
	// it says where it has stopped.
	pageBytes = 64 << 20
	pageTime  = 5 * time.Second

	maxWait  = 10 * time.Second
	tailPoll = 100 * time.Millisecond
	// tailMaxRate is how many records per second may come into what is followed.
	tailMaxRate = 1000
)

// Query says which page of records is asked for.
type Query struct {
	Topic     string
	Partition int32         // -1: all
	From      string        // start, end, a time or an offset; default end
	Limit     int           // default 50, at most 500
	Decoder   string        // default auto
	Cursor    string        // of the page before; then From does not count
	Wait      time.Duration // how long to wait for a first record; 0: not
}

// Bounds is what the log of a partition holds.
type Bounds struct {
	Partition int32 `json:"partition"`
	Start     int64 `json:"start"`
	End       int64 `json:"end"`
}

// Page is some records of a topic.
type Page struct {
	Records  []Record `json:"records"`
	Order    string   `json:"order" enum:"newest,oldest" doc:"Which come first."`
	Next     string   `json:"next" doc:"The cursor of the next page in this order; empty: there are no older ones. Oldest first it is never empty: it waits for what comes."`
	Tail     string   `json:"tail" doc:"The cursor of what comes after the end of the log as it was."`
	AtEnd    bool     `json:"at_end" doc:"There is nothing more in this order now."`
	Ranges   []Bounds `json:"ranges" doc:"What the logs hold."`
	Problems []string `json:"problems" doc:"What is missing here, and why."`
}

// textMax returns how much of a key, of a value, and of all headers is shown where limit
// records are.
func textMax(limit int) int { return max(1<<10, min(showMax, maxTexts/3/max(1, limit))) }

func (q *Query) check() error {
	if q.Limit == 0 {
		q.Limit = defaultPage
	}
	if q.From == "" {
		q.From = "end"
	}
	if q.Limit < 1 || q.Limit > maxPage {
		return web.BadRequest("limit", fmt.Sprintf("%d is not a limit", q.Limit), fmt.Sprintf("give a number from 1 to %d", maxPage))
	}
	if q.Wait < 0 || q.Wait > maxWait {
		return web.BadRequest("wait", fmt.Sprintf("%v is too long", q.Wait), fmt.Sprintf("wait no longer than %v at once", maxWait))
	}
	return checkDecoder(&q.Decoder)
}

func checkDecoder(name *string) error {
	switch *name {
	case "":
		*name = Auto
	case Auto, Avro, JSON, Text, Hex:
	default:
		return web.BadRequest("decoder", fmt.Sprintf("there is no decoder %q", *name), "there are: auto, avro, json, text, hex")
	}
	return nil
}

// Page returns a page of records. A partition that does not answer is among its
// problems, not an error.
func (r *Reader) Page(ctx context.Context, q Query) (*Page, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	t, err := r.topicOf(ctx, q.Topic, q.Partition)
	if err != nil {
		return nil, err
	}
	v := &view{r: r, q: q, topic: t, of: fingerprintOf("page", r.cluster, q.Topic, string(t.id[:]), fmt.Sprint(q.Partition))}
	if err := v.begin(ctx); err != nil {
		return nil, err
	}
	if !v.newest && q.Wait > 0 {
		if err := v.await(ctx); err != nil {
			return nil, err
		}
	}
	return v.read(ctx)
}

// topicOf returns a topic with the partitions that are asked for.
func (r *Reader) topicOf(ctx context.Context, name string, partition int32) (topic, error) {
	t, err := r.topic(ctx, name)
	if err != nil || partition < 0 {
		return t, err
	}
	leader, ok := t.leaders[partition]
	if !ok {
		return t, web.NotFound(fmt.Sprintf("topic %s has no partition %d", name, partition), fmt.Sprintf("its partitions are 0 to %d", len(t.leaders)-1))
	}
	t.leaders = map[int32]int32{partition: leader}
	return t, nil
}

// view is the making of one page.
type view struct {
	r      *Reader
	q      Query
	topic  topic
	of     fingerprint
	newest bool
	at     map[int32]int64 // where the page begins: newest first, the offsets before it
	tail   tail
	log    map[int32]bounds
	budget atomic.Int64 // bytes that may still be looked at

	mu       sync.Mutex // guards problems while partitions are read
	problems []string
}

func (v *view) problem(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.problems = append(v.problems, fmt.Sprintf(format, args...))
}

// begin finds out what the logs hold and where the page begins.
func (v *view) begin(ctx context.Context) error {
	if v.q.Cursor != "" {
		c, err := parseCursor(v.q.Cursor)
		switch {
		case err != nil:
			return &web.Error{Status: http.StatusBadRequest, Code: "bad_cursor", Field: "cursor", Message: err.Error(), Hint: "take the one that came with the page before, or leave it out to begin"}
		case c.of != v.of:
			return &web.Error{Status: http.StatusBadRequest, Code: "bad_cursor", Field: "cursor", Message: "the cursor is of another topic or partition, or the topic was made anew", Hint: "leave it out to begin"}
		}
		v.newest, v.at, v.tail = c.newest, c.at, c.tail
		v.log, v.problems = v.r.log(ctx, v.topic)
		return nil
	}
	from, err := parsePlace(v.q.From)
	if err != nil {
		return web.BadRequest("from", err.Error(), "")
	}
	v.newest, v.at = from.end, map[int32]int64{}
	v.log, v.problems = v.r.log(ctx, v.topic)
	if !from.at.IsZero() {
		v.at = v.r.since(ctx, v.topic, from.at, v.log, v.problem)
		return nil
	}
	for p, b := range v.log {
		switch v.at[p] = from.offset; {
		case from.end:
			v.at[p] = b.end
		case from.offset > b.end:
			v.problem("partition %d: offset %d is not there yet, the log ends at %d", p, from.offset, b.end)
			v.at[p] = b.end
		case from.offset > 0 && from.offset < b.start:
			v.problem("partition %d: offset %d is not there any more, the log begins at %d", p, from.offset, b.start)
		}
	}
	return nil
}

// since returns the first offsets of a time or later, the ends where there are
// none.
func (r *Reader) since(ctx context.Context, t topic, at time.Time, log map[int32]bounds, problem func(string, ...any)) map[int32]int64 {
	found, failed := r.offsets(ctx, t, max(0, at.UnixMilli()))
	for _, p := range problems(failed) {
		problem("%s", p)
	}
	for p, offset := range found {
		if offset < 0 {
			found[p] = log[p].end
		}
	}
	for p := range failed { // not known: from the end on, rather than all
		found[p] = log[p].end
	}
	return found
}

// await waits until there is something to read. It refuses what comes too fast for
// people to follow.
func (v *view) await(ctx context.Context) error {
	for deadline := time.Now().Add(v.q.Wait); ; {
		if _, rate := v.tail.follow(time.Now(), v.ends()); rate > tailMaxRate {
			return &web.Error{Status: http.StatusTooManyRequests, Code: "tail_rate",
				Message: fmt.Sprintf("%.0f records per second come into %s, more than %d", rate, v.q.Topic, tailMaxRate),
				Hint:    "follow one partition, or search"}
		}
		if total(v.ranges()) > 0 || !time.Now().Before(deadline) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(tailPoll):
		}
		v.log, v.problems = v.r.log(ctx, v.topic)
	}
}

func (v *view) ends() (sum int64) {
	for _, b := range v.log {
		sum += b.end
	}
	return sum
}

// ranges returns what may be on the page.
func (v *view) ranges() []OffsetRange {
	from, to := map[int32]int64{}, map[int32]int64{}
	for p, b := range v.log {
		from[p], to[p] = b.start, b.end
		if at, ok := v.at[p]; ok && v.newest {
			to[p] = at
		} else if ok {
			from[p] = at
		}
	}
	return clamp(v.log, from, to)
}

// read finds the records of the page, then reads them. Only offsets and times are
// held of those that are looked at, however large they are.
func (v *view) read(ctx context.Context) (*Page, error) {
	ranges := v.ranges()
	v.budget.Store(pageBytes)
	all := make([]found, len(ranges))
	looking, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	eachRange(ranges, func(i int, rg OffsetRange) {
		all[i] = v.find(looking, rg)
	})
	lists := map[int32][]meta{}
	for i, rg := range ranges {
		lists[rg.Partition] = all[i].metas
	}
	chosen := merge(lists, v.newest, v.q.Limit)
	page := &Page{Order: "oldest", Records: v.fetch(ctx, chosen), Ranges: []Bounds{}}
	if v.newest {
		page.Order = "newest"
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	v.end(page, ranges, all, chosen)
	for _, p := range slices.Sorted(maps.Keys(v.log)) {
		page.Ranges = append(page.Ranges, Bounds{p, v.log[p].start, v.log[p].end})
	}
	slices.Sort(v.problems)
	page.Problems = append([]string{}, v.problems...)
	return page, nil
}

// end says where the next page begins.
func (v *view) end(page *Page, ranges []OffsetRange, all []found, chosen []meta) {
	edges := maps.Clone(v.at) // also of partitions that do not answer now
	taken := map[int32][]meta{}
	for _, m := range chosen {
		taken[m.partition] = append(taken[m.partition], m)
	}
	for i, rg := range ranges {
		p := rg.Partition
		switch took := taken[p]; {
		case len(took) == len(all[i].metas):
			edges[p] = all[i].edge
		case len(took) == 0 && v.newest:
			edges[p] = rg.To
		case len(took) == 0:
			edges[p] = rg.From
		case v.newest:
			edges[p] = took[len(took)-1].offset
		default:
			edges[p] = took[len(took)-1].offset + 1
		}
	}
	ends := map[int32]int64{}
	page.AtEnd = true
	for p, b := range v.log {
		ends[p] = b.end
		if at, ok := edges[p]; !ok {
			edges[p] = b.start
		} else if v.newest && at > b.start || !v.newest && at < b.end {
			page.AtEnd = false
		}
	}
	follow, _ := v.tail.follow(time.Now(), v.ends())
	page.Tail = cursor{of: v.of, at: ends, tail: follow}.String()
	switch {
	case !v.newest && page.AtEnd:
		page.Next = cursor{of: v.of, at: edges, tail: follow}.String()
	case !v.newest || !page.AtEnd:
		page.Next = cursor{of: v.of, at: edges, newest: v.newest}.String()
	}
}

// Record returns one record, with longer texts than on a page.
func (r *Reader) Record(ctx context.Context, topic string, partition int32, offset int64, decode string) (*Record, error) {
	if err := checkDecoder(&decode); err != nil {
		return nil, err
	}
	var out *Record
	err := r.one(ctx, topic, partition, offset, func(rec *kgo.Record) {
		d := &decoder{topic: topic, want: decode, max: fullMax, registry: r.registry}
		shown := d.record(ctx, rec)
		out = &shown
	})
	return out, err
}

// Raw returns the bytes of a record's key or value; nil is null.
func (r *Reader) Raw(ctx context.Context, topic string, partition int32, offset int64, key bool) (b []byte, err error) {
	err = r.one(ctx, topic, partition, offset, func(rec *kgo.Record) {
		if b = rec.Value; key {
			b = rec.Key
		}
	})
	return b, err
}

// one calls fn with the record at an offset.
func (r *Reader) one(ctx context.Context, name string, partition int32, offset int64, fn func(*kgo.Record)) error {
	t, err := r.topicOf(ctx, name, max(0, partition))
	if err != nil {
		return err
	}
	log, problems := r.log(ctx, t)
	b, ok := log[partition]
	if !ok {
		return &web.Error{Status: http.StatusServiceUnavailable, Code: "partition_away", Message: fmt.Sprintf("%s/%d does not answer", name, partition), Hint: fmt.Sprint(problems)}
	}
	if offset < b.start || offset >= b.end {
		return web.NotFound(fmt.Sprintf("%s/%d has no offset %d", name, partition, offset), fmt.Sprintf("its log holds the offsets from %d to below %d", b.start, b.end))
	}
	there := false
	err = r.stream(ctx, t, OffsetRange{partition, offset, offset + 1}, how{fetch: pageFetch}, func(c chunk) (bool, error) {
		for _, rec := range c.records {
			there = true
			fn(rec)
		}
		return true, nil
	})
	if err == nil && !there {
		err = web.NotFound(fmt.Sprintf("%s/%d holds no record at offset %d", name, partition, offset), "it was compacted away, or never written")
	}
	return err
}
