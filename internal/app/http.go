package app

import (
	"fmt"
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

// noRegistry answers what the registry would, where there is none: with an object, since
// clients of registries fail on any other body.
func noRegistry(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprintf(w, `{"error_code":404,"message":%q}`, "There is no "+r.Method+" "+r.URL.EscapedPath()+", and this weir serves no schema registry: registry.enabled is false.")
}
