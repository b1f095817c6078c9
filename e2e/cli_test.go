package e2e

import (
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		out  []string // on stdout, or on stderr if the code is not 0
	}{
		{[]string{"--help"}, 0, []string{"demo", "audit status", "version"}},
		{[]string{"demo", "--help"}, 0, []string{"--bootstrap", "--clean", "Examples:", "Exit code"}},
		{[]string{"audit", "status", "--help"}, 0, []string{"--server", "Examples:"}},
		{[]string{"version"}, 0, []string{"weir 0."}},
		{[]string{"demo", "--inptu", "x"}, 1, []string{"--inptu", "weir --help"}},
		{[]string{"nothing"}, 1, []string{"nothing", "weir --help"}},
		{[]string{"demo", "--drop=-1"}, 1, []string{"negative"}},
		{[]string{"demo", "-o", "xml"}, 1, []string{"xml"}},
		{[]string{"demo", "--bootstrap", "local"}, 1, []string{"local=HOST:PORT"}},
	} {
		stdout, stderr, code := run(t, c.args...)
		text := stdout
		if c.code != 0 {
			text = stderr
		}
		if code != c.code {
			t.Errorf("weir %v: exit code %d, want %d\n%s", c.args, code, c.code, stderr)
		}
		for _, want := range c.out {
			if !strings.Contains(text, want) {
				t.Errorf("weir %v does not print %q:\n%s", c.args, want, text)
			}
		}
	}
}
