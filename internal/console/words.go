package console

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
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

// size writes a number of bytes, one decimal always: so that a column is aligned.
func size(n int64) string {
	switch {
	case n < 0:
		return "–"
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n), ""
	for _, unit = range []string{"kB", "MB", "GB", "TB", "PB"} {
		if f /= 1000; f < 999.95 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}

// known writes n, or a dash for what is not known.
func known(n int64) string {
	if n < 0 {
		return "–"
	}
	return number(n)
}

// rate writes a number per second.
func rate(f float64) string {
	switch {
	case f < 0:
		return "–"
	case f == 0 || f >= 10:
		return number(int64(f + .5))
	case f < .05:
		return "<0.1"
	}
	return fmt.Sprintf("%.1f", f)
}

// ago writes a duration as roughly as one would say it.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, d/time.Second))
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// plain takes out of a name what changes the text around it, for places where
// elements cannot isolate it: line ends, and marks that turn the direction.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
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
func clock(t time.Time) string   { return t.UTC().Format("15:04:05") }
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
