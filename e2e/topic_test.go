package e2e

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/linkedin/goavro/v2"
)

// Other people's tools read what weir wrote: kcat sees the same partitions, keys
// and times at both tiers, and another Avro library decodes every value with the
// schema that the registry serves.
func TestMirroredTopic(t *testing.T) {
	engines(t, func(t *testing.T, args []string) {
		p := start(t, append([]string{"demo", "--rate", "0"}, args...)...)
		p.wait(t, "Still serving")
		local, aggregate := p.kafkas(t)
		t.Run("kcat", func(t *testing.T) {
			here, there := kcat(t, local), kcat(t, aggregate)
			if len(here) != builtinRecords || !slices.Equal(here, there) {
				t.Errorf("local has %d lines, aggregate %d, and they are equal: %v", len(here), len(there), slices.Equal(here, there))
			}
		})
		t.Run("avro", func(t *testing.T) { wantAvro(t, p.url(t), aggregate) })
		t.Run("status", func(t *testing.T) {
			out, stderr, code := run(t, "audit", "status", "--server", p.url(t))
			if code != 0 || !strings.Contains(out, "252 complete") || !strings.Contains(out, "aggregate 9983") {
				t.Errorf("weir audit status: exit code %d\n%s%s", code, out, stderr)
			}
			wantError(t, `"nothing" is not audited.*page-views`, "audit", "status", "nothing", "--server", p.url(t))
		})
		t.Run("garbage", func(t *testing.T) {
			garbage := filepath.Join(t.TempDir(), "garbage")
			if err := os.WriteFile(garbage, []byte("no page view\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, stderr, code := run(t, "produce", "page-views", garbage, "--bootstrap", aggregate); code != 0 {
				t.Fatal(stderr)
			}
			p.wait(t, "page view not shown")
			var views struct{ Views []any }
			if fetch(t, p.url(t)+"/api/v1/demo/views", &views); len(views.Views) != 5 {
				t.Errorf("%d views are shown, want 5", len(views.Views))
			}
		})
		p.signal(syscall.SIGINT)
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("Ctrl-C: exit code %d", code)
		}
	})
}

// kcat returns a topic's records as sorted lines: partition, offset, time, key.
func kcat(t *testing.T, bootstrap string) []string {
	t.Helper()
	if _, err := exec.LookPath("kcat"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("kcat is not installed: apt-get install kcat")
		}
		t.Skip("kcat is not installed: apt-get install kcat")
	}
	out, err := exec.Command("kcat", "-b", bootstrap, "-t", "page-views", "-C", "-e", "-q", "-f", `%p %o %T %k\n`).Output()
	if err != nil {
		t.Fatalf("kcat: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(lines)
	return lines
}

func wantAvro(t *testing.T, url, bootstrap string) {
	t.Helper()
	codecs := map[uint32]*goavro.Codec{}
	lines := map[int64]bool{}
	for _, r := range readAll(t, bootstrap, "page-views") {
		if len(r.Value) < 5 || r.Value[0] != 0 {
			t.Fatalf("%d/%d: no schema id before the value", r.Partition, r.Offset)
		}
		id := binary.BigEndian.Uint32(r.Value[1:])
		if codecs[id] == nil {
			codecs[id] = fetchCodec(t, url, id)
		}
		native, rest, err := codecs[id].NativeFromBinary(r.Value[5:])
		if err != nil || len(rest) > 0 {
			t.Fatalf("%d/%d: %v, %d bytes left", r.Partition, r.Offset, err, len(rest))
		}
		view := native.(map[string]any)
		if view["client"] != string(r.Key) {
			t.Errorf("%d/%d: client %v, key %s", r.Partition, r.Offset, view["client"], r.Key)
		}
		lines[view["line"].(int64)] = true
	}
	if len(lines) != builtinRecords || len(codecs) != 1 {
		t.Errorf("%d lines by %d schemas", len(lines), len(codecs))
	}
	var subjects []string
	if fetch(t, url+"/subjects", &subjects); !slices.Contains(subjects, "page-views-value") {
		t.Errorf("subjects: %v", subjects)
	}
}

func fetchCodec(t *testing.T, url string, id uint32) *goavro.Codec {
	t.Helper()
	var reply struct{ Schema string }
	fetch(t, fmt.Sprintf("%s/schemas/ids/%d", url, id), &reply)
	codec, err := goavro.NewCodec(reply.Schema)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

func fetch(t *testing.T, url string, v any) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
}

func parseWindows(t *testing.T, body string) (r result) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatal(err)
	}
	return r
}
