package web

import (
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

// GetStatus implements huma.StatusError.
func (e *Error) GetStatus() int { return e.Status }

// NotFound returns a 404.
func NotFound(message, hint string) *Error {
	return &Error{Status: http.StatusNotFound, Code: "not_found", Message: message, Hint: hint}
}

// BadRequest returns a 400 about one field.
func BadRequest(field, message, hint string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "bad_request", Message: message, Field: field, Hint: hint}
}

// useOurErrors replaces huma's own error body, which is a package variable there.
var useOurErrors = sync.OnceFunc(func() {
	huma.NewError = func(status int, message string, details ...error) huma.StatusError {
		e := &Error{Status: status, Code: strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_"), Message: message}
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
})
