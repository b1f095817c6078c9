package registry

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/wire"
)

// aView has something of all that a snapshot holds.
func aView() *view {
	var l logOf
	v := newView("NONE")
	l.append(0, key("s", 1), value("s", 1, 1, `"int"`, ""))
	l.append(0, `{"keytype":"CONFIG","subject":"s","magic":0}`, `{"compatibilityLevel":"FULL"}`)
	l.append(0, `{"keytype":"MODE","subject":"s","magic":0}`, "")
	l.append(7, key("s", 2), value("s", 2, 2, `"long"`, ""))
	l.end(7, false)
	l.append(0, key("t", 1), value("t", 1, 3, `"bytes"`, `,"more":1`))
	l.append(7, key("open", 1), value("open", 1, 4, `"float"`, ""))
	l.append(0, key("behind", 1), value("behind", 1, 5, `"double"`, ""))
	for i, r := range l.records {
		r.LeaderEpoch = int32(i/3) + 1
		v.take(r)
	}
	return v
}

var aTime = time.Date(2026, 11, 25, 1, 2, 3, 0, time.UTC)

func freezeAt(v *view) *frozen {
	f := v.freeze()
	f.head.Weir, f.head.Topic, f.head.At = "1.0", wire.TopicID{1, 2}.String(), aTime.UnixMilli()
	return f
}

func snapshotBytes(t testing.TB, v *view) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := freezeAt(v).write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func parseSnapshot(data []byte, now time.Time) (*snapshot, error) {
	return readSnapshot(bytes.NewReader(data), int64(len(data)), "NONE", now)
}

