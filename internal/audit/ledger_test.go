package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

// The language of testdata/ledger, of one topic with the tiers local and
// aggregate, that the stream east joins. A record is a letter, a time hh:mm[:ss],
// a window the time of its start, 10 minutes long; grace 2m, delay 10m, skew 1s.
//
//	report run=R n=N at=T through=T [register] [final] [window=D] [interval=D]
//	  WINDOW attempt=LETTERS [ok=LETTERS] [fail=LETTERS] [unknown=LETTERS]
//	counts TIER at=T [id=N] [window=D]
//	  P FROM-TO [gap="..."] {WINDOW {R=LETTERS}}       R = - : without a stamp
//	position P src=N dst=N
//	evaluate at=T                    prints all windows, and what is asked
//	ends TIER {P:END}                answers the newest question
//	finding WINDOW pair=N lost=N duplicated=N [ranges=TIER/P/FROM-TO,...]
//	remember                         has ends and finding answer the questions
//	                                 of now from here on
//	windows [FROM [TO]] | final run=R | counted TIER [id=N]
type ledgerScript struct {
	t          *testing.T
	ledger     *Ledger
	ends       []EndsWanted
	mismatches []Mismatch
	remember   bool
	out        strings.Builder
}

func TestLedger(t *testing.T) {
	scripts(t, "testdata/ledger", func(t *testing.T) func([]string) string {
		rules := Rules{Window: 10 * time.Minute, Grace: 2 * time.Minute, MaxDelay: 10 * time.Minute, ClockSkew: time.Second}
		s := &ledgerScript{t: t, ledger: NewLedger(rules, Path{Topic: "views", Tiers: []string{"local", "aggregate"}, Streams: []string{"", "east"}})}
		return s.run
	})
}

func (s *ledgerScript) run(commands []string) string {
	s.out.Reset()
	for len(commands) > 0 {
		n := 1
		for n < len(commands) && commands[n][0] == ' ' {
			n++
		}
		words, named := arguments(commands[0])
		switch words[0] {
		case "report":
			s.report(words, named, commands[1:n])
		case "counts":
			s.counts(words[1], named, commands[1:n])
		case "position":
			key := wire.PositionKey{Stream: "east", TopicID: wire.TopicID{1}, Partition: int32(s.number(words[1]))}
			s.ledger.ApplyPosition(key, wire.Position{Src: s.number(named["src"]), Dst: s.number(named["dst"])})
		case "evaluate":
			s.evaluate(s.time(named["at"]))
		case "ends":
			s.noteEnds(words[1], words[2:])
		case "finding":
			s.noteFinding(words[1], named)
		case "remember":
			s.remember = true
		case "windows":
			var bounds [2]time.Time
			for i, w := range words[1:] {
				bounds[i] = s.time(w)
			}
			for _, w := range s.ledger.Windows("views", bounds[0], bounds[1]) {
				s.print("%s %s\n", w.Start.Format("15:04"), w.Verdict)
			}
		case "final":
			s.print("%v\n", s.ledger.Final(runID(named["run"])))
		case "counted":
			s.print("%s\n", cmp.Or(s.ledger.Counted("views", words[1], s.id(words[1], named)).String(), "nothing"))
		default:
			s.t.Fatalf("no such command: %s", commands[0])
		}
		commands = commands[n:]
	}
	return s.out.String()
}

func (s *ledgerScript) print(format string, args ...any) { fmt.Fprintf(&s.out, format, args...) }

func (s *ledgerScript) number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *ledgerScript) time(text string) time.Time {
	if strings.Count(text, ":") == 1 {
		text += ":00"
	}
	at, err := time.Parse(time.DateTime, "2026-01-01 "+text)
	if err != nil {
		s.t.Fatal(err)
	}
	return at
}

func runID(text string) (id wire.RunID) {
	if text != "-" {
		id[0] = text[0] - '0'
	}
	return id
}

func (s *ledgerScript) id(tier string, named map[string]string) wire.TopicID {
	id := wire.TopicID{1}
	if tier == "aggregate" {
		id[0] = 2
	}
	if n := named["id"]; n != "" {
		id[1] = byte(s.number(n))
	}
	return id
}

func (s *ledgerScript) duration(named map[string]string, name string, otherwise time.Duration) int64 {
	if text, ok := named[name]; ok {
		d, err := time.ParseDuration(text)
		if err != nil {
			s.t.Fatal(err)
		}
		otherwise = d
	}
	return otherwise.Milliseconds()
}

