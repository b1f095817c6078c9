package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/weirhq/weir/internal/wire"
)

// memLog is a `_schemas` topic in memory. fault, if set, decides the fate of an
// append; the topic outlives the services on it.
type memLog struct {
	mu      sync.Mutex
	records [][2][]byte
	late    [][2][]byte // appended with an unknown outcome, not yet in the log
	fault   func() fate
	noRead  error // of ReadToEnd
}

type fate int

const (
	good       fate = iota
	lost            // an error, and the record never comes
	doubtful        // an error, though the record is in the log
	comesLater      // an error, and the record comes when land is called
)

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
	r := [2][]byte{bytes.Clone(key), bytes.Clone(value)}
	outcome := good
	if l.fault != nil {
		outcome = l.fault()
	}
	switch outcome {
	case comesLater:
		l.late = append(l.late, r)
	case good, doubtful:
		l.records = append(l.records, r)
	}
	if outcome != good {
		return 0, fmt.Errorf("fate %d", outcome)
	}
	return int64(len(l.records) - 1), nil
}

func (l *memLog) land() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records, l.late = append(l.records, l.late...), nil
}

func once(f fate) func() fate {
	return func() fate {
		defer func() { f = good }()
		return f
	}
}

func start(t *testing.T, l Log) *Service {
	t.Helper()
	s, err := New(Config{}, l)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Service) put(ctx context.Context, subject, schema string) (wire.SchemaValue, error) {
	return s.register(ctx, wire.SchemaValue{Subject: subject, Schema: schema})
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
	s, err := New(Config{}, l)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "loading the schemas topic: no broker") {
		t.Errorf("load: %v", err)
	}
	if _, err := s.put(t.Context(), "s", `"int"`); code(err) != 50001 {
		t.Errorf("write: %v", err)
	}
	if err := s.read(func(*State) error { return nil }); code(err) != 50001 || s.Status().Loaded {
		t.Errorf("read: %v", err)
	}
}

func TestConfigRefused(t *testing.T) {
	if _, err := New(Config{Compatibility: "backward"}, nil); err == nil {
		t.Error("an unknown compatibility is taken")
	}
}

// Each way in which an append can fail, and what the next requests then see.
func TestUnknownOutcome(t *testing.T) {
	f := func(how fate, again, other int) {
		t.Helper()
		l := &memLog{}
		s := start(t, l)
		if _, err := s.put(t.Context(), "s", `"int"`); err != nil {
			t.Fatal(err)
		}
		l.fault = once(how)
		if _, err := s.put(t.Context(), "s", `"long"`); code(err) != 50001 {
			t.Fatalf("fate %d: %v", how, err)
		}
		l.noRead = errors.New("no broker")
		if _, err := s.put(t.Context(), "s", `"long"`); code(err) != 50001 {
			t.Errorf("fate %d: a write was planned on a doubtful state: %v", how, err)
		}
		if err := s.read(func(st *State) error {
			if n := len(st.Versions("s", false)); n != 1 {
				return fmt.Errorf("%d versions", n)
			}
			return nil
		}); err != nil {
			t.Errorf("fate %d: reads go on with what is known: %v", how, err)
		}
		l.noRead = nil
		v, err := s.put(t.Context(), "s", `"long"`)
		if err != nil || v.ID != again {
			t.Errorf("fate %d: registered again: %+v, %v; want id %d", how, v, err, again)
		}
		answered := v
		if v, err := s.put(t.Context(), "t", `"double"`); err != nil || v.ID != other {
			t.Errorf("fate %d: another schema: %+v, %v; want id %d", how, v, err, other)
		}
		l.land()
		s = start(t, l)
		_ = s.read(func(st *State) error {
			check(t, st)
			if st.dropped > 0 {
				t.Errorf("fate %d: after a restart: %v", how, st.warnings)
			}
			if v, _ := st.Schema(again); v.Schema != `"long"` {
				t.Errorf("fate %d: id %d means %q after a restart", how, again, v.Schema)
			}
			for _, v := range st.Versions("s", false) {
				if v.Version == answered.Version && v.ID != answered.ID {
					t.Errorf("fate %d: version %d was answered with id %d and is now %d", how, v.Version, answered.ID, v.ID)
				}
			}
			return nil
		})
		if v, err := s.put(t.Context(), "u", `"long"`); err != nil || v.ID != again {
			t.Errorf("fate %d: equal schema after a restart: %+v, %v; want id %d", how, v, err, again)
		}
	}
	f(doubtful, 2, 3)
	f(lost, 3, 4) // 2 is burnt
	f(comesLater, 3, 4)
}

// A caller who hangs up does not put his write in doubt.
func TestCallerGone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := &memLog{}
	l.fault = func() fate { cancel(); return good }
	s := start(t, l)
	if v, err := s.put(ctx, "s", `"int"`); err != nil || v.ID != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	<-s.write // another write that does not end
	if _, err := s.put(ctx, "s", `"int"`); code(err) != 50001 {
		t.Errorf("waited although the caller is gone: %v", err)
	}
}

// TestModel registers at random, with faults and restarts, against a map of
// what was answered. After each step: what was answered is still true.
func TestModel(t *testing.T) {
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		l := &memLog{}
		l.fault = func() fate {
			if rnd.IntN(4) > 0 {
				return good
			}
			return fate(1 + rnd.IntN(3))
		}
		s := start(t, l)
		type place struct {
			subject string
			version int
		}
		means := map[int]string{}   // id -> canonical text
		answered := map[place]int{} // -> id
		for step := range 60 {
			switch rnd.IntN(12) {
			case 0:
				l.land() // everything on its way arrives before a process ends
				s = start(t, l)
			case 1:
				l.land()
			default:
				subject := fmt.Sprint("s", rnd.IntN(3))
				schema := record(fmt.Sprintf(`{"name":"a","type":"int"},{"name":"f%d","type":"int","default":0}`, rnd.IntN(6)))
				v, err := s.put(t.Context(), subject, schema)
				if err != nil {
					if code(err) != 50001 {
						t.Fatalf("seed %d step %d: %v", seed, step, err)
					}
					continue
				}
				if text, ok := means[v.ID]; ok && text != v.Schema {
					t.Fatalf("seed %d step %d: id %d meant %s, now %s", seed, step, v.ID, text, v.Schema)
				}
				means[v.ID] = v.Schema
				answered[place{subject, v.Version}] = v.ID
			}
			_ = s.read(func(st *State) error {
				check(t, st)
				for p, id := range answered {
					i, ok := st.find(p.subject, p.version)
					if !ok || st.subjects[p.subject][i].value.ID != id || st.subjects[p.subject][i].value.Schema != means[id] {
						t.Fatalf("seed %d step %d: %v was answered with id %d, and is not so any more", seed, step, p, id)
					}
				}
				return nil
			})
		}
	}
}
