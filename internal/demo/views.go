package demo

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"

	"github.com/weirhq/weir/client"
)

// lastViews is how many views Views keeps.
const lastViews = 5

// Views keeps the last page views of a topic, as a consuming application sees
// them: by client.Poll, decoded by the schema that the registry has.
type Views struct {
	client *client.Client
	log    *slog.Logger

	mu   sync.Mutex // guards last
	last []SeenView // newest first
}

// SeenView is a view and where it lies.
type SeenView struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
	View
}

// NewViews returns what follows the topic that c consumes.
func NewViews(c *client.Client, log *slog.Logger) *Views { return &Views{client: c, log: log} }

// Run follows the topic until ctx ends. A record that can not be shown is left
// out, and said: the page goes on.
func (v *Views) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		batch := v.client.Poll(ctx)
		for _, err := range batch.Errors {
			v.log.Warn("page views not shown", "error", err)
		}
		records := batch.Records
		for _, r := range records[max(0, len(records)-lastViews):] {
			decoded, err := r.Decode(ctx)
			if ctx.Err() != nil {
				return nil
			}
			view, err := viewOf(decoded, err)
			if err != nil {
				v.log.Warn("page view not shown", "error", err)
				continue
			}
			v.mu.Lock()
			v.last = slices.Insert(v.last, 0, SeenView{r.Partition, r.Offset, view})
			v.last = v.last[:min(len(v.last), lastViews)]
			v.mu.Unlock()
		}
	}
	return nil
}

// viewOf makes a View of what the registry's schema decodes to, whatever version
// of the schema that is.
func viewOf(decoded any, err error) (View, error) {
	if err != nil {
		return View{}, err
	}
	var view View
	b, err := json.Marshal(decoded)
	if err == nil {
		err = json.Unmarshal(b, &view)
	}
	return view, err
}

// Last returns the last views, newest first.
func (v *Views) Last() []SeenView {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.last)
}
