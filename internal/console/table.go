package console

import (
	"cmp"
	"slices"
)

// grid is a table. Its first column names the row.
type grid struct {
	Cols []column
	Rows [][]cell
	Sort bool // has columns that one can sort by
}

type column struct {
	Label  string
	Num    bool // numbers: aligned to the right
	Wide   bool // on a phone, takes a line of its card
	Href   string
	Sorted string // ascending, descending or ""
}

type cell struct {
	Text  string
	Full  string // all of it, where Text is cut or rounded
	Href  string
	Badge *badge
	Note  string
	Mark  string // zero: nothing to look at, soft, and left out on a phone; warn; bad
}

// badge says a state by a word, a shape and a colour; Class is that of a verdict.
type badge struct{ Word, Class string }

// named is a cell with a name of any kind, cut in the middle.
func named(name string, n int, href string) cell {
	c := cell{Text: short(name, n), Href: href}
	if c.Text != name {
		c.Full = name
	}
	if name == "" {
		c.Text, c.Mark = "–", "zero"
	}
	return c
}

// num is a number of things; -1 is not known.
func num(n int64) cell { return cell{Text: known(n), Mark: zero(n <= 0)} }

func zero(is bool) string { return map[bool]string{true: "zero"}[is] }

// should is a number that should be 0, with the mark that it has if it is not.
func should(n int64, mark string) cell {
	c := num(n)
	if n > 0 {
		c.Mark = mark
	}
	return c
}

// why is an error, "" if there is none.
func why(err string, n int) cell {
	c := named(err, n, "")
	if err != "" {
		c.Mark = "bad"
	}
	return c
}

func sized(n int64) cell {
	c := cell{Text: size(n), Mark: zero(n <= 0)}
	if n >= 1000 {
		c.Full = plural(n, "byte")
	}
	return c
}

func rated(f float64) cell { return cell{Text: rate(f), Mark: zero(f <= 0)} }

func sizedRate(f float64) cell {
	c := sized(int64(f))
	c.Full = ""
	return c
}

// sorter makes columns whose heads sort the list: by their key, from the side
// that one usually wants first, and the other way when they do already.
type sorter struct{ a address }

// by makes a column that sorts by key.
func (s sorter) by(key, label string, isNum bool) column {
	c := column{Label: label, Num: isNum}
	order := "asc"
	if isNum {
		order = "desc"
	}
	if s.a.get("sort") == key {
		c.Sorted = map[string]string{"asc": "ascending", "desc": "descending"}[s.a.get("order")]
		order = map[string]string{"asc": "desc", "desc": "asc"}[s.a.get("order")]
	}
	c.Href = s.a.with("sort", key, "order", order, "cursor", "").String()
	return c
}

func plainCol(label string) column { return column{Label: label} }
func numCol(label string) column   { return column{Label: label, Num: true} }

// panelView is a panel with a table: most panels are one.
type panelView struct {
	frame
	Grid  grid
	Pager pagerView
	Class string // of the table
	More  *linkView
}

func (v panelView) part() part { return part{id: v.ID, template: "panel", view: v, age: v.age} }

// pagerView leads through a list that the API pages.
type pagerView struct {
	First, Next, Label string
}

// pager says how much of a list is shown, and leads on. Without a position a
// keyset list knows no page numbers.
func pager(a address, shown int, l listed, thing string) pagerView {
	var v pagerView
	if a.get("cursor") != "" {
		v.First = a.with("cursor", "").String()
	}
	if l.Next != "" {
		v.Next = a.with("cursor", l.Next).String()
	}
	if shown == 0 && l.Total == 0 {
		return v
	}
	v.Label = plural(l.Total, thing)
	if int64(shown) < l.Total {
		v.Label = number(int64(shown)) + " of " + v.Label
	}
	return v
}

// filterView is the search of a list. It is a part of its own: nothing in it
// changes while somebody types.
type filterView struct {
	Action, Label, Value string
	Clear                string
	Keep                 []linkView // what else the address says; Href is the name
	Others               []navView  // choices beside the text
}

func filter(a address, label string, others ...navView) part {
	v := filterView{Action: a.bare().String(), Label: label, Value: a.get("contains"), Others: others}
	for _, p := range a.page.params {
		if val, ok := a.query[p.name]; ok && p.name != "contains" && p.name != "cursor" {
			v.Keep = append(v.Keep, linkView{p.name, val})
		}
	}
	if v.Value != "" {
		v.Clear = a.with("contains", "", "cursor", "").String()
	}
	return part{id: "filter", template: "filter", view: v}
}

func (a address) bare() address { a.query = nil; return a }

// none says why a list is empty: nothing is there, or nothing matches.
func none(a address, things string) string {
	if c := a.get("contains"); c != "" {
		return "No " + things + " contain “" + plain(short(c, 60)) + "”."
	}
	return "There are no " + things + " yet."
}

// arrange sorts and filters rows as the address says, for answers that are not
// paged. less compares by the key that is sorted by.
func arrange[T any](a address, rows []T, name func(T) string, less map[string]func(x, y T) int) []T {
	out := make([]T, 0, len(rows))
	for _, r := range rows {
		if has(name(r), a.get("contains")) {
			out = append(out, r)
		}
	}
	by := less[a.get("sort")]
	slices.SortStableFunc(out, func(x, y T) int {
		c := 0
		if by != nil {
			c = by(x, y)
		}
		if a.get("order") == "desc" {
			c = -c
		}
		return cmp.Or(c, cmp.Compare(name(x), name(y)))
	})
	return out
}

// on compares by a number.
func on[T any, N cmp.Ordered](of func(T) N) func(x, y T) int {
	return func(x, y T) int { return cmp.Compare(of(x), of(y)) }
}

// titleView heads a page.
type titleView struct {
	frame
	Full  string
	Badge *badge
	Lines []string
	Facts []fact
	Tabs  []navView
	Links []linkView
}

type fact struct {
	Label string
	cell
}

// Long says that it is a text, not a number.
func (f fact) Long() bool { return len(f.Text) > 14 }

func (v titleView) part() part {
	v.ID = "head"
	return part{id: "head", template: "title", view: v, age: v.age}
}
