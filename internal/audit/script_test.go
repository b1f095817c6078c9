package audit

import (
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/wire"
)

// scripts runs the files of a directory: steps apart by an empty line, each of
// commands, a line of dashes, and what the commands print. A line that begins with
// # is a comment. start returns a fresh interpreter for one file.
func scripts(t *testing.T, dir string, start func(t *testing.T) func(commands []string) string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			run := start(t)
			var got []string
			for step := range strings.SplitSeq(strings.TrimSpace(string(b)), "\n\n") {
				input, _, _ := strings.Cut(step, "\n----")
				var commands []string
				for line := range strings.Lines(input) {
					if line = strings.TrimSuffix(line, "\n"); line != "" && line[0] != '#' {
						commands = append(commands, line)
					}
				}
				if len(commands) == 0 {
					got = append(got, input)
					continue
				}
				got = append(got, strings.TrimSuffix(input+"\n----\n"+run(commands), "\n"))
			}
			out := strings.Join(got, "\n\n") + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(b), "\n"), strings.Split(out, "\n")); diff != "" {
				t.Errorf("%s, -want +got (-update rewrites it):\n%s", file, diff)
			}
		})
	}
}

// arguments splits a command at spaces outside of quotes. Those of the form
// name=value go into named.
func arguments(line string) (words []string, named map[string]string) {
	named = map[string]string{}
	quoted := false
	for _, word := range strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	}) {
		if name, value, ok := strings.Cut(word, "="); ok {
			named[name] = strings.Trim(value, `"`)
		} else {
			words = append(words, word)
		}
	}
	return words, named
}

// letters counts records that are named by letters.
func letters(s string) (t wire.Totals) {
	for _, letter := range []byte(s) {
		h := fnv.New64a()
		h.Write([]byte{letter, 'x', letter})
		t.Add(h.Sum64(), 1)
	}
	return t
}
