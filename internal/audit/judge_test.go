package audit

import (
	"fmt"
	"strconv"
	"testing"
)

// The language of testdata/judge:
//
//	a TIER closed|open low=LETTERS [high=LETTERS] [waits="..."] [uncovered="..."]
//	b ...
//	finding lost=N duplicated=N [cause="..."]
//	judge [overdue]
//
// A record is a letter. Each step begins with nothing.
func TestJudge(t *testing.T) {
	scripts(t, "testdata/judge", func(t *testing.T) func([]string) string {
		return func(commands []string) (out string) {
			sides := map[string]Side{}
			var finding *Finding
			for _, line := range commands {
				words, named := arguments(line)
				switch words[0] {
				case "a", "b":
					s := Side{Tier: words[1], Closed: words[2] == "closed", Waits: named["waits"], Uncovered: named["uncovered"], Low: letters(named["low"])}
					s.High = s.Low
					if high, ok := named["high"]; ok {
						s.High = letters(high)
					}
					sides[words[0]] = s
				case "finding":
					lost, _ := strconv.ParseUint(named["lost"], 10, 64)
					duplicated, _ := strconv.ParseUint(named["duplicated"], 10, 64)
					finding = &Finding{Lost: lost, Duplicated: duplicated, Cause: named["cause"]}
				case "judge":
					out += pairLine(Judge(sides["a"], sides["b"], len(words) > 1 && words[1] == "overdue", finding))
				default:
					t.Fatalf("no such command: %s", line)
				}
			}
			return out
		}
	})
}

func pairLine(p Pair) string {
	s := fmt.Sprintf("%s -> %s: %s", p.From, p.To, p.Verdict)
	if p.Lost > 0 {
		s += fmt.Sprintf(", lost %d", p.Lost)
	}
	if p.Duplicated > 0 {
		s += fmt.Sprintf(", duplicated %d", p.Duplicated)
	}
	if p.pending {
		s += ", to be explained"
	}
	if p.Cause != "" {
		s += ": " + p.Cause
	}
	return s + "\n"
}
