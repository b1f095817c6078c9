package broker

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A data directory holds three entries.
const (
	lockFile      = "lock"       // empty; flocked while a Broker exists
	clusterIDFile = "cluster-id" // the id and a newline
	engineDir     = "engine"     // kfake's files
)

// lockDir makes the directory and locks it until the returned file is closed or the process ends, however it ends.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("making data directory: %w; choose one that can be made and written", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, fmt.Errorf("locking data directory: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		f.Close()
		return nil, fmt.Errorf("data directory %s is in use by another process: stop that process or choose another directory", dir)
	} else if err != nil {
		f.Close()
		return nil, fmt.Errorf("locking data directory %s: %w", dir, err)
	}
	return f, nil
}

// loadClusterID reads the directory's cluster id, or makes one. The caller holds the lock.
//
// If we die before the rename, the next start finds no id and no engine files and makes another id, which nobody has seen the first of;
// after it, the id is durable before the engine writes its first byte. So engine files without an id mean that somebody took the id away,
// and a new one would make every position and count that names the old id belong to no cluster: refused.
func loadClusterID(dir string) (string, error) {
	path := filepath.Join(dir, clusterIDFile)
	text, err := os.ReadFile(path)
	if err == nil {
		id := strings.TrimSpace(string(text))
		if raw, err := base64.RawURLEncoding.DecodeString(id); err != nil || len(raw) != 16 {
			return "", fmt.Errorf("reading cluster id: %s holds %q, not 22 characters of base64: restore the file or start with an empty directory", path, id)
		}
		return id, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading cluster id: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, engineDir)); err == nil {
		return "", fmt.Errorf("reading cluster id: %s is missing beside engine files: restore the file or start with an empty directory", path)
	}
	id := newClusterID()
	if err := writeDurably(path, id+"\n"); err != nil {
		return "", fmt.Errorf("writing cluster id: %w", err)
	}
	return id, nil
}

// newClusterID is a random UUID in Kafka's form. Like Kafka, it makes none that command lines would take for an option.
func newClusterID() string {
	for {
		var raw [16]byte
		rand.Read(raw[:])
		if id := base64.RawURLEncoding.EncodeToString(raw[:]); id[0] != '-' {
			return id
		}
	}
}

// writeDurably makes the file appear whole or not at all, whenever the machine stops.
func writeDurably(path, text string) error {
	temp := path + ".new"
	f, err := os.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
