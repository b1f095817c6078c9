package web

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"testing"
)

func TestPagingOf(t *testing.T) {
	for query, want := range map[string]Paging{
		"":                   {Limit: 100},
		"limit=1":            {Limit: 1},
		"limit=1000&cursor=": {Limit: 1000},
		"cursor=YQ":          {Limit: 100, Cursor: "YQ"},
		"limit=0":            {}, "limit=-1": {}, "limit=1001": {}, "limit=ten": {}, "limit=99999999999999999999": {},
	} {
		q, _ := url.ParseQuery(query)
		got, err := PagingOf(q)
		if want == (Paging{}) {
			if e := (*Error)(nil); !errors.As(err, &e) || e.Status != 400 || e.Field != "limit" {
				t.Errorf("%s: %v", query, err)
			}
		} else if err != nil || got != want {
			t.Errorf("%s: %+v, %v", query, got, err)
		}
	}
}

// Every row that stays is seen once, in order, though others come and go.
func TestPageWalk(t *testing.T) {
	key := func(s string) string { return s }
	var all []string
	for i := range 25 {
		all = append(all, fmt.Sprintf("topic-%02d", i))
	}
	for limit := 1; limit <= 26; limit++ {
		list := slices.Clone(all)
		var seen []string
		p := Paging{Limit: limit}
		for pages := 1; ; pages++ {
			rows, next, err := Page(p, list, key)
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, rows...)
			if next == "" {
				if want := (25 + limit - 1) / limit; pages != want {
					t.Errorf("limit %d: %d pages, not %d", limit, pages, want)
				}
				break
			}
			p.Cursor = next
			// The last row of this page goes, and one before it comes.
			last := slices.Index(list, rows[len(rows)-1])
			list = slices.Insert(slices.Delete(list, last, last+1), 0, fmt.Sprintf("new-%02d", pages))
			slices.Sort(list)
		}
		if !slices.Equal(seen, all) {
			t.Errorf("limit %d: %v", limit, seen)
		}
	}
	if rows, next, err := Page(Paging{Limit: 5, Cursor: EncodeCursor("z")}, all, key); len(rows) != 0 || next != "" || err != nil {
		t.Errorf("after the end: %v %q %v", rows, next, err)
	}
	if _, _, err := Page(Paging{Limit: 5, Cursor: "!"}, all, key); err == nil {
		t.Error("something that is no cursor passes")
	}
}

func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", "orders", "Zürich/3", "YQ", "YR", "YQ\n", "YQ==", "-_", "\x00\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := DecodeCursor(EncodeCursor(s)); err != nil || got != s {
			t.Errorf("%q came back as %q, %v", s, got, err)
		}
		if key, err := DecodeCursor(s); err == nil && EncodeCursor(key) != s {
			t.Errorf("%q and %q are both the cursor of %q", s, EncodeCursor(key), key)
		}
	})
}
