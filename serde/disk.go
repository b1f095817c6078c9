package serde

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
)

// disk holds what a registry said, for when it can not be asked: a file for each
// question, in a directory for each registry. The zero disk holds nothing.
//
// A file is "weir-schema 1 CCCCCCCC\n", then JSON: the question and the answer.
// CCCCCCCC is the CRC32C of the JSON, in hex. A file that is not whole is none. It
// is written beside its place and renamed, so if we die while writing, the old
// file stays, and at worst a file .tmp-* that nobody reads; it is not synced, since
// a file that power loss has torn has a wrong CRC and is asked for again.
type disk struct{ dir string }

// stored is the JSON of a file. The question is there again because names are hashes.
type stored struct {
	Question string `json:"question"`
	Version  int    `json:"version,omitempty"`
	Schema
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const diskFormat = "weir-schema 1 %08x\n"

var errNotWhole = errors.New("not a whole file of a schema cache")

func appendStored(s stored) []byte {
	body, err := json.Marshal(s)
	if err != nil {
		panic(err) // text and numbers
	}
	return append(fmt.Appendf(nil, diskFormat, crc32.Checksum(body, castagnoli)), body...)
}

func parseStored(b []byte) (s stored, err error) {
	head, body, ok := bytes.Cut(b, []byte("\n"))
	if !ok || string(head)+"\n" != fmt.Sprintf(diskFormat, crc32.Checksum(body, castagnoli)) {
		return stored{}, errNotWhole
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return stored{}, fmt.Errorf("%w: %w", errNotWhole, err)
	}
	return s, nil
}

// openDisk returns the directory of a registry under dir.
func openDisk(dir, url, context string) disk {
	return disk{filepath.Join(dir, hash(url+"\n"+context))}
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

// path is the file of a question: those for an id or a GUID can be read by people.
func (d disk) path(question string) string {
	if strings.HasPrefix(question, "id-") || strings.HasPrefix(question, "guid-") {
		return filepath.Join(d.dir, question)
	}
	return filepath.Join(d.dir, "subject-"+hash(question))
}

// load returns the answer to a question, false if there is none that is whole. The zero
// disk is not asked.
func (d disk) load(question string) (stored, bool, error) {
	b, err := os.ReadFile(d.path(question))
	if errors.Is(err, os.ErrNotExist) {
		return stored{}, false, nil
	}
	if err != nil {
		return stored{}, false, err
	}
	s, err := parseStored(b)
	return s, err == nil && s.Question == question, err
}

// store keeps an answer.
func (d disk) store(s stored) error {
	if d.dir == "" {
		return nil
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.dir, ".tmp-*")
	if err != nil {
		return err
	}
	_, err = f.Write(appendStored(s))
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), d.path(s.Question))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
