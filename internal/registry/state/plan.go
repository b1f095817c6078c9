package state

import (
	"github.com/weirhq/weir/internal/wire"
)

// Command is a write: Register, Tag, DeleteSubject, DeleteVersion, DeleteContext,
// SetConfig, DeleteConfig, SetMode or DeleteMode.
type Command interface {
	plan(s *State) ([]Record, Reply, error)
}

// Reply is what the caller is told once the records are in the topic. Which field
// is set depends on the command.
type Reply struct {
	Version  Version // Register, Tag
	Versions []int   // DeleteSubject, DeleteVersion: those that were deleted
	Config   wire.SchemasSetting
	Mode     string
}

// Plan decides what a command does: the records to append, in this order and in
// one transaction, and the answer for when they are there. No records mean that
// all is as the command wants it. An *Error is a refusal. s is not changed.
func Plan(cmd Command, s *State) ([]Record, Reply, error) {
	records, reply, err := cmd.plan(s)
	if err != nil {
		return nil, Reply{}, err
	}
	return records, reply, nil
}
