package serde

// Retriable is the type of an error that may pass: the same call can succeed
// later, and a consumer waits with the partition.
//
//	var later serde.Retriable
//	if errors.As(err, &later) { ... }
type Retriable string

// Error implements error.
func (e Retriable) Error() string { return string(e) }

// Poison is the type of an error that does not pass: this record, schema or type
// never works, and a consumer stops, skips it or sets it aside.
type Poison string

// Error implements error.
func (e Poison) Error() string { return string(e) }

// Every error of this package wraps one of these.
var (
	// ErrRegistry: the registry could not be asked, or made no sense. Ask again.
	ErrRegistry error = Retriable("schema registry is not available")
	// ErrUnknownSchema: the registry answered that it does not know the id.
	ErrUnknownSchema error = Poison("schema id is unknown to the registry")
	// ErrSchema: a schema, or a value or type that does not fit one.
	ErrSchema error = Poison("schema does not fit")
	// ErrNoSchema: the record does not say which schema it was written with.
	ErrNoSchema error = Poison("no schema id before the value")
	// ErrTombstone: the value is null, which says that the key was deleted.
	ErrTombstone error = Poison("null value: a tombstone has no content")
)
