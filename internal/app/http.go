package app

import (
	"io"
	"net/http"
	"strings"
)

// front leads people to the pages; clients of a schema registry, which share the
// address, get the empty object that they expect there.
func front(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/ui", http.StatusFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, "{}")
}
