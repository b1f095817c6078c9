package registry_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	apicurioVersion = "3.0.9"
	apicurioURL     = "https://repo.maven.apache.org/maven2/io/apicurio/apicurio-registry-app/" + apicurioVersion + "/apicurio-registry-app-" + apicurioVersion + "-all.tar.gz"
)

// server is a process that answers like a schema registry, and what it costs.
type server struct {
	name string
	url  string // without a slash at the end
	cmd  *exec.Cmd
}

// cpu returns the CPU time that the process has taken.
func (s *server) cpu(b *testing.B) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	// After the name, which may hold anything: state is field 3, utime and stime are 14 and 15, in ticks of 10 ms.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		b.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// memory returns the most memory that the process has had, in bytes.
func (s *server) memory(b *testing.B) int64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return kb << 10
}

// launch starts a server and waits until the path answers 200.
func launch(b *testing.B, name, url, path string, cmd *exec.Cmd) *server {
	b.Helper()
	log, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		log.Close()
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get(url + path); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(log.Name())
			b.Fatalf("%s does not answer at %s\n%s", name, url+path, text)
		}
	}
	return &server{name, url, cmd}
}

// freePort returns a port that nobody listens on just now.
func freePort(b *testing.B) int {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// apicurio starts Apicurio Registry with its memory storage, which is fetched if
// need be.
func apicurio(b *testing.B) *server {
	b.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		b.Fatal(err)
	}
	dir := filepath.Join(cache, "weir", "peers", "apicurio-"+apicurioVersion)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := fetch(apicurioURL, dir); err != nil {
			b.Fatalf("fetching Apicurio Registry: %v", err)
		}
	}
	port := freePort(b)
	cmd := exec.Command("java", "-Xmx1g", "-Dquarkus.log.level=WARN", "-Dquarkus.http.access-log.enabled=false", "-Dquarkus.http.host=127.0.0.1",
		fmt.Sprintf("-Dquarkus.http.port=%d", port), "-jar", "apicurio-registry-app-"+apicurioVersion+"-runner.jar")
	cmd.Dir = dir
	return launch(b, "Apicurio", fmt.Sprintf("http://127.0.0.1:%d/apis/ccompat/v7", port), "/subjects", cmd)
}

// fetch unpacks a .tar.gz. The folder appears by a rename: it is whole or not there.
func fetch(url, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "fetching-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	unzipped, err := gzip.NewReader(resp.Body)
	if err != nil {
		return err
	}
	for archive := tar.NewReader(unzipped); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return os.Rename(temp, dir)
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if !filepath.IsLocal(h.Name) {
			return fmt.Errorf("the archive has a file %q", h.Name)
		}
		path := filepath.Join(temp, h.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return err
		}
		if err := write(path, archive); err != nil {
			return err
		}
	}
}

func write(path string, from io.Reader) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}
