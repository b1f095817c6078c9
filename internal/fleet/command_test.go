package fleet

import (
	"os/exec"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// hostileWords are what others may have named something.
var hostileWords = []string{
	"", "orders", "a b", "it's", `a\b`, "$(id)`id`!!", "=ls", "~", "*", "\x1b]0;owned\a", "line\nend\r\t", "\u202eabc\u2066", "zero\u200bwidth", "nb\u00a0sp",
	"\xff\xfe12", "\x1b7", "é ü 漢字 🙂", "\u0085", "'\x01'", "\\\x01", "\ufffd", "-x", "--yes", "#c", "a;b&c|d<e>f", strings.Repeat("'\n", 100),
}

func FuzzQuote(f *testing.F) {
	for _, w := range hostileWords {
		f.Add(w)
	}
	f.Fuzz(func(t *testing.T, word string) {
		q := quote(word)
		if !utf8.ValidString(q) || strings.ContainsFunc(q, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q is shown as %q", word, q)
		}
	})
}

// A shell reads the words that were meant, of all of them in one command.
func TestShellsReadCommands(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "ksh", "mksh"} {
		path, err := exec.LookPath(shell)
		if err != nil && shell != "bash" {
			continue // one is enough
		}
		t.Run(shell, func(t *testing.T) {
			w := &words{}
			w.add(hostileWords...)
			out, err := exec.CommandContext(t.Context(), path, "-c", `printf '%s\0' `+w.line("")).Output()
			if err != nil {
				t.Fatal(err)
			}
			if got, want := string(out), strings.Join(hostileWords, "\x00")+"\x00"; got != want {
				t.Errorf("it reads %q,\nwant     %q,\nfrom %s", got, want, w.line(""))
			}
		})
	}
}

func TestCommandOf(t *testing.T) {
	f := func(c Change, want string) {
		t.Helper()
		if got := commandOf(&c, &Facts{Cluster: "east"}); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	f(Change{Kind: GroupDelete, Group: "bill\x1b[2J\n"}, `weir groups delete $'bill\033[2J\012' --yes --cluster east`)
	f(Change{Kind: GroupDelete, Group: "--yes"}, "weir groups delete --yes --cluster east -- --yes")
	f(Change{Kind: TopicDelete, Topics: []string{"-a", "b"}, Force: true}, "weir topics delete --force --yes --cluster east -- -a b")
	f(Change{Kind: GroupDelete, Group: "a\x00b"}, "")
	reset := Change{Kind: GroupReset, Group: "billing", Reset: &Reset{To: "offsets", Offsets: []TopicOffset{{"orders", 1, -1}, {"-x", 0, 7}, {"it's", 0, 7}}}}
	f(reset, `weir groups reset billing --offset orders/1=-1 --offset=-x/0=7 --offset 'it'\''s/0=7' --yes --cluster east`)
	for i := range int32(maxWords) {
		reset.Reset.Offsets = append(reset.Reset.Offsets, TopicOffset{"orders", i + 2, 9})
	}
	if got := commandOf(&reset, &Facts{Cluster: "east"}); strings.Contains(got, "<<") {
		t.Errorf("lines, in spite of a strange name: %s", got)
	}
	reset.Reset.Offsets[2].Topic = "users"
	got := commandOf(&reset, &Facts{Cluster: "east"})
	if !strings.HasPrefix(got, "weir groups reset billing --offsets - --yes --cluster east <<'END'\norders/1=-1\n-x/0=7\nusers/0=7\norders/2=9\n") || !strings.HasSuffix(got, "\norders/501=9\nEND") {
		t.Errorf("many offsets: %.300s", got)
	}
}
