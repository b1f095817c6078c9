package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/weirhq/weir/internal/registry/state"
)

// memLog is a `_schemas` topic in memory. It outlives the services on it.
type memLog struct {
	mu      sync.Mutex
	records [][2][]byte
	fail    error // of the next append, whose record is in the log all the same
	noRead  error // of ReadToEnd
}

func (l *memLog) ReadToEnd(ctx context.Context, fn func(key, value []byte, offset int64) error) error {
	l.mu.Lock()
	records, err := l.records[:len(l.records):len(l.records)], l.noRead
	l.mu.Unlock()
	if err != nil {
		return err
	}
	for i, r := range records {
		if err := fn(r[0], r[1], int64(i)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (l *memLog) Append(ctx context.Context, key, value []byte) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	l.records = append(l.records, [2][]byte{bytes.Clone(key), bytes.Clone(value)})
	if err := l.fail; err != nil {
		l.fail = nil
		return 0, err
	}
	return int64(len(l.records) - 1), nil
}

func start(t *testing.T, l Log) *Service {
	t.Helper()
	return startLocal(t, l).Service
}

func startLocal(t *testing.T, l Log) local {
	t.Helper()
	s, err := newLocal(Config{}, l)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// put registers, as POST does.
func (s *Service) put(ctx context.Context, subject, schema string) (state.Version, error) {
	cmd := state.Register{Subject: subject, Schema: schema}
	if v, _, ok := s.registered(cmd); ok {
		return v, nil
	}
	reply, _, err := s.write(ctx, Meta{}, cmd)
	return reply.Version, err
}

func record(fields string) string {
	return `{"type":"record","name":"R","fields":[` + fields + `]}`
}

const (
	fieldA    = `{"name":"a","type":"int"}`
	fieldB    = `{"name":"b","type":"string"}`
	fieldBdef = `{"name":"b","type":"string","default":""}`
)

// key and value make records as other registries write them.
func key(subject string, version int) string {
	return fmt.Sprintf(`{"keytype":"SCHEMA","subject":%q,"version":%d,"magic":1}`, subject, version)
}

func value(subject string, version, id int, schema string, more string) string {
	return fmt.Sprintf(`{"subject":%q,"version":%d,"id":%d,"schema":%q,"deleted":false%s}`, subject, version, id, schema, more)
}

func code(err error) int {
	var e *state.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code
}

func TestRestartGivesTheSameIDs(t *testing.T) {
	l := &memLog{}
	s := start(t, l)
	schemas := []string{`"int"`, `"long"`, record(fieldA)}
	for i, schema := range schemas {
		if v, err := s.put(t.Context(), fmt.Sprint("s", i), schema); err != nil || v.ID != i+1 {
			t.Fatalf("%+v, %v", v, err)
		}
	}
	for range 2 {
		s = start(t, l)
		for i, schema := range schemas {
			if v, err := s.put(t.Context(), fmt.Sprint("s", i), schema); err != nil || v.ID != i+1 || v.Version != 1 {
				t.Errorf("after a restart: %+v, %v", v, err)
			}
		}
	}
	if len(l.records) != 3 {
		t.Errorf("%d records for 3 versions", len(l.records))
	}
	const want = `{"keytype":"SCHEMA","subject":"s0","version":1,"magic":1} {"subject":"s0","version":1,"id":1,"schema":"\"int\"","deleted":false}`
	if got := string(l.records[0][0]) + " " + string(l.records[0][1]); got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
}

func TestConcurrentRegistrations(t *testing.T) {
	l := &memLog{}
	s := start(t, l)
	ids := make([]int, 64)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			v, err := s.put(t.Context(), fmt.Sprint("s", i%4), record(fieldA))
			if err != nil {
				t.Error(err)
			}
			ids[i] = v.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != 1 {
			t.Errorf("ids %v", ids)
			break
		}
	}
	if len(l.records) != 4 {
		t.Errorf("%d records for 4 subjects", len(l.records))
	}
}

func TestNothingBeforeLoad(t *testing.T) {
	l := &memLog{noRead: errors.New("no broker")}
	s, err := newLocal(Config{}, l)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "loading the schemas topic: no broker") {
		t.Errorf("load: %v", err)
	}
	if _, err := s.put(t.Context(), "s", `"int"`); code(err) != 50001 {
		t.Errorf("write: %v", err)
	}
	if err := s.read(func(*state.State) error { return nil }); code(err) != 50001 || s.Status().Loaded {
		t.Errorf("read: %v", err)
	}
}

func TestConfigRefused(t *testing.T) {
	if _, err := NewShared(Config{Compatibility: "backward"}, Place{}); err == nil {
		t.Error("an unknown compatibility is taken")
	}
}

// After an append of unknown outcome nothing is planned until the log is read again.
func TestUnknownOutcome(t *testing.T) {
	l := &memLog{}
	s := startLocal(t, l)
	l.fail = errors.New("cut off")
	if _, err := s.put(t.Context(), "s", `"long"`); code(err) != 50001 {
		t.Fatal(err)
	}
	if _, err := s.put(t.Context(), "s", `"double"`); code(err) != 50001 || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("a write was planned on a doubtful state: %v", err)
	}
	if err := s.read(func(*state.State) error { return nil }); err != nil {
		t.Errorf("reads go on: %v", err)
	}
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v, err := s.put(t.Context(), "s", `"long"`); err != nil || v.ID != 1 {
		t.Errorf("registered again: %+v, %v", v, err)
	}
	if v, err := s.put(t.Context(), "t", `"double"`); err != nil || v.ID != 2 {
		t.Errorf("another: %+v, %v", v, err)
	}
}

// A caller who hangs up does not put his write in doubt.
func TestCallerGone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := start(t, &memLog{}).put(ctx, "s", `"int"`); err != nil || v.ID != 1 {
		t.Errorf("%+v, %v", v, err)
	}
}