// What was read up to the open transaction comes back, and the rest is read again.
func TestSnapshot(t *testing.T) {
	v := aView()
	data := snapshotBytes(t, v)
	path := filepath.Join("testdata", "snapshot.golden")
	if *update {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(path); err != nil || !bytes.Equal(data, want) {
		t.Errorf("written is\n%q\n%s holds\n%q, %v", data, path, want, err)
	}
	s, err := parseSnapshot(data, aTime)
	if err != nil {
		t.Fatal(err)
	}
	if s.topicID != (wire.TopicID{1, 2}) || s.program != "1.0" || !s.at.Equal(aTime) || s.view.epoch != 2 || s.view.seen != 6 || s.view.next() != 6 {
		t.Errorf("%+v, of the view %+v", s, s.view)
	}
	if got := settings(s.view.state); got != settings(v.state) || got == "" {
		t.Errorf("it holds\n%s\nwant\n%s", got, settings(v.state))
	}
	if diff := cmp.Diff(v.aborted, s.view.aborted); diff != "" || len(v.aborted) == 0 {
		t.Errorf("aborted (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(v.repairs(), s.view.repairs()); diff != "" {
		t.Errorf("repairs (-want +got):\n%s", diff)
	}
	if got := s.view.state.HighIDs()["."]; got != 3 {
		t.Errorf("the highest id is %d", got)
	}
	if again := snapshotBytes(t, s.view); !bytes.Equal(again, data) {
		t.Errorf("written again it is\n%q", again)
	}
}

// A writer that dies at any byte, and a disk that loses any: what is left is refused.
func TestSnapshotDamaged(t *testing.T) {
	data := snapshotBytes(t, aView())
	for n := range data {
		if _, err := parseSnapshot(data[:n], aTime); err == nil {
			t.Errorf("the first %d of %d bytes are taken", n, len(data))
		}
		for _, bit := range []byte{1, 0x80} {
			flipped := bytes.Clone(data)
			flipped[n] ^= bit
			if _, err := parseSnapshot(flipped, aTime); err == nil {
				t.Errorf("byte %d is flipped, and it is taken", n)
			}
		}
	}
	if _, err := parseSnapshot(append(bytes.Clone(data), 0), aTime); err == nil {
		t.Error("a byte too many is taken")
	}
	f := func(data []byte, now time.Time, want string) {
		t.Helper()
		if _, err := parseSnapshot(data, now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("refused with %v, want %s", err, want)
		}
	}
	f(nil, aTime, "0 bytes are no snapshot")
	f(data[:len(data)-1], aTime, "damaged or cut off")
	f(data, aTime.Add(-time.Second), "still to come")
	f(bytes.Replace(data, []byte(`"v":1`), []byte(`"v":7`), 1), aTime, "version 7, this weir knows 1")
	f([]byte("something else entirely\n and more"), aTime, "does not begin as a snapshot")
}

// failing stops after some bytes.
type failing struct{ left int }

func (w *failing) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left < 0 {
		return 0, errors.New("no space")
	}
	return len(b), nil
}

func TestSnapshotWriteFails(t *testing.T) {
	data := snapshotBytes(t, aView())
	for n := range data {
		if err := freezeAt(aView()).write(&failing{n}); err == nil {
			t.Errorf("there is room for %d bytes, and all is well", n)
		}
	}
	if err := aView().freeze().write(io.Discard); err != nil {
		t.Error(err)
	}
}

// The older snapshot stays until the newer one is whole, and what died writers left goes.
func TestSaveSnapshot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := saveSnapshot(dir, aView().freeze()); err != nil {
		t.Fatal(err)
	}
	left, fresh := snapshotPath(dir)+".1"+tempSuffix, snapshotPath(dir)+".2"+tempSuffix
	for _, path := range []string{left, fresh} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(left, time.Time{}, time.Now().Add(-2*tempAfter)); err != nil {
		t.Fatal(err)
	}
	if err := saveSnapshot(dir, aView().freeze()); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if diff := cmp.Diff([]string{snapshotPath(dir), fresh}, names); diff != "" || err != nil {
		t.Errorf("there is (-want +got):\n%s %v", diff, err)
	}
	if info, err := os.Stat(snapshotPath(dir)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := saveSnapshot(snapshotPath(dir), aView().freeze()); err == nil {
		t.Error("a file was taken for a directory")
	}
}

func TestStands(t *testing.T) {
	v := newView("NONE")
	v.seen, v.epoch = 10, 3
	s := &snapshot{topicID: wire.TopicID{1}, program: "1", at: aTime, view: v}
	good := logNow{topicID: wire.TopicID{1}, start: 0, end: 12, epochEnd: 10, retention: 24 * time.Hour, program: "1", now: aTime.Add(time.Hour)}
	f := func(change func(*logNow), want string) {
		t.Helper()
		l := good
		change(&l)
		got := ""
		if err := s.stands(l); err != nil {
			got = err.Error()
		}
		if got == "" != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%+v: %q, want %q", l, got, want)
		}
	}
	f(func(*logNow) {}, "")
	f(func(l *logNow) { l.start, l.end = 10, 10 }, "")
	f(func(l *logNow) { l.now = aTime.Add(12*time.Hour - 1) }, "")
	f(func(l *logNow) { l.now = aTime.Add(12 * time.Hour) }, "may have been compacted away: delete.retention.ms is 24h")
	f(func(l *logNow) { l.retention = 2 * time.Hour }, "may have been compacted away")
	f(func(l *logNow) { l.retention = 0 }, "may have been compacted away")
	f(func(l *logNow) { l.now = aTime.Add(-1) }, "may have been compacted away")
	f(func(l *logNow) { l.topicID = wire.TopicID{2} }, "it is of topic id 01")
	f(func(l *logNow) { l.program = "2" }, "made by weir 1, this is 2")
	f(func(l *logNow) { l.start = 11 }, "offset 10 is not in the log [11, 12)")
	f(func(l *logNow) { l.end = 9 }, "offset 10 is not in the log [0, 9)")
	f(func(l *logNow) { l.epochEnd = 9 }, "leader epoch 3 ends at offset 9, and was read to 10")
	f(func(l *logNow) { l.epochEnd = -1 }, "truncated")
	v.epoch = -1
	f(func(*logNow) {}, "truncated")
}

func FuzzDecodeSnapshot(f *testing.F) {
	data := snapshotBytes(f, aView())
	f.Add(string(data[:len(data)-4]))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := decodeSnapshot(text, true, "NONE", aTime)
		if err != nil {
			return
		}
		if _, err := s.view.freeze(), s.stands(logNow{}); err == nil && len(s.view.repairs()) > len(text) {
			t.Error("more repairs than bytes")
		}
	})
}
