package wire

import (
	"encoding/json"
	"fmt"
)

// CreatedTopic takes what a demo made, on its home cluster, so that it can be
// deleted again: compacted, one partition. Key: cluster id, slash, topic.
const CreatedTopic = "_weir.demo.created"

// Created says that the demo created a topic.
type Created struct {
	Version   int    `json:"v"` // 1
	ClusterID string `json:"cluster_id"`
	Topic     string `json:"topic"`
	TopicID   string `json:"topic_id"` // 32 hex digits
}

// Key returns the record's key.
func (c Created) Key() []byte { return []byte(c.ClusterID + "/" + c.Topic) }

// Append appends the encoded value to dst.
func (c Created) Append(dst []byte) []byte {
	c.Version = 1
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings always marshal
	}
	return append(dst, b...)
}

// ParseCreated decodes a value of CreatedTopic.
func ParseCreated(b []byte) (Created, error) {
	var c Created
	if err := json.Unmarshal(b, &c); err != nil {
		return Created{}, fmt.Errorf("%w created: %w", ErrMalformed, err)
	}
	if c.Version != 1 {
		return Created{}, fmt.Errorf("%w created: version %d is not known", ErrMalformed, c.Version)
	}
	return c, nil
}
