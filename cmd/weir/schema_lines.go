package main

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/weirhq/weir/internal/registry/remote"
)

// schemaLines returns a schema's text in lines, JSON indented.
func schemaLines(v remote.Schema) []string {
	text := v.Schema
	var indented bytes.Buffer
	if v.Type() != "PROTOBUF" && json.Indent(&indented, []byte(text), "", "  ") == nil {
		text = indented.String()
	}
	return strings.Split(strings.TrimRight(text, "\n"), "\n")
}

// mostLines bounds what is compared line by line: the table has their square.
const mostLines = 4000

// diffLines returns the lines of both, "-" before those of the old one alone and "+"
// before those of the new one alone: the longest common subsequence.
func diffLines(before, after []string) (lines []string) {
	if len(before) > mostLines || len(after) > mostLines {
		return append(prefixed("-", before), prefixed("+", after)...)
	}
	// common[i][j] is the number of lines that before[i:] and after[j:] share.
	common := make([][]int32, len(before)+1)
	for i := range common {
		common[i] = make([]int32, len(after)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(after) - 1; j >= 0; j-- {
			if before[i] == after[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(before) && j < len(after) {
		switch {
		case before[i] == after[j]:
			lines = append(lines, "  "+before[i])
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			lines = append(lines, "- "+before[i])
			i++
		default:
			lines = append(lines, "+ "+after[j])
			j++
		}
	}
	lines = append(lines, prefixed("-", before[i:])...)
	return append(lines, prefixed("+", after[j:])...)
}

func prefixed(sign string, lines []string) (out []string) {
	for _, l := range lines {
		out = append(out, sign+" "+l)
	}
	return out
}
