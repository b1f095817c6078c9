package desired

import (
	"context"
	"fmt"

	"github.com/weirhq/weir/internal/registry/remote"
	"github.com/weirhq/weir/internal/registry/state"
)

// Apply does what a plan says, in its order, each step by do. It stops at the first
// that fails; the steps before it are done, of which it returns the number.
func Apply(ctx context.Context, p Plan, do func(context.Context, state.Command) error) (done int, err error) {
	if p.Refused > 0 {
		return 0, fmt.Errorf("%d steps of the plan can not be done; nothing was changed", p.Refused)
	}
	for i, s := range p.Steps {
		if err := do(ctx, s.command); err != nil {
			return i, fmt.Errorf("%s of subject %q: %w; %d of %d steps are done, the same again goes on", s.Action, s.Subject, err, i, len(p.Steps))
		}
	}
	return len(p.Steps), nil
}

// Over makes steps by asking a registry, whoever wrote it.
func Over(c *remote.Client) func(context.Context, state.Command) error {
	return func(ctx context.Context, cmd state.Command) error { return ask(ctx, c, cmd) }
}

func ask(ctx context.Context, c *remote.Client, cmd state.Command) (err error) {
	switch cmd := cmd.(type) {
	case state.Register:
		_, err = c.Register(ctx, cmd.Subject, remote.Schema{SchemaType: cmd.Type, Schema: cmd.Schema, References: cmd.References}, false, false)
	case state.SetConfig:
		level := map[string]any{"compatibility": cmd.Change.CompatibilityLevel}
		if len(cmd.Clear) > 0 {
			level["compatibility"] = nil // which unsets it
		}
		err = c.SetConfig(ctx, cmd.Subject, level)
	case state.DeleteConfig:
		err = c.DeleteConfig(ctx, cmd.Subject)
	case state.SetMode:
		err = c.SetMode(ctx, cmd.Subject, cmd.Mode, false)
	case state.DeleteMode:
		err = c.DeleteMode(ctx, cmd.Subject)
	case state.DeleteSubject:
		_, err = c.DeleteSubject(ctx, cmd.Subject, false)
	default:
		err = fmt.Errorf("a change that is not known: %T", cmd)
	}
	return err
}
