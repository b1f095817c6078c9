package main

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/weirhq/weir/internal/linediff"
	"github.com/weirhq/weir/internal/registry/remote"
)

// schemaText returns a schema's text for people: JSON indented.
func schemaText(v remote.Schema) string {
	text := v.Schema
	var indented bytes.Buffer
	if v.Type() != "PROTOBUF" && json.Indent(&indented, []byte(text), "", "  ") == nil {
		text = indented.String()
	}
	return strings.TrimRight(text, "\n")
}

// diffLines returns the lines of both texts, "-" before those of the old one alone and
// "+" before those of the new one alone.
func diffLines(before, after string) (lines []string) {
	var added []string // beside the removed ones that were written last
	for _, l := range linediff.Lines(before, after) {
		if l.Op == "same" || l.Op == "removed" {
			lines, added = append(lines, added...), nil
		}
		switch l.Op {
		case "same":
			lines = append(lines, "  "+l.Old)
		case "removed", "changed":
			lines = append(lines, "- "+l.Old)
		}
		if l.Op == "added" || l.Op == "changed" {
			added = append(added, "+ "+l.New)
		}
	}
	return append(lines, added...)
}
