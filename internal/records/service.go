package records

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/web"
)

const (
	// maxSearches is how many searches are held, keptFor how long after their end.
	maxSearches = 32
	keptFor     = 5 * time.Minute
)

// Config configures a Service.
type Config struct {
	Clusters map[string]*cluster.Cluster // by name
	// Registry decodes Avro. Default: none, then Avro is shown in hex.
	Registry Registry
	// Snapshot returns the newest snapshot of a cluster, or nil: the sizes for the
	// estimates of searches. Default: they are not known.
	Snapshot func(cluster string) *cluster.Snapshot
}

// Service is the message browser of every cluster.
type Service struct {
	cfg     Config
	metrics *metrics
	starts  chan *Search

	mu       sync.Mutex // guards below
	readers  map[string]*Reader
	closed   bool               // Run has ended
	searches map[string]*Search // by id
	pace     float64            // of the searches before, in bytes per second; 0: not known
}

// New returns a service. Pages can be read at once; searches run while Run does.
func New(cfg Config) *Service {
	if cfg.Snapshot == nil {
		cfg.Snapshot = func(string) *cluster.Snapshot { return nil }
	}
	return &Service{cfg: cfg, metrics: newMetrics(), starts: make(chan *Search), readers: map[string]*Reader{}, searches: map[string]*Search{}}
}

// Run runs the searches until ctx ends, then closes the readers.
func (s *Service) Run(ctx context.Context) error {
	var running sync.WaitGroup
	forget := time.NewTicker(keptFor / 10)
	defer forget.Stop()
	for {
		select {
		case search := <-s.starts:
			running.Go(func() {
				search.Run(ctx)
				s.ended(search.Status())
			})
		case now := <-forget.C:
			s.forget(now)
		case <-ctx.Done():
			running.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, r := range s.readers {
				r.Close()
			}
			clear(s.readers)
			s.closed = true
			return nil
		}
	}
}

// Reader returns the reader of a cluster.
func (s *Service) Reader(name string) (*Reader, error) {
	c, ok := s.cfg.Clusters[name]
	if !ok {
		return nil, web.NotFound(fmt.Sprintf("there is no cluster %q", name), "there are: "+strings.Join(slices.Sorted(maps.Keys(s.cfg.Clusters)), ", "))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &web.Error{Status: http.StatusServiceUnavailable, Code: "service_unavailable", Message: "weir stops", Hint: "try again"}
	}
	if r := s.readers[name]; r != nil {
		return r, nil
	}
	r, err := NewReader(c, s.cfg.Registry)
	if err == nil {
		s.readers[name] = r
	}
	return r, err
}

// Plan makes a search that does not run.
func (s *Service) Plan(ctx context.Context, q SearchQuery) (*Search, error) {
	r, err := s.Reader(q.Cluster)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	pace := s.pace
	s.mu.Unlock()
	return r.NewSearch(ctx, q, Sizes(s.cfg.Snapshot(q.Cluster), q.Topic), pace)
}

// Sizes returns the bytes of each of a topic's partitions, as far as a snapshot,
// which may be nil, knows them.
func Sizes(s *cluster.Snapshot, topic string) map[int32]int64 {
	sizes := map[int32]int64{}
	if t := s.Topic(topic); t != nil {
		for i := range t.Partitions {
			sizes[t.Partitions[i].ID] = t.Partitions[i].Size()
		}
	}
	return sizes
}

// Start runs a search and returns its id. Run has to be running.
func (s *Service) Start(ctx context.Context, search *Search) (id string, err error) {
	id = rand.Text()
	s.forget(time.Now())
	s.mu.Lock()
	if len(s.searches) >= maxSearches && !s.dropOldest() {
		s.mu.Unlock()
		return "", &web.Error{Status: http.StatusTooManyRequests, Code: "too_many_searches", Message: fmt.Sprintf("%d searches are running", maxSearches), Hint: "wait for one of them, or cancel it"}
	}
	s.searches[id] = search
	s.mu.Unlock()
	select {
	case s.starts <- search:
		return id, nil
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.searches, id)
		return "", ctx.Err()
	}
}

// dropOldest makes room by the search that ended first. The caller holds mu.
func (s *Service) dropOldest() bool {
	oldest, at := "", time.Time{}
	for id, search := range s.searches {
		if ended, ok := search.Ended(); ok && (oldest == "" || ended.Before(at)) {
			oldest, at = id, ended
		}
	}
	delete(s.searches, oldest)
	return oldest != ""
}

// Search returns a search by its id.
func (s *Service) Search(id string) (*Search, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if search := s.searches[id]; search != nil {
		return search, nil
	}
	return nil, &web.Error{Status: http.StatusNotFound, Code: "search_gone", Message: fmt.Sprintf("there is no search %q", id),
		Hint: fmt.Sprintf("searches are kept for %v after their end, and not over a restart; start another one with the token of this one", keptFor)}
}

// forget drops the searches that ended a while ago.
func (s *Service) forget(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.searches, func(_ string, search *Search) bool {
		at, ok := search.Ended()
		return ok && now.Sub(at) > keptFor
	})
}

// enoughToTell is how much a search has to have read to say something of the pace.
const enoughToTell = 1 << 20

func (s *Service) ended(st Status) {
	s.metrics.searches.WithLabelValues(st.State).Inc()
	s.metrics.bytes.Add(float64(st.Progress.Bytes))
	if st.Progress.Bytes < enoughToTell || st.Progress.ElapsedMS == 0 {
		return
	}
	pace := float64(st.Progress.Bytes) / float64(st.Progress.ElapsedMS) * 1000
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pace > 0 {
		pace = (s.pace + pace) / 2
	}
	s.pace = pace
}
