package serde

// ValueSubject returns the subject of a topic's values by the strategy
// TopicName, the default of Confluent's serializers.
func ValueSubject(topic string) string { return topic + "-value" }

// KeySubject returns the subject of a topic's keys by the same strategy.
func KeySubject(topic string) string { return topic + "-key" }
