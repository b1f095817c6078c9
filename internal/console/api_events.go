package console

import (
	"context"
	"time"
)

// eventSystems are those that may tell events. One that answers 404 has none.
var eventSystems = []string{"fleet", "actions", "audit", "registry"}

type eventInfo struct {
	At       time.Time  `json:"at"`
	End      *time.Time `json:"end"`
	Cluster  string     `json:"cluster"`
	Kind     string     `json:"kind"`
	Severity string     `json:"severity"`
	Text     string     `json:"text"`
	Link     string     `json:"link"`
}

// eventList is what all systems tell, the newest first.
type eventList struct {
	Events []eventInfo `json:"events"`
	More   bool        `json:"more"` // there are older ones
	silent bool        // the system tells no events
}

// eventQuestions ask each system, side by side: for the last span, if that is not 0,
// or from and to a time. Their names are those of the systems after "events-".
func eventQuestions(span time.Duration, from, to string) (asks []question) {
	for _, system := range eventSystems {
		path := withQuery(apiPath(system, "events"), "from", from, "to", to)
		asks = append(asks, question{"events-" + system, path, func(ctx context.Context, api api) (any, error) {
			var l eventList
			asked := path
			if span > 0 {
				asked = withQuery(path, "from", stamp(time.Now().Add(-span)))
			}
			err := api.get(ctx, asked, &l)
			if notFound(err) {
				return eventList{silent: true}, nil
			}
			return l, err
		}})
	}
	return asks
}
