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
	p := auditPage()
	a := address{page: p}
	for b.Loop() {
		n := p.load(context.Background(), c.api, a, at(0, 0))
		if _, err := c.render.fragments(p.parts(a, n, at(0, 0))); err != nil {
			b.Fatal(err)
		}
	}
}