func (s *ledgerScript) report(words []string, named map[string]string, rows []string) {
	p := wire.Report{
		Run: runID(named["run"]), Number: uint64(s.number(named["n"])), Through: s.time(named["through"]).UnixMilli(),
		Interval: s.duration(named, "interval", time.Minute), Window: s.duration(named, "window", 10*time.Minute),
		Final: slices.Contains(words, "final"),
	}
	if slices.Contains(words, "register") {
		p.Registration = &wire.Registration{Application: "shop", Host: "web-" + named["run"], Version: "1"}
	}
	topic := wire.ReportTopic{Topic: "views"}
	for _, row := range rows {
		words, named := arguments(row)
		for kind := range wire.Kinds {
			if set, ok := named[kind.String()]; ok {
				topic.Rows = append(topic.Rows, wire.ReportRow{Start: s.time(words[0]).UnixMilli(), Kind: kind, Totals: letters(set)})
			}
		}
	}
	if len(topic.Rows) > 0 {
		p.Topics = []wire.ReportTopic{topic}
	}
	if err := s.ledger.ApplyReport(p, s.time(named["at"])); err != nil {
		s.print("error: %v\n", err)
	}
}

func (s *ledgerScript) counts(tier string, named map[string]string, rows []string) {
	c := wire.Counts{Tier: tier, Topic: "views", TopicID: s.id(tier, named), Window: s.duration(named, "window", 10*time.Minute)}
	for _, line := range rows {
		fields := strings.Fields(line)
		from, to, _ := strings.Cut(fields[1], "-")
		row := wire.CountsRow{Partition: int32(s.number(fields[0])), From: s.number(from), To: s.number(to)}
		_, gap := arguments(line)
		row.Gap = gap["gap"]
		if at := strings.LastIndex(line, `"`); at >= 0 {
			fields = append(fields[:2], strings.Fields(line[at+1:])...)
		}
		var start time.Time
		for _, field := range fields[2:] {
			if run, set, cell := strings.Cut(field, "="); cell {
				row.Cells = append(row.Cells, wire.Cell{Start: start.UnixMilli(), Run: runID(run), Totals: letters(set)})
			} else {
				start = s.time(field)
			}
		}
		c.Rows = append(c.Rows, row)
	}
	refused, err := s.ledger.ApplyCounts(c, s.time(named["at"]))
	if err != nil {
		s.print("error: %v\n", err)
	}
	if refused > 0 {
		s.print("rows refused: %d\n", refused)
	}
}

func (s *ledgerScript) evaluate(now time.Time) {
	ends, mismatches := s.ledger.Evaluate(now)
	if !s.remember {
		s.ends, s.mismatches = ends, mismatches
	}
	for _, w := range s.ledger.Windows("views", time.Time{}, time.Time{}) {
		s.print("%s %s, revision %d: producer %d, local %d, aggregate %d\n",
			w.Start.Format("15:04"), w.Verdict, w.Revision, w.Counts[Producer], w.Counts["local"], w.Counts["aggregate"])
		for _, p := range w.Pairs {
			s.print("  %s", pairLine(p))
		}
		switch {
		case w.Ranges == nil:
			s.print("  ranges not known\n")
		case len(w.Ranges) > 0:
			s.print("  ranges %s\n", rangesLine(w.Ranges))
		}
	}
	for _, e := range ends {
		s.print("wants the ends of %s for %d\n", e.Tier, len(e.windows))
	}
	for _, m := range mismatches {
		s.print("wants pair %d of %s explained:", m.Pair, time.UnixMilli(m.Start).UTC().Format("15:04"))
		for _, span := range m.Spans {
			for _, p := range slices.Sorted(maps.Keys(span.From)) {
				s.print(" %s/%d/%d-%d", span.Tier, p, span.From[p], span.To[p])
			}
		}
		s.print(", %d records\n", m.Records())
	}
}

func rangesLine(ranges []Range) string {
	var all []string
	for _, r := range ranges {
		all = append(all, fmt.Sprintf("%s/%d/%d-%d", r.Tier, r.Partition, r.From, r.To))
	}
	return strings.Join(all, ",")
}

func (s *ledgerScript) noteEnds(tier string, at []string) {
	ends := cluster.Offsets{}
	for _, word := range at {
		p, end, _ := strings.Cut(word, ":")
		ends[int32(s.number(p))] = s.number(end)
	}
	i := slices.IndexFunc(s.ends, func(e EndsWanted) bool { return e.Tier == tier })
	if i < 0 {
		s.t.Fatalf("nobody wants the ends of %s", tier)
	}
	s.ledger.NoteEnds(s.ends[i], ends)
}

func (s *ledgerScript) noteFinding(start string, named map[string]string) {
	pair := int(s.number(named["pair"]))
	i := slices.IndexFunc(s.mismatches, func(m Mismatch) bool { return m.Pair == pair && m.Start == s.time(start).UnixMilli() })
	if i < 0 {
		s.t.Fatalf("nobody wants pair %d of %s explained", pair, start)
	}
	f := Finding{Lost: uint64(s.number(named["lost"])), Duplicated: uint64(s.number(named["duplicated"])), Cause: named["cause"]}
	for text := range strings.SplitSeq(named["ranges"], ",") {
		if text == "" {
			continue
		}
		parts := strings.Split(text, "/")
		from, to, _ := strings.Cut(parts[2], "-")
		f.Ranges = append(f.Ranges, Range{parts[0], int32(s.number(parts[1])), s.number(from), s.number(to)})
	}
	s.ledger.NoteFinding(s.mismatches[i], f)
}
