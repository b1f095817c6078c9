package conf

// Nearest returns the candidate with the fewest edits to word, if those are few
// enough for a slip of the finger, and "" otherwise.
func Nearest(word string, candidates []string) string {
	best, least := "", min(max(1, len(word)/3), 3)+1
	for _, c := range candidates {
		if d := edits(word, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// edits is the Levenshtein distance: how many bytes to insert, delete or replace.
func edits(a, b string) int {
	row := make([]int, len(b)+1) // from a[:i] to each b[:j]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
