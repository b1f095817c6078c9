package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// Handler serves HTTP by a function that may fail, for pages and compatible APIs
// whose errors have weir's form. An *Error, also a wrapped one, is answered as it
// is; any other error is a 500 that tells nothing but the request's id, under which
// the log has it. Once the answer has begun to go out, an error breaks it off.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP implements http.Handler.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := h(w, r)
	if err == nil {
		return
	}
	e := asError(r.Context(), err)
	if out, ok := w.(*writer); ok && !out.discard() {
		panic(http.ErrAbortHandler)
	}
	writeError(w, e)
}

// WriteJSON answers with v. The error is of v, which then has not been answered
// with; that the client is gone is none.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
	return nil
}

func writeError(w http.ResponseWriter, e *Error) {
	_ = WriteJSON(w, e.GetStatus(), e) // strings alone
}
