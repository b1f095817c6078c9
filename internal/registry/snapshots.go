package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

// Snapshots let a process serve what it has read before when the cluster is away, and
// start without reading all of the topic when it is not.
//
// A start reads the file, and then asks the cluster. If that says soon that the log goes
// on from there (snapshot.stands), what has come since is read, and that is all. If it
// says that the log is another one of the same name, the file is forgotten. Otherwise,
// and while there is no answer, the snapshot is served as stale: nothing is written, and
// the whole topic is read beside it as soon as it can be.

const (
	// snapshotEvery is how often a snapshot is written, if something has changed.
	snapshotEvery = time.Minute
	// renewAfter is when it is written though nothing has: it says until when all is known.
	renewAfter = time.Hour
	// staleAfter is how long a start waits for the cluster before it serves a snapshot.
	// One of a topic that is gone must not be served where the cluster can say so.
	staleAfter = 2 * time.Second
	// tempAfter is when a temporary file has been left by who died.
	tempAfter  = time.Hour
	tempSuffix = ".new"
	// retentionDefault is Kafka's delete.retention.ms.
	retentionDefault = 24 * time.Hour
)

func snapshotPath(dir string) string { return filepath.Join(dir, snapshotFile) }

func removeOld(dir string) {
	left, _ := filepath.Glob(snapshotPath(dir) + ".*" + tempSuffix)
	for _, path := range left {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > tempAfter {
			_ = os.Remove(path)
		}
	}
}

// snapshots is what a Service knows of its snapshots. Service.mu guards it, but for
// saved, which belongs to Run.
type snapshots struct {
	read              *snapshot // from the file, until the topic has been read
	stale             error     // why the view is a snapshot that may be behind; nil if it is none
	fresh             time.Time // when the view held all that was in the topic
	saved             saved     // what the file holds
	every, staleAfter time.Duration
}

type saved struct {
	offset int64
	at     time.Time
}

