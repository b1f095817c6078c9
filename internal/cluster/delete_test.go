package cluster

import (
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

func TestDeleteError(t *testing.T) {
	one := &DeleteError{"east", 1, []NotDeleted{{Topic: "orders", Err: kerr.TopicAuthorizationFailed}}}
	wantError(t, one, "deleting topic orders on cluster east: TOPIC_AUTHORIZATION_FAILED")
	some := &DeleteError{"east", 3, []NotDeleted{{Topic: "orders", Err: kerr.TopicAuthorizationFailed}, {Topic: "users", Err: context.DeadlineExceeded, Maybe: true}}}
	wantError(t, some, "deleting topics on cluster east: 2 of 3 are not gone, the first, orders: TOPIC_AUTHORIZATION_FAILED")
	if !errors.Is(some, kerr.TopicAuthorizationFailed) || !errors.Is(some, context.DeadlineExceeded) || errors.Is(one, context.DeadlineExceeded) {
		t.Error("the causes are not those")
	}
}
