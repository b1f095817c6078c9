package web

import "time"

// Event is something that a system has to tell, in the one form in which every
// system serves GET /api/v1/SYSTEM/events?from=&to=, so that one time axis can show
// them together.
type Event struct {
	At       time.Time  `json:"at" doc:"When it was; of an audited window, its end in event time."`
	End      *time.Time `json:"end,omitempty" doc:"When it was over, of what lasts."`
	Cluster  string     `json:"cluster"`
	Kind     string     `json:"kind" doc:"Such as broker-down, change or audit-lost."`
	Severity string     `json:"severity" enum:"info,warning,error"`
	Text     string     `json:"text"`
	Link     string     `json:"link" doc:"The page that shows more."`
}

// Events is the answer.
type Events struct {
	Events []Event `json:"events" doc:"The newest first, at most 1,000."`
	More   bool    `json:"more" doc:"There are older ones between from and to."`
}

// MaxEvents bounds an answer of a system's events.
const MaxEvents = 1000
