package state

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/weirhq/weir/internal/wire"
)

// topic makes the records of n subjects with some versions each, of about size
// bytes of text; every text is another one.
func topic(n, versions, size int) (records []Record, text int) {
	id := 0
	for i := range n {
		for v := 1; v <= versions; v++ {
			id++
			var b strings.Builder
			fmt.Fprintf(&b, "n%d int", id)
			for f := 0; b.Len() < size; f++ {
				fmt.Fprintf(&b, ";field_%d string=", f)
			}
			text += b.Len()
			value := wire.SchemaValue{Subject: fmt.Sprintf("subject-%d-value", i), Version: v, ID: id, Schema: b.String()}
			records = append(records, Record{[]byte(spell(schemaKey(use{value.Subject, v}))), wire.AppendSchemaValue(nil, value)})
		}
	}
	return records, text
}

func load(t testing.TB, records []Record) *State {
	s := New(toys, "")
	for i, r := range records {
		if err := s.Apply(r.Key, r.Value, int64(i)); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
	return s
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestMemory: at most three times the text and 400 bytes for each version, all
// identities computed.
func TestMemory(t *testing.T) {
	records, text := topic(1000, 5, 500)
	before := heap()
	s := load(t, records)
	s.Index(len(records))
	s.parsed.clear()
	used := heap() - before
	limit := 3*text + 400*len(records)
	t.Logf("%d bytes per version beside its text of %d", (used-text)/len(records), text/len(records))
	if used > limit || used < text {
		t.Errorf("%d bytes in use for %d of text in %d versions, limit %d", used, text, len(records), limit)
	}
	runtime.KeepAlive(s)
	runtime.KeepAlive(records)
}

// BenchmarkLoad loads 10,000 subjects with 5 versions each.
func BenchmarkLoad(b *testing.B) {
	records, _ := topic(10_000, 5, 2000)
	before := heap()
	for b.Loop() {
		s := load(b, records)
		b.ReportMetric(float64(heap()-before)/1e6, "MB")
		runtime.KeepAlive(s)
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/load")
}

func BenchmarkRegister(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n, " schemas"), func(b *testing.B) {
			records, _ := topic(n, 1, 200)
			s := load(b, records)
			s.Index(n)
			i := 0
			for b.Loop() {
				i++
				over := s.Overlay()
				planned, _, err := Plan(Register{Subject: fmt.Sprintf("subject-%d-value", i%n), Schema: fmt.Sprintf("a int=;b%d int=", i)}, over)
				if err != nil {
					b.Fatal(err)
				}
				for _, r := range planned {
					if err := s.Apply(r.Key, r.Value, 0); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
