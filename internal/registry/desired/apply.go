package desired

import (
	"context"
	"fmt"

	"github.com/weirhq/weir/internal/registry/remote"
	"github.com/weirhq/weir/internal/registry/state"
)

// Apply does what a plan says, in its order, and calls done behind each step. It
// stops at the first that fails; the steps before it are done.
func Apply(ctx context.Context, c *remote.Client, p Plan, done func(Step)) error {
	if p.Refused > 0 {
		return fmt.Errorf("%d steps of the plan can not be done; nothing was changed", p.Refused)
	}
	for i, s := range p.Steps {
		if err := s.do(ctx, c); err != nil {
			return fmt.Errorf("%s of subject %q: %w; %d of %d steps are done, the same again goes on", s.Action, s.Subject, err, i, len(p.Steps))
		}
		done(s)
	}
	return nil
}

func (s Step) do(ctx context.Context, c *remote.Client) (err error) {
	switch cmd := s.command.(type) {
	case state.Register:
		_, err = c.Register(ctx, cmd.Subject, remote.Schema{SchemaType: cmd.Type, Schema: cmd.Schema, References: cmd.References}, false, false)
	case state.SetConfig:
		err = c.SetConfig(ctx, cmd.Subject, map[string]any{"compatibility": cmd.Change.CompatibilityLevel})
	case state.DeleteConfig:
		err = c.DeleteConfig(ctx, cmd.Subject)
	case state.SetMode:
		err = c.SetMode(ctx, cmd.Subject, cmd.Mode, false)
	case state.DeleteMode:
		err = c.DeleteMode(ctx, cmd.Subject)
	case state.DeleteSubject:
		_, err = c.DeleteSubject(ctx, cmd.Subject, false)
	default:
		err = fmt.Errorf("a step that is not known: %T", cmd)
	}
	return err
}
