package linediff

import (
	"slices"
	"strings"
)

// Line is one of two texts beside each other.
type Line struct {
	Op             string // same, removed, added or changed
	Old, New       string
	OldNum, NewNum int // from 1; 0: there is none on that side
}

// maxDiff bounds the table of the longest common subsequence. Texts whose differing
// parts are longer are shown as replaced.
const maxDiff = 4 << 20

// Lines compares two texts. A removed line and an added one that
// stand in the same place are one changed line.
func Lines(before, after string) (out []Line) {
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	for i := range head {
		out = append(out, Line{"same", a[i], b[i], i + 1, i + 1})
	}
	out = append(out, differing(a[head:len(a)-tail], b[head:len(b)-tail], head)...)
	for i := range tail {
		x, y := len(a)-tail+i, len(b)-tail+i
		out = append(out, Line{"same", a[x], b[y], x + 1, y + 1})
	}
	return out
}

// differing compares lines that begin after offset lines of either text.
func differing(a, b []string, offset int) (out []Line) {
	common := lengths(a, b)
	var removed, added []Line
	flush := func() {
		both := min(len(removed), len(added))
		for i := range both {
			out = append(out, Line{"changed", removed[i].Old, added[i].New, removed[i].OldNum, added[i].NewNum})
		}
		out = slices.Concat(out, removed[both:], added[both:])
		removed, added = nil, nil
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && common != nil && a[i] == b[j]:
			flush()
			out = append(out, Line{"same", a[i], b[j], offset + i + 1, offset + j + 1})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && (common == nil || common[i+1][j] >= common[i][j+1]):
			removed = append(removed, Line{"removed", a[i], "", offset + i + 1, 0})
			i++
		default:
			added = append(added, Line{"added", "", b[j], 0, offset + j + 1})
			j++
		}
	}
	flush()
	return out
}

// lengths returns the length of the longest common subsequence of a[i:] and b[j:]
// for all i and j; nil if that is too much.
func lengths(a, b []string) [][]int32 {
	if len(a)*len(b) > maxDiff {
		return nil
	}
	n := make([][]int32, len(a)+1)
	for i := range n {
		n[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				n[i][j] = n[i+1][j+1] + 1
			} else {
				n[i][j] = max(n[i+1][j], n[i][j+1])
			}
		}
	}
	return n
}