// offer reads the file, and serves it if nothing newer is soon. stop ends that.
func (s *Service) offer(ctx context.Context) (stop func()) {
	s.mu.RLock()
	wanted := s.cfg.SnapshotDir != "" && s.view == nil && s.snapshots.read == nil
	s.mu.RUnlock()
	if wanted {
		s.openSnapshot()
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-ctx.Done():
		case <-time.After(s.snapshots.staleAfter):
			if s.offset() < 0 {
				s.serveStale(fmt.Errorf("cluster %s has not answered yet, or the topic is still being read", s.on.Cluster.Name))
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// openSnapshot reads the file. One that is no good is as good as none.
func (s *Service) openSnapshot() {
	began, path := time.Now(), snapshotPath(s.cfg.SnapshotDir)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var snap *snapshot
	if err == nil {
		defer file.Close()
		var info fs.FileInfo
		if info, err = file.Stat(); err == nil {
			snap, err = readSnapshot(file, info.Size(), s.cfg.Compatibility, time.Now().Round(0))
		}
	}
	if err != nil {
		s.metrics.snapshots.WithLabelValues("refused").Inc()
		s.cfg.Log.Warn("the registry's snapshot is of no use", "file", path, "error", err)
		return
	}
	s.metrics.snapshots.WithLabelValues("read").Inc()
	s.cfg.Log.Info("the registry has read its snapshot", "file", path, "offset", snap.view.seen, "as of", snap.at, "took", time.Since(began))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshots.read = snap
	s.snapshots.saved = saved{snap.view.seen, snap.at}
}

// serveStale serves the snapshot where there is nothing newer. why is told to those who
// want a change.
func (s *Service) serveStale(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := s.snapshots.read
	switch {
	case s.view == nil && snap != nil:
		s.view, s.topicID, s.end, s.snapshots.fresh = snap.view, snap.topicID, snap.view.seen, snap.at
		s.cfg.Log.Warn("the registry serves a snapshot, and writes nothing", "offset", snap.view.seen, "as of", snap.at, "why", why)
	case s.snapshots.stale == nil:
		return
	}
	s.snapshots.stale = why
	s.wake()
}

// forget drops the snapshot, unless it is served already.
func (s *Service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshots.read = nil
}

// begin makes a view of all that is in the topic: by reading on from the snapshot, or
// all of it.
func (s *Service) begin(ctx context.Context, client *kgo.Client) (cluster.Offsets, error) {
	if err := s.ensure(ctx); err != nil {
		return nil, err
	}
	snap := s.snapshots.read // written by this goroutine
	if snap == nil {
		return s.load(ctx)
	}
	now, err := s.logNow(ctx, client, snap)
	if err == nil {
		err = snap.stands(now)
	}
	if err == nil {
		return s.resume(ctx, snap, now.now)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	s.snapshots.saved = saved{}
	s.cfg.Log.Warn("the registry's snapshot is not continued; the topic is read from its start", "why", err)
	if now.topicID != (wire.TopicID{}) && now.topicID != snap.topicID {
		s.forget() // if it is served, load refuses the topic
	} else {
		s.serveStale(fmt.Errorf("the topic is being read from its start: %w", err))
	}
	return s.load(ctx)
}

// logNow asks the cluster.
func (s *Service) logNow(ctx context.Context, client *kgo.Client, snap *snapshot) (l logNow, err error) {
	l.program, l.now, l.retention = s.cfg.Version, time.Now().Round(0), retentionDefault
	info, err := s.on.Cluster.Topic(ctx, schemasTopic)
	if err != nil {
		return l, err
	}
	l.topicID = info.ID
	starts, err := s.on.Cluster.StartOffsets(ctx, schemasTopic)
	if err != nil {
		return l, err
	}
	ends, err := s.on.Cluster.EndOffsets(ctx, schemasTopic)
	if err != nil {
		return l, err
	}
	l.start, l.end = starts[0], ends[0]
	settings, err := s.on.Cluster.TopicConfigs(ctx, schemasTopic)
	if err != nil {
		return l, err
	}
	for _, c := range settings {
		if c.Name == "delete.retention.ms" {
			ms, err := strconv.ParseInt(c.Value, 10, 64)
			if err != nil {
				return l, fmt.Errorf("reading delete.retention.ms of %s: %w", schemasTopic, err)
			}
			l.retention = time.Duration(min(ms, int64(retentionDefault/time.Millisecond)*365)) * time.Millisecond
		}
	}
	l.epochEnd, err = epochEnd(ctx, client, snap.view.epoch)
	return l, err
}

// resume reads on from a snapshot that stands. Until it is at the end it is stale.
func (s *Service) resume(ctx context.Context, snap *snapshot, now time.Time) (cluster.Offsets, error) {
	s.serveStale(errors.New("what came since is being read"))
	from := cluster.Offsets{0: snap.view.seen}
	next, err := s.on.Cluster.ReadToEnd(ctx, schemasTopic, from, func(r *kgo.Record) error { return s.take([]*kgo.Record{r}) }, cluster.KeepControl())
	if err != nil {
		return nil, fmt.Errorf("reading on in the schemas topic: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view.seen, s.end = max(s.view.seen, next[0]), max(s.end, next[0])
	s.caughtUp(now)
	s.wake()
	return next, nil
}

// caughtUp notes that the view held at a time all that was in the topic. It is called
// with mu held.
func (s *Service) caughtUp(at time.Time) {
	s.snapshots.read, s.snapshots.stale, s.snapshots.fresh = nil, nil, at
}

// keepSnapshot writes snapshots until ctx ends, and then once more, however soon that is.
func (s *Service) keepSnapshot(ctx context.Context) error {
	if s.cfg.SnapshotDir == "" {
		return nil
	}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(s.snapshots.every):
			s.snap(renewAfter)
		}
	}
	s.snap(snapshotEvery)
	return nil
}

// snap writes a snapshot, if something has changed or the file says too little of until
// when it is known.
func (s *Service) snap(renew time.Duration) {
	s.mu.RLock()
	fresh := s.snapshots.fresh
	if s.view.next() == s.snapshots.saved.offset && fresh.Sub(s.snapshots.saved.at) < renew {
		s.mu.RUnlock()
		return
	}
	f := s.view.freeze() // of a view, so that the lock is free while it is written
	f.head.Weir, f.head.Topic, f.head.At = s.cfg.Version, s.topicID.String(), fresh.UnixMilli()
	s.mu.RUnlock()
	if err := saveSnapshot(s.cfg.SnapshotDir, f); err != nil {
		s.metrics.snapshots.WithLabelValues("failed").Inc()
		s.cfg.Log.Warn("the registry's snapshot can not be written", "dir", s.cfg.SnapshotDir, "error", err)
		return
	}
	s.metrics.snapshots.WithLabelValues("written").Inc()
	s.snapshots.saved = saved{f.head.Offset, fresh}
}
