package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

type thing struct {
	name string
	size int64
}

func things(rows ...thing) *list[thing] {
	slices.SortFunc(rows, func(x, y thing) int { return strings.Compare(x.name, y.name) })
	return newList(rows, func(t *thing) string { return t.name }, map[string]func(*thing) int64{"size": func(t *thing) int64 { return t.size }})
}

// walk reads a list page by page; between two pages it becomes next.
func walk(t *testing.T, l *list[thing], q Query, next func(page int) *list[thing]) (names []string) {
	t.Helper()
	for page := 0; ; page++ {
		p, err := l.page(q, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range p.Rows {
			names = append(names, row.name)
		}
		if q.Cursor = p.Next; q.Cursor == "" {
			return names
		}
		if next != nil {
			l = next(page)
		}
	}
}

// Every order and page size gives what sorting the whole gives.
func TestPagesAreTheWhole(t *testing.T) {
	var rows []thing
	for i := range 57 {
		rows = append(rows, thing{fmt.Sprintf("T%03d", i*7%57), int64(i % 5)})
	}
	l := things(rows...)
	for _, sort := range []string{"", "name", "size"} {
		for _, desc := range []bool{false, true} {
			want := slices.Clone(l.rows)
			slices.SortStableFunc(want, func(x, y thing) int {
				c := strings.Compare(x.name, y.name)
				if sort == "size" {
					c = cmp.Compare(x.size, y.size)
				}
				if desc {
					c = -c
				}
				return c
			})
			var names []string
			for _, row := range want {
				if strings.Contains(row.name, "T0") {
					names = append(names, row.name)
				}
			}
			for _, limit := range []int{1, 2, 7, 56, 57, 100} {
				got := walk(t, l, Query{Contains: "t0", Sort: sort, Desc: desc, Limit: limit}, nil)
				if !slices.Equal(got, names) {
					t.Errorf("sort %q desc %v limit %d: %v, want %v", sort, desc, limit, got, names)
				}
			}
		}
	}
}

// Rows that stay, at their place, are seen once, whatever comes and goes.
func TestPagesWhileRowsComeAndGo(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		var stay, all []thing
		for i := range 40 {
			row := thing{fmt.Sprintf("t%02d", i), rng.Int64N(6)}
			all = append(all, row)
			if rng.IntN(2) == 0 {
				stay = append(stay, row)
			}
		}
		q := Query{Sort: []string{"name", "size"}[round%2], Desc: round%4 < 2, Limit: 1 + rng.IntN(5)}
		got := walk(t, things(all...), q, func(int) *list[thing] {
			now := slices.Clone(stay)
			for _, row := range all {
				if !slices.Contains(stay, row) && rng.IntN(2) == 0 {
					now = append(now, thing{row.name, rng.Int64N(6)})
				}
			}
			return things(now...)
		})
		for _, row := range stay {
			n := 0
			for _, name := range got {
				if name == row.name {
					n++
				}
			}
			if n != 1 {
				t.Fatalf("round %d, %+v: %s seen %d times in %v", round, q, row.name, n, got)
			}
		}
	}
}

func TestBadQueries(t *testing.T) {
	l := things(thing{"a", 1}, thing{"b", 2})
	p, err := l.page(Query{Sort: "size", Limit: 1}, nil)
	if err != nil || p.Next == "" || p.Total != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
	for _, c := range []struct {
		q    Query
		code string
	}{
		{Query{Cursor: "no cursor"}, "bad_cursor"},
		{Query{Cursor: "e30K"}, "bad_cursor"},
		{Query{Cursor: p.Next}, "bad_cursor"},
		{Query{Cursor: p.Next, Sort: "size", Desc: true}, "bad_cursor"},
		{Query{Sort: "colour"}, "bad_request"},
	} {
		_, err := l.page(c.q, nil)
		var r *Refusal
		if !errors.As(err, &r) || r.Code != c.code {
			t.Errorf("%+v: %v, want %s", c.q, err, c.code)
		}
	}
	empty, err := things().page(Query{}, nil)
	if err != nil || empty.Rows == nil || empty.Total != 0 || empty.Next != "" {
		t.Errorf("of nothing: %+v, %v", empty, err)
	}
}

func FuzzCursor(f *testing.F) {
	l := things(thing{"a", 1}, thing{"b", 2}, thing{"c", 2})
	f.Add(cursor{Sort: "size", Key: 2, Name: "b"}.String())
	f.Add(cursor{Sort: "name", Name: "\xff"}.String())
	f.Fuzz(func(t *testing.T, text string) {
		for _, sort := range []string{"name", "size"} {
			for _, desc := range []bool{false, true} {
				p, err := l.page(Query{Sort: sort, Desc: desc, Limit: 2, Cursor: text}, nil)
				if err == nil && (p.Total != 3 || len(p.Rows) > 2) {
					t.Errorf("%+v", p)
				}
			}
		}
	})
}
