package registry

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

// A snapshot is what a reader has made of `_schemas` up to an offset, in a file: a line
// of JSON (snapshotHead), the frozen state (state.Frozen.Write) and a trailer of 12 bytes,
// both big endian: the length of what is before the trailer, and the CRC-32C of all but
// itself.
//
// It holds the fold, and not the live records of which a replay would make it: what was
// kept out because it contradicted a record that is gone by now, or which versions a
// DELETE_SUBJECT was about, is not in them. And it needs no JSON or MD5 of each text.
type snapshot struct {
	topicID wire.TopicID
	program string    // the version of weir that made it
	at      time.Time // when the view held all that was in the topic
	view    *view
}

// snapshotVersion changes with the format, and with what Apply makes of a record.
const snapshotVersion = 1

const snapshotFormat = "weir registry snapshot"

const trailerSize = 12

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// snapshotHead is the first line. Keys and values of records are any bytes.
type snapshotHead struct {
	Format   string      `json:"format"`
	V        int         `json:"v"`
	Weir     string      `json:"weir"`
	Topic    string      `json:"topic_id"`
	Epoch    int32       `json:"leader_epoch"`
	Offset   int64       `json:"offset"` // before it, all is in the state
	At       int64       `json:"at_ms"`
	Aborted  [][]byte    `json:"aborted"`
	Settings [][2][]byte `json:"settings"`
}

// frozen is a snapshot that can be written while the view goes on.
type frozen struct {
	head  snapshotHead
	state *state.Frozen
}

// freeze copies what a snapshot holds of a view. It is called while nobody changes it.
func (v *view) freeze() *frozen {
	f := &frozen{head: snapshotHead{Format: snapshotFormat, V: snapshotVersion, Epoch: v.epoch, Offset: v.next()}, state: v.state.Freeze()}
	for key := range v.aborted {
		f.head.Aborted = append(f.head.Aborted, []byte(key))
	}
	for key, value := range v.settings {
		f.head.Settings = append(f.head.Settings, [2][]byte{[]byte(key), value})
	}
	return f
}

// write writes a snapshot.
func (f *frozen) write(to io.Writer) error {
	slices.SortFunc(f.head.Aborted, slices.Compare)
	slices.SortFunc(f.head.Settings, func(a, b [2][]byte) int { return slices.Compare(a[0], b[0]) })
	line, err := json.Marshal(f.head)
	if err != nil {
		return err
	}
	sum := &summer{to: to}
	if _, err := sum.Write(append(line, '\n')); err != nil {
		return err
	}
	if err := f.state.Write(sum); err != nil {
		return err
	}
	if _, err := sum.Write(binary.BigEndian.AppendUint64(nil, sum.length)); err != nil {
		return err
	}
	_, err = to.Write(binary.BigEndian.AppendUint32(nil, sum.crc))
	return err
}

// summer counts and sums what goes through it.
type summer struct {
	to     io.Writer
	length uint64
	crc    uint32
}

// Write implements io.Writer.
func (s *summer) Write(b []byte) (int, error) {
	s.length += uint64(len(b))
	s.crc = crc32.Update(s.crc, castagnoli, b)
	return s.to.Write(b)
}

// readSnapshot reads a file that ends where the snapshot does. What the snapshot holds
// shares the memory that the file was read to.
func readSnapshot(file io.Reader, size int64, level string, now time.Time) (*snapshot, error) {
	if size < trailerSize {
		return nil, fmt.Errorf("%d bytes are no snapshot", size)
	}
	var text strings.Builder
	text.Grow(int(size - 4))
	sum := &summer{to: &text}
	if _, err := io.CopyN(sum, file, size-4); err != nil {
		return nil, err
	}
	var crc [4]byte
	if _, err := io.ReadFull(file, crc[:]); err != nil {
		return nil, err
	}
	return decodeSnapshot(text.String(), sum.crc == binary.BigEndian.Uint32(crc[:]), level, now)
}

