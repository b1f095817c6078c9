package state

import "fmt"

// Error is a refusal as the HTTP API words it.
type Error struct {
	Status  int // of HTTP
	Code    int // Confluent's error_code: the status and two digits
	Message string
}

func (e *Error) Error() string { return e.Message }

// Refuse makes an Error whose status is the head of its code.
func Refuse(code int, format string, args ...any) *Error {
	status := code
	if status > 999 {
		status /= 100
	}
	if code == CodeTooLarge {
		status = 413
	}
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// The error codes of the API.
const (
	CodeNoSubject             = 40401
	CodeNoVersion             = 40402
	CodeNoSchema              = 40403
	CodeSubjectSoftDeleted    = 40404
	CodeSubjectNotSoftDeleted = 40405
	CodeVersionSoftDeleted    = 40406
	CodeVersionNotSoftDeleted = 40407
	CodeNoConfig              = 40408
	CodeNoMode                = 40409
	CodeIncompatible          = 409 // by itself: Confluent's registry has no digits behind it, and its clients look at it
	CodeSchema                = 42201
	CodeVersion               = 42202
	CodeLevel                 = 42203
	CodeMode                  = 42204
	CodeNotPermitted          = 42205
	CodeReferenced            = 42206
	CodeID                    = 42207
	CodeSubject               = 42208
	CodeTooLarge              = 42209
	CodeRuleSet               = 42210
	CodeContextNotEmpty       = 42211
	CodeStore                 = 50001
	CodeTimeout               = 50002
	CodeForwarding            = 50003
	CodeNoLeader              = 50004
)

func noSubject(subject string) *Error {
	return Refuse(CodeNoSubject, "Subject '%s' not found.", subject)
}

func noVersion(version int) *Error {
	if version == Latest {
		return Refuse(CodeNoVersion, "Version latest not found.")
	}
	return Refuse(CodeNoVersion, "Version %d not found.", version)
}

// BadVersion refuses what a client wrote for a version number.
func BadVersion(version string) *Error {
	return Refuse(CodeVersion, "The specified version '%s' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"", version)
}

func badSubject(subject string) *Error {
	return Refuse(CodeSubject, "The specified subject '%s' is not a valid subject.", subject)
}
