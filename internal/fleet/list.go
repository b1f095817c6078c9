package fleet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/weirhq/weir/internal/web"
)

// Query is which rows of a list are asked for.
type Query struct {
	Contains string // in the name, whatever the case
	Sort     string // a key of the list; default: name
	Desc     bool
	Limit    int
	Cursor   string // of the page before
}

// Page is a part of a list.
type Page[T any] struct {
	Rows  []T
	Total int    // how many rows the filter leaves
	Next  string // cursor of the next page, "" if this is the last
}

// list is rows by name, with the orders that they have been asked for in. The rows
// are immutable.
type list[T any] struct {
	rows   []T
	names  []string
	keys   map[string]func(*T) int64 // what they can be sorted by, beside their name
	folded []string                  // names in lower case

	mu     sync.Mutex
	orders map[order][]int32 // guarded by mu; each made once
}

type order struct {
	key  string
	desc bool
}

// newList takes rows in the order of their names, which are distinct.
func newList[T any](rows []T, name func(*T) string, keys map[string]func(*T) int64) *list[T] {
	l := &list[T]{rows: rows, keys: keys, names: make([]string, len(rows)), folded: make([]string, len(rows)), orders: map[order][]int32{}}
	for i := range rows {
		l.names[i] = name(&rows[i])
		l.folded[i] = strings.ToLower(l.names[i]) // the same string where nothing is to change
	}
	return l
}

// find returns the row of a name, or nil.
func (l *list[T]) find(name string) *T {
	i, ok := slices.BinarySearch(l.names, name)
	if !ok {
		return nil
	}
	return &l.rows[i]
}

// cursor is the place after a row: that of its key in the order that it was listed
// in, and among equals that of its name.
type cursor struct {
	Sort string `json:"s"`
	Desc bool   `json:"d"`
	Key  int64  `json:"k"`
	Name string `json:"n"`
}

func (c cursor) String() string {
	b, _ := json.Marshal(c)
	return web.EncodeCursor(string(b))
}

func parseCursor(text string) (c cursor, err error) {
	key, err := web.DecodeCursor(text)
	if err == nil {
		err = json.Unmarshal([]byte(key), &c)
	}
	return c, err
}

// page returns the rows that q asks for, of those that keep takes (nil: all).
func (l *list[T]) page(q Query, keep func(*T) bool) (Page[T], error) {
	o := order{cmp.Or(q.Sort, "name"), q.Desc}
	key, ok := l.keys[o.key]
	if !ok && o.key != "name" {
		return Page[T]{}, &Refusal{Code: "bad_request", Field: "sort", Message: fmt.Sprintf("this list has no key %q", o.key), Hint: "there are: " + strings.Join(l.sorts(), ", ")}
	}
	after := -1
	if q.Cursor != "" {
		c, err := parseCursor(q.Cursor)
		if err != nil || c.Sort != o.key || c.Desc != o.desc {
			return Page[T]{}, &Refusal{Code: "bad_cursor", Field: "cursor", Message: "this is no cursor of this list", Hint: "leave it out to begin; a cursor holds for one order"}
		}
		after = l.place(o, key, c)
	}
	p := Page[T]{Rows: []T{}}
	contains := strings.ToLower(q.Contains)
	var last int32
	rest := false
	for at, i := range l.ordered(o, key) {
		row := &l.rows[i]
		if !strings.Contains(l.folded[i], contains) || keep != nil && !keep(row) {
			continue
		}
		p.Total++
		switch {
		case at <= after:
		case len(p.Rows) < max(q.Limit, 1):
			p.Rows, last = append(p.Rows, *row), i
		default:
			rest = true
		}
	}
	if rest {
		c := cursor{Sort: o.key, Desc: o.desc, Name: l.names[last]}
		if key != nil {
			c.Key = key(&l.rows[last])
		}
		p.Next = c.String()
	}
	return p, nil
}

func (l *list[T]) sorts() []string {
	keys := []string{"name"}
	for key := range l.keys {
		keys = append(keys, key)
	}
	slices.Sort(keys[1:])
	return keys
}

// ordered returns the indexes of the rows in an order: equal keys by name.
func (l *list[T]) ordered(o order, key func(*T) int64) []int32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if indexes, ok := l.orders[o]; ok {
		return indexes
	}
	type pair struct {
		key   int64
		index int32
	}
	pairs := make([]pair, len(l.rows))
	for i := range l.rows {
		pairs[i].index = int32(i)
		if key != nil {
			pairs[i].key = key(&l.rows[i])
		}
	}
	switch {
	case key == nil && o.desc:
		slices.Reverse(pairs)
	case key != nil:
		slices.SortFunc(pairs, func(x, y pair) int { return o.compare(x.key, y.key, int64(x.index), int64(y.index)) })
	}
	indexes := make([]int32, len(pairs))
	for i, p := range pairs {
		indexes[i] = p.index
	}
	l.orders[o] = indexes
	return indexes
}

// compare puts keys in order, and equal ones in that of their names' places.
func (o order) compare(x, y, placeX, placeY int64) int {
	c := cmp.Compare(x, y)
	if o.desc {
		c = -c
	}
	return cmp.Or(c, cmp.Compare(placeX, placeY))
}

// place returns the last position of an order that is not after the cursor's row,
// whether that row is still there or not.
func (l *list[T]) place(o order, key func(*T) int64, c cursor) int {
	at, found := slices.BinarySearch(l.names, c.Name) // rows below at have smaller names
	indexes := l.ordered(o, key)
	if key == nil {
		switch {
		case o.desc:
			return len(indexes) - 1 - at // the row itself, or the smallest name above it
		case found:
			return at
		}
		return at - 1
	}
	n, _ := slices.BinarySearchFunc(indexes, c, func(i int32, c cursor) int {
		k := o.compare(key(&l.rows[i]), c.Key, 0, 0)
		switch {
		case k != 0:
			return k
		case int(i) < at || int(i) == at && found:
			return -1
		}
		return 1
	})
	return n - 1
}
