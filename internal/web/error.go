package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// Error is what the API answers when it can not do what was asked.
type Error struct {
	Status  int    `json:"-"`
	Code    string `json:"code" doc:"What is wrong, for programs, such as not_found."`
	Message string `json:"message" doc:"What is wrong, for people."`
	Field   string `json:"field" doc:"Which parameter or field it is about, empty if none."`
	Hint    string `json:"hint" doc:"What to do about it."`
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// GetStatus implements huma.StatusError. An error that names no status is ours.
func (e *Error) GetStatus() int { return cmp.Or(e.Status, http.StatusInternalServerError) }

// NotFound returns a 404.
func NotFound(message, hint string) *Error {
	return &Error{Status: http.StatusNotFound, Code: "not_found", Message: message, Hint: hint}
}

// BadRequest returns a 400 about one field.
func BadRequest(field, message, hint string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "bad_request", Message: message, Field: field, Hint: hint}
}

// code names a status as programs read it, such as not_found.
func code(status int) string {
	return strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
}

// asError returns what the client is told about err. What was not written for the
// client goes to the log, and the client gets the id to find it by.
func asError(ctx context.Context, err error) *Error {
	var e *Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &tooLarge):
		return &Error{Status: http.StatusRequestEntityTooLarge, Code: code(http.StatusRequestEntityTooLarge), Field: "body",
			Message: fmt.Sprintf("the body is longer than %d bytes", tooLarge.Limit), Hint: "send less at once"}
	case ctx.Err() != nil: // err only follows from that
		return &Error{Status: http.StatusServiceUnavailable, Code: code(http.StatusServiceUnavailable),
			Message: "the request was given up, by its client or because weir stops", Hint: "try again"}
	}
	q := requestOf(ctx)
	q.log.Error("request failed", "id", q.id, "err", err)
	return internal(q.id)
}

// internal is the 500 whose cause is in the log.
func internal(id string) *Error {
	return &Error{Status: http.StatusInternalServerError, Code: code(http.StatusInternalServerError),
		Message: "weir could not answer because of an internal error", Hint: "the log of weir says why, at the request id " + id}
}

// useOurErrors replaces huma's own error bodies, which are package variables there.
var useOurErrors = sync.OnceFunc(func() {
	huma.NewError = func(status int, message string, details ...error) huma.StatusError {
		e := &Error{Status: status, Code: code(status), Message: message}
		for _, detail := range details {
			if d, ok := detail.(huma.ErrorDetailer); ok {
				info := d.ErrorDetail()
				e.Field, e.Hint = info.Location, fmt.Sprintf("%s (got %v)", info.Message, info.Value)
				break
			}
			if detail != nil {
				e.Message += ": " + detail.Error()
			}
		}
		return e
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, details ...error) huma.StatusError {
		if err := errors.Join(details...); status == http.StatusInternalServerError && err != nil {
			return asError(ctx.Context(), err)
		}
		return huma.NewError(status, message, details...)
	}
})
