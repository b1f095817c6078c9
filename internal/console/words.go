package console

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
)

// verdict is one of audit's words with what a page needs to show it: Class names
// its colour and its shape.
type verdict struct {
	Word    string
	Class   string
	Meaning string
	rank    int // 0 is the worst
}

// Worst first: the order in which audit takes the worst of several.
var verdicts = ranked(
	verdict{Word: "lost", Meaning: "Records that one tier held never arrived at the next."},
	verdict{Word: "duplicated", Meaning: "A tier holds some records more often than the tier before it."},
	verdict{Word: "unknown", Meaning: "Something that had to be counted could not be counted, so nothing is claimed. The cause is given below."},
	verdict{Word: "late", Meaning: "The waiting time is over and a tier still has fewer records than the one before it, but it is catching up."},
	verdict{Word: "open", Meaning: "Records of this window can still arrive, so there is no verdict yet."},
	verdict{Word: "complete", Meaning: "Every tier is counted to the end and holds exactly the records of the tier before it."},
)

func ranked(vs ...verdict) []verdict {
	for i := range vs {
		vs[i].Class, vs[i].rank = vs[i].Word, i
	}
	return vs
}

// verdictOf finds a verdict by its word. A word that this page does not know is
// shown as it is, in the dress of unknown.
func verdictOf(word string) verdict {
	if i := slices.IndexFunc(verdicts, func(v verdict) bool { return v.Word == word }); i >= 0 {
		return verdicts[i]
	}
	if word == "" {
		word = "none"
	}
	return verdict{Word: short(word, 16), Class: "unknown", Meaning: "This page does not know that word.", rank: verdictOf("unknown").rank}
}

func worse(a, b verdict) verdict {
	if b.rank < a.rank {
		return b
	}
	return a
}

// number writes n with its thousands apart: 10,000.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

func plural(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return number(n) + " " + word + "s"
}

// short cuts the middle out of a text that is longer than n characters: the ends
// of a name or a path tell more than its middle.
func short(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	tail := n / 3
	return string(r[:n-1-tail]) + "…" + string(r[len(r)-tail:])
}

func day(t time.Time) string     { return t.UTC().Format("2 January 2006") }
func minute(t time.Time) string  { return t.UTC().Format("2 Jan 2006 15:04") }
func second(t time.Time) string  { return t.UTC().Format("2 Jan 2006 15:04:05") }
func hourMin(t time.Time) string { return t.UTC().Format("15:04") }

// stale says why a panel is not fresh and how old what it shows instead is.
func stale(what, err string, at time.Time) string {
	s := fmt.Sprintf("%s: %s.", what, strings.TrimRight(short(err, 200), "."))
	if at.IsZero() {
		return s + " Nothing read yet; this page asks again."
	}
	return s + " Shown is what was read at " + second(at) + " UTC."
}

// idOf makes an element id from any name. Names may hold what ids and selectors
// may not.
func idOf(name string) string { return "t" + hash(name) }

func hash(s string) string {
	h := fnv.New32a()
	h.Write([]byte(s))
	return fmt.Sprintf("%08x", h.Sum32())
}
