package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weirhq/weir/internal/actions"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/web"
)

// What people change is in the actions log, once, whichever process was asked; what
// clients register by themselves is not; and what can not be recorded is not done.
func testRecorded(t *testing.T, c *cluster.Cluster) {
	log := actionsLog(t, c)
	leader := run(t, c, "leader", Config{Actions: log}, nil).leads(t)
	follower := run(t, c, "follower", Config{Actions: actionsLog(t, c)}, nil)
	for _, ask := range []struct {
		at                 *process
		method, path, body string
		headers            []string
		status             int
	}{
		{leader, "POST", "/subjects/s/versions", body(`"int"`), nil, 200}, // a client: not recorded
		{leader, "POST", "/subjects/s/versions", body(`"string"`), []string{"X-Weir-Via: command", "X-Weir-Actor: ann"}, 409},
		{follower, "POST", "/subjects/t/versions", body(`"string"`), []string{"X-Weir-Via: page", "X-Weir-Actor: bob", "X-Weir-Reason: new"}, 200},
		{follower, "PUT", "/config/s", `{"compatibility":"FULL"}`, nil, 200},
		{leader, "PUT", "/mode", `{"mode":"READONLY"}`, nil, 200},
		{follower, "DELETE", "/mode", ``, nil, 200},
		{follower, "DELETE", "/subjects/none", ``, nil, 404},
		{leader, "DELETE", "/subjects/s/versions/1", ``, nil, 200},
	} {
		if a := ask.at.ask(t, ask.method, ask.path, ask.body, ask.headers...); a.status != ask.status {
			t.Errorf("%s %s: %+v", ask.method, ask.path, a)
		}
	}
	if err := log.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, _ := log.List(actions.Filter{})
	var got strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&got, "%s %s %s %s %s %s\n", e.Actor, e.Via, e.Kind, e.Target, e.Reason, e.State)
	}
	want := `127.0.0.1 api schema-delete s  done
127.0.0.1 api schema-delete none  failed
127.0.0.1 api schema-mode all subjects  done
127.0.0.1 api schema-mode all subjects  done
127.0.0.1 api schema-config s  done
bob page schema-register t new done
ann command schema-register s  failed
`
	if got.String() != want {
		t.Errorf("the log has\n%swant\n%s", &got, want)
	}
	if e := entries[len(entries)-1]; !strings.Contains(e.Error, "incompatible") || !strings.Contains(string(e.Change), `"path":"/subjects/s/versions"`) {
		t.Errorf("the first: %+v", e)
	}
	follower.stop()
	// A log that goes away meanwhile: it is done, and the answer is not that nothing was.
	leaving := actionsLog(t, c)
	err := (&Service{cfg: Config{Actions: leaving}.withDefaults(), on: leader.on}).record(t.Context(), httptest.NewRequest("PUT", "/mode", nil), actions.Action{Kind: "schema-mode"}, func(context.Context) error {
		leaving.Close()
		return nil
	})
	if e := (*state.Error)(nil); !errors.As(err, &e) || e.Code != state.CodeForwarding || !strings.Contains(e.Message, "the change was made") {
		t.Errorf("whose end is not recorded: %v", err)
	}
	leader.stop()
	// A log that is not kept as it has to be is not written to.
	if err := c.AlterTopic(t.Context(), actions.TopicName, map[string]string{"cleanup.policy": "compact"}, nil, false); err != nil {
		t.Fatal(err)
	}
	alone := run(t, c, "alone", Config{Actions: actionsLog(t, c)}, nil).leads(t)
	if a := alone.ask(t, "DELETE", "/subjects/t", ""); a.Code != state.CodeStore || !strings.Contains(a.body, "nothing is changed") {
		t.Errorf("with a log that can not be written: %+v", a)
	}
	const marker = `"code":"actions_log_unavailable"`
	if a, by := alone.ask(t, "DELETE", "/subjects/t", ""), alone.ask(t, "DELETE", "/subjects/t", "", "X-Weir-Via: page"); strings.Contains(a.body, marker) || !strings.Contains(by.body, marker) || by.Code != state.CodeStore {
		t.Errorf("a client's answer %s, a page's %s", a.body, by.body)
	}
	_, err = changeAtLeader(t.Context(), alone.Service, httptest.NewRequest("POST", "/", nil), nil, actions.Action{Kind: "schema-import"}, func(context.Context) (a ImportAnswer, offset int64, err error) {
		t.Error("it is done")
		return a, 0, nil
	})
	if e := (*web.Error)(nil); !errors.As(err, &e) || e.Code != codeUnrecorded || e.Status != http.StatusServiceUnavailable {
		t.Errorf("by weir's own API: %v", err)
	}
	if a := alone.ask(t, "GET", "/subjects", ""); a.body != `["t"]` {
		t.Errorf("and then: %+v", a)
	}
	if a := alone.post(t, "u", `"long"`); a.status != 200 {
		t.Errorf("a client's registration: %+v", a)
	}
}

func actionsLog(t *testing.T, c *cluster.Cluster) *actions.Log {
	t.Helper()
	log, err := actions.New(actions.Config{WriteTimeout: 5 * time.Second}, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	return log
}
