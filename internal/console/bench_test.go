package console

import (
	"context"
	"testing"
	"time"
)

// One rendering of a watched page: reading the API in process and making all
// fragments of a topic with 400 windows.
func BenchmarkRender400(b *testing.B) {
	c, err := New(Config{API: sampleAPI(400, 10*time.Minute)})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		n := c.load(context.Background(), key{}, at(0, 0))
		if _, err := c.render.fragments(n.parts(key{}, at(0, 0))); err != nil {
			b.Fatal(err)
		}
	}
}
