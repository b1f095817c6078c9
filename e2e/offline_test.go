package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/weirhq/weir/internal/kafkatest"
)

// ask makes a request and returns its status and its body.
func ask(t *testing.T, method, url, body string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(read)
}

// weir starts while its cluster is away: it serves the schemas that it knew, says that
// they may be old, and writes nothing. When the cluster comes it goes on.
func TestStartWithoutKafka(t *testing.T) {
	t.Setenv("WEIR_REGISTRY_SNAPSHOT_DIR", t.TempDir())
	kafka := kafkatest.Start(t)
	config := configure(t, fmt.Sprintf("web: {listen: '127.0.0.1:0'}\nclusters: {east: {bootstrap: ['%s']}}\n", kafka.Bootstrap()))
	register := func(url, schema string) (int, string) {
		return ask(t, "POST", url+"/subjects/orders-value/versions", fmt.Sprintf(`{"schema":%q}`, schema))
	}
	p, url := up(t, config)
	eventually(t, "a schema is registered", func() bool { status, _ := register(url, `"int"`); return status == 200 })
	p.signal(syscall.SIGINT)
	kafka.Stop()

	p, url = up(t, config)
	eventually(t, "what was known is served", func() bool {
		status, text := ask(t, "GET", url+"/schemas/ids/1", "")
		return status == 200 && strings.Contains(text, `\"int\"`)
	})
	if status, text := register(url, `"long"`); status != 500 || !strings.Contains(text, `"error_code":50001`) {
		t.Errorf("a change meanwhile: %d %s", status, text)
	}
	if status, text := ask(t, "GET", url+"/readyz", ""); status != 503 || !strings.Contains(text, `"error":"stale: `) {
		t.Errorf("readyz meanwhile: %d %s", status, text)
	}
	kafka.Restart()
	eventually(t, "it goes on", func() bool {
		status, text := register(url, `"long"`)
		return status == 200 && strings.Contains(text, `"id":2`)
	})
	eventually(t, "readyz", func() bool { status, _ := ask(t, "GET", url+"/readyz", ""); return status == 200 })
	p.signal(syscall.SIGINT)
}

// Without a registry its addresses answer with an object that says so.
func TestNoRegistry(t *testing.T) {
	_, url := up(t, configure(t, fmt.Sprintf("data_dir: %s\nweb: {listen: '127.0.0.1:0'}\nclusters: {local: {embedded: {listen: '%s'}}}\nregistry: {enabled: false}\n", t.TempDir(), freeAddr(t))))
	eventually(t, "readyz", func() bool { status, _ := ask(t, "GET", url+"/readyz", ""); return status == 200 })
	for _, path := range []string{"/subjects", "/schemas/ids/1"} {
		if status, text := ask(t, "GET", url+path, ""); status != 404 || !strings.HasPrefix(text, "{") || !strings.Contains(text, "registry.enabled") {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if status, _ := ask(t, "GET", url+"/", ""); status != 200 {
		t.Errorf("/: %d", status)
	}
}