// decodeSnapshot reads what is before the sum, which is looked at after the version: it
// need not be where we look for it in another one.
func decodeSnapshot(text string, sound bool, level string, now time.Time) (*snapshot, error) {
	line, body, ok := strings.Cut(text, "\n")
	var head snapshotHead
	err := json.Unmarshal([]byte(line), &head)
	switch {
	case !ok || err != nil || head.Format != snapshotFormat:
		return nil, errors.New("it does not begin as a snapshot does")
	case head.V != snapshotVersion:
		return nil, fmt.Errorf("it is of version %d, this weir knows %d", head.V, snapshotVersion)
	case !sound || len(body) < trailerSize-4 || binary.BigEndian.Uint64([]byte(text[len(text)-8:])) != uint64(len(text)-8):
		return nil, errors.New("it is damaged or cut off: its sum or length does not match")
	}
	s := &snapshot{program: head.Weir, at: time.UnixMilli(head.At), view: newView(level)}
	if s.at.After(now) {
		return nil, fmt.Errorf("it is of %s, which is still to come: was the clock set back?", s.at.UTC().Format(time.RFC3339))
	}
	id, err := hex.DecodeString(head.Topic)
	if err != nil || len(id) != len(s.topicID) {
		return nil, fmt.Errorf("%q is no topic id", head.Topic)
	}
	copy(s.topicID[:], id)
	s.view.epoch, s.view.seen = head.Epoch, head.Offset
	for _, key := range head.Aborted {
		s.view.aborted[string(key)] = true
	}
	for _, kv := range head.Settings {
		s.view.settings[string(kv[0])] = kv[1]
	}
	s.view.state, err = state.Thaw(languages(), level, body[:len(body)-8])
	return s, err
}

// logNow is what there is to know about a topic before a snapshot of it is continued.
type logNow struct {
	topicID    wire.TopicID
	start, end int64         // the first offset, and the high watermark
	epochEnd   int64         // where the leader epoch of the snapshot ends in the log
	retention  time.Duration // how long a deletion stays after compaction has seen it
	program    string
	now        time.Time
}

// stands says why the log may not be what the snapshot was made of and what came
// behind it, nil if it is.
//
// A deletion is in the log for delete.retention.ms at least. Half of that leaves room
// for clocks that differ, and for the time that reading on takes.
func (s *snapshot) stands(l logNow) error {
	offset := s.view.seen
	switch age := l.now.Sub(s.at); {
	case s.topicID != l.topicID:
		return fmt.Errorf("it is of topic id %s, and %s has %s", s.topicID, schemasTopic, l.topicID)
	case s.program != l.program:
		return fmt.Errorf("it was made by weir %s, this is %s", s.program, l.program)
	case offset < l.start || offset > l.end:
		return fmt.Errorf("its offset %d is not in the log [%d, %d)", offset, l.start, l.end)
	case s.view.epoch < 0 || l.epochEnd < offset:
		return fmt.Errorf("the log was truncated: leader epoch %d ends at offset %d, and was read to %d", s.view.epoch, l.epochEnd, offset)
	case age < 0 || age >= l.retention/2:
		return fmt.Errorf("it is %v old, and a deletion of that time may have been compacted away: delete.retention.ms is %v", age.Round(time.Second), l.retention)
	}
	return nil
}

// snapshotFile is where a snapshot is kept.
const snapshotFile = "schemas.snapshot"

// saveSnapshot puts a snapshot in the place of the one that is there.
//
// Crash story: we die before the rename, and the older snapshot is there, with a
// temporary file beside it, which a later call removes. The bytes are on the disk before
// the name is. Another process that uses the same directory has temporary files of its own.
func saveSnapshot(dir string, f *frozen) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	removeOld(dir)
	file, err := os.CreateTemp(dir, snapshotFile+".*"+tempSuffix)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	if err := errors.Join(f.write(file), file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), snapshotPath(dir)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
