package serde

import "strings"

// Subject names the subject of a schema in the registry. record is the full name
// of what the schema describes (Avro's named type, Protobuf's message, JSON
// Schema's title), "" if it has none; then a strategy that needs it returns "".
type Subject func(topic, record string, key bool) string

// TopicName is <topic>-value, or <topic>-key: one schema per topic, evolving. It
// is the default of Confluent's serializers.
func TopicName(topic, _ string, key bool) string {
	if key {
		return KeySubject(topic)
	}
	return ValueSubject(topic)
}

// RecordName is the name of the record: it evolves by itself, in all topics that
// it is written to, and a topic can hold several.
func RecordName(_, record string, _ bool) string { return record }

// TopicRecordName is <topic>-<name of the record>: as RecordName, but for each
// topic apart.
func TopicRecordName(topic, record string, _ bool) string {
	if record == "" {
		return ""
	}
	return topic + "-" + record
}

// ValueSubject returns the subject of a topic's values by the strategy TopicName.
func ValueSubject(topic string) string { return topic + "-value" }

// KeySubject returns the subject of a topic's keys by the strategy TopicName.
func KeySubject(topic string) string { return topic + "-key" }

// contextOf is the context that a subject names, ":.team:" of ":.team:orders"; ""
// where it names none.
func contextOf(subject string) string {
	if !strings.HasPrefix(subject, ":.") {
		return ""
	}
	if end := strings.IndexByte(subject[1:], ':'); end >= 0 {
		return subject[:end+2]
	}
	return ""
}

// within is a subject as it is meant in a context: unless it names its own, it is
// in that one.
func within(context, subject string) string {
	if contextOf(subject) != "" {
		return subject
	}
	return context + subject
}
