package registry

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const setPath = "/api/v1/registry/import?mode=set"

func lines(list ...string) string { return strings.Join(list, "\n") }

// An import that sets the modes needs nothing to be prepared, and leaves nothing.
func TestImportSet(t *testing.T) {
	ask := asks(t, start(t, &memLog{}))
	for _, r := range [][3]string{
		{"POST", "/subjects/kept/versions", body(`"int"`)},
		{"PUT", "/mode/kept", `{"mode":"READONLY"}`},
		{"POST", "/subjects/other/versions", body(`"bytes"`)},
	} {
		if status, reply := ask(r[0], r[1], r[2]); status != 200 {
			t.Fatalf("%v: %s", r, reply)
		}
	}
	file := lines(
		`{"subject":"kept","version":1,"id":1,"schema":" \"int\" "}`,
		`{"subject":"kept","version":4,"id":44,"schema":"\"long\""}`,
		`{"subject":"mostly","version":1,"id":50,"schema":"\"string\"","deleted":true}`,
		`{"subject":"mostly","version":2,"id":51,"schema":"\"float\""}`,
		`{"subject":"gone","version":7,"id":60,"schema":"\"double\"","deleted":true}`,
		`{"subject":"gone","version":8,"id":61,"schema":"\"boolean\"","deleted":true}`,
		`{"subject":"mostly","config":{"compatibilityLevel":"FULL"}}`,
		`{"subject":"mostly","mode":"READONLY_OVERRIDE"}`)
	want := ImportAnswer{Lines: 8, Errors: []ImportError{}, Versions: 5, There: 1, Settings: 2, Modes: []ImportMode{{"kept", "READONLY"}, {"mostly", ""}, {"gone", ""}}}
	answer := func(query, text string) (a ImportAnswer) {
		t.Helper()
		status, reply := ask("POST", setPath+query, text)
		if err := json.Unmarshal([]byte(reply), &a); status != 200 || err != nil {
			t.Fatalf("%d %s", status, reply)
		}
		return a
	}
	_, before := ask("GET", "/api/v1/registry/export?deleted=true", "")
	if diff := cmp.Diff(want, answer("&dryRun=true", file)); diff != "" {
		t.Errorf("dry run (-want +got):\n%s", diff)
	}
	if _, after := ask("GET", "/api/v1/registry/export?deleted=true", ""); after != before {
		t.Errorf("a dry run has changed something:\n%s", after)
	}
	if diff := cmp.Diff(want, answer("", file)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, got := ask("GET", "/api/v1/registry/export?deleted=true", "")
	for _, part := range []string{
		`{"subject":"kept","version":4,"id":44,`, `{"subject":"mostly","version":1,"id":50,`, `"schema":"\"string\"","deleted":true}`, `{"subject":"mostly","version":2,"id":51,`,
		`{"subject":"gone","version":8,"id":61,`, `{"subject":"kept","mode":"READONLY"}`, `{"subject":"mostly","config":{"compatibilityLevel":"FULL"}}`, `{"subject":"mostly","mode":"READONLY_OVERRIDE"}`,
	} {
		if !strings.Contains(got, part) {
			t.Errorf("no %s in\n%s", part, got)
		}
	}
	if strings.Contains(got, "IMPORT") || strings.Count(got, `"deleted":true`) != 3 {
		t.Errorf("modes and deletions:\n%s", got)
	}
	// Again nothing is to be done, and what was deleted here stays so.
	if status, reply := ask("DELETE", "/subjects/other", ""); status != 200 {
		t.Fatal(reply)
	}
	again := answer("", lines(file, `{"subject":"other","version":1,"id":2,"schema":"\"bytes\""}`))
	if again.Versions != 0 || again.There != 7 || again.Settings != 0 || len(again.Modes) != 0 || again.Failed != 0 {
		t.Errorf("again: %+v", again)
	}
	if status, _ := ask("GET", "/subjects/other/versions", ""); status != 404 {
		t.Error("a subject that was deleted is back")
	}
	// What is there and is another one is not written over, and nothing beside it is done.
	for _, other := range []string{`{"subject":"kept","version":4,"id":45,"schema":"\"long\""}`, `{"subject":"kept","version":4,"id":44,"schema":"\"int\""}`} {
		if status, reply := ask("POST", setPath, lines(`{"subject":"new","version":1,"id":99,"schema":"\"int\""}`, other)); status != 409 || !strings.Contains(reply, "import_conflict") || !strings.Contains(reply, "line 2: version 4 of kept") {
			t.Errorf("%d %s", status, reply)
		}
	}
	if status, _ := ask("GET", "/subjects/new/versions", ""); status != 404 {
		t.Error("a part of an import that was refused")
	}
}

// What is set as the lines have it is left, also where that is no level.
func TestImportSettingsAgain(t *testing.T) {
	ask := asks(t, start(t, &memLog{}))
	file := lines(`{"subject":"s","config":{"alias":"t"}}`, `{"subject":"","config":{"compatibilityLevel":"FULL","normalize":true}}`, `{"subject":"s","mode":"READONLY"}`)
	for _, want := range []string{`"settings":3`, `"settings":0`} {
		if status, reply := ask("POST", setPath, file); status != 200 || !strings.Contains(reply, want) {
			t.Errorf("%d %s, want %s", status, reply, want)
		}
	}
}

// A line that is refused is told, and its subject gets its mode back.
func TestImportSetRefused(t *testing.T) {
	ask := asks(t, start(t, &memLog{}))
	status, reply := ask("POST", setPath, lines(`{"subject":"a","version":1,"id":5,"schema":"nonsense","deleted":true}`, `{"subject":"a","version":2,"id":6,"schema":"\"int\""}`))
	if status != 200 || !strings.Contains(reply, `"failed":1,"errors":[{"line":1,"subject":"a","code":42201,`) {
		t.Errorf("%d %s", status, reply)
	}
	if _, reply := ask("GET", "/api/v1/registry/export", ""); strings.Contains(reply, "mode") || strings.Count(reply, "\n") != 1 {
		t.Errorf("%s", reply)
	}
}

// failingLog fails from an append on, which it does not make.
type failingLog struct {
	memLog
	left int
}

func (l *failingLog) Append(ctx context.Context, key, value []byte) (int64, error) {
	if l.left--; l.left < 0 {
		return 0, errors.New("the disk is full")
	}
	return l.memLog.Append(ctx, key, value)
}

// Wherever an import breaks off, the answer says what is left, and the same import
// again sees it through.
func TestImportBreaksOff(t *testing.T) {
	file := lines(
		`{"subject":"a","version":1,"id":5,"schema":"\"int\"","deleted":true}`,
		`{"subject":"a","version":2,"id":6,"schema":"\"string\""}`,
		`{"subject":"b","version":1,"id":7,"schema":"\"long\"","deleted":true}`,
		`{"subject":"a","config":{"normalize":true}}`)
	var want string
	for left := 99; left >= 0; left-- {
		l := &failingLog{left: left}
		s := start(t, l)
		ask := asks(t, s)
		status, reply := ask("POST", setPath, file)
		if left == 99 {
			if left = 99 - l.left; status != 200 {
				t.Fatalf("%d %s", status, reply)
			}
			_, want = ask("GET", "/api/v1/registry/export?deleted=true", "")
			continue
		}
		if status != 500 || left > 0 && (!strings.Contains(reply, "These may be left in mode IMPORT, and had: a none of its own, b none of its own; PUT or DELETE /mode/SUBJECT sets that back.")) {
			t.Errorf("after %d records: %d %s", left, status, reply)
		}
		l.left = 99
		again := asks(t, start(t, l))
		if _, warnings := again("GET", "/api/v1/registry/warnings", ""); left == 2 && !strings.Contains(warnings, `"importing":["a","b"]`) {
			t.Errorf("after %d records: %s", left, warnings)
		}
		if status, reply := again("POST", setPath, file); status != 200 || !strings.Contains(reply, `"failed":0`) {
			t.Errorf("after %d records, again: %d %s", left, status, reply)
		}
		if _, got := again("GET", "/api/v1/registry/export?deleted=true", ""); got != want {
			t.Errorf("after %d records, again:\n%s, want\n%s", left, got, want)
		}
	}
}
