package console

import (
	"html"
	"html/template"
	"strings"
)

// Rows of tables are written here and not by a template: a list has a thousand
// cells, and a template takes ten times as long for one. Every text goes through
// esc, so that what it holds stays text, in elements and in quoted attributes.

func esc(s string) string { return html.EscapeString(s) }

// HTML is the inside of a cell.
func (c cell) HTML() template.HTML {
	var b strings.Builder
	c.write(&b)
	return template.HTML(b.String())
}

func (c cell) write(b *strings.Builder) {
	if c.Badge != nil {
		class := esc(c.Badge.Class)
		b.WriteString(`<span class="badge ` + class + `"><svg class="shape" aria-hidden="true"><use href="#s-` + class + `"/></svg><bdi>` + esc(c.Badge.Word) + `</bdi></span>`)
	}
	if c.Href != "" { // made by uiPath or address.String, so it begins with /ui
		b.WriteString(`<a href="` + esc(c.Href) + `">`)
	}
	if c.Text != "" {
		b.WriteString("<bdi")
		if c.Full != "" {
			b.WriteString(` title="` + esc(c.Full) + `"`)
		}
		b.WriteString(">" + esc(c.Text) + "</bdi>")
	}
	if c.Href != "" {
		b.WriteString("</a>")
	}
	if c.Note != "" {
		b.WriteString(" <small><bdi>" + esc(c.Note) + "</bdi></small>")
	}
}

// Body is the rows of the table.
func (g grid) Body() template.HTML {
	var b strings.Builder
	for _, row := range g.Rows {
		b.WriteString("\n<tr role=\"row\">")
		for i, c := range row {
			col := g.Cols[i]
			tag, role := "td", `td role="cell"`
			if i == 0 {
				tag, role = "th", `th role="rowheader" scope="row"`
			}
			b.WriteString("<" + role)
			if class := c.classes(col); class != "" {
				b.WriteString(` class="` + class + `"`)
			}
			b.WriteString(` data-label="` + esc(col.Label) + `">`)
			c.write(&b)
			b.WriteString("</" + tag + ">")
		}
		b.WriteString("</tr>")
	}
	return template.HTML(b.String())
}

func (c cell) classes(col column) string {
	var s string
	if col.Num {
		s += " n"
	}
	if col.Wide {
		s += " wide"
	}
	if c.Badge != nil {
		s += " state"
	}
	if c.Mark != "" {
		s += " " + c.Mark
	}
	return strings.TrimPrefix(s, " ")
}
