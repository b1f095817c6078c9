package web

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// Paging is the part of a list that is asked for. The input of an operation that
// lists embeds it; a Handler gets it with PagingOf.
//
// A list is in the order of a key, and a cursor holds the key of the row before:
// so pages neither repeat nor miss a row that was there all the time, whatever
// comes and goes between two requests.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many rows to answer at most."`
	Cursor string `query:"cursor" doc:"Where to go on: the cursor that came with the rows before. Empty: at the beginning."`
}

// PagingOf reads limit and cursor from a query.
func PagingOf(q url.Values) (Paging, error) {
	p := Paging{Limit: defaultLimit, Cursor: q.Get("cursor")}
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxLimit {
			return p, BadRequest("limit", fmt.Sprintf("%q is not a limit", s), fmt.Sprintf("give a number from 1 to %d", maxLimit))
		}
		p.Limit = n
	}
	return p, nil
}

// Page returns the rows that p asks for out of all, which are in the order of key,
// and the cursor of the next page, empty if there is none. Keys are distinct and
// not empty.
func Page[T any](p Paging, all []T, key func(T) string) (rows []T, next string, err error) {
	after, err := DecodeCursor(p.Cursor)
	if err != nil {
		return nil, "", err
	}
	from, found := slices.BinarySearchFunc(all, after, func(row T, after string) int { return strings.Compare(key(row), after) })
	if found {
		from++
	}
	rows = all[from:]
	if limit := max(p.Limit, 1); len(rows) > limit {
		rows = rows[:limit]
		next = EncodeCursor(key(rows[limit-1]))
	}
	return rows, next, nil
}

// EncodeCursor returns the cursor that goes on after the row of key.
func EncodeCursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// DecodeCursor returns the key of a cursor. A text that EncodeCursor does not make
// is a 400.
func DecodeCursor(cursor string) (key string, err error) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	// The decoder passes over line ends and left-over bits.
	if key = string(b); err != nil || EncodeCursor(key) != cursor {
		return "", BadRequest("cursor", "this is no cursor", "take the one that came with the rows before, or leave it out to begin")
	}
	return key, nil
}
