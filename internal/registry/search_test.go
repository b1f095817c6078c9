package registry

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// searchAll goes through all pages of a search.
func searchAll(t *testing.T, ask func(method, path, body string) (int, string), query string) (lines []string) {
	t.Helper()
	after := ""
	for pages := 0; ; pages++ {
		status, reply := ask("GET", "/api/v1/registry/search?"+query+"&after="+url.QueryEscape(after), "")
		var a SearchAnswer
		if err := json.Unmarshal([]byte(reply), &a); status != 200 || err != nil || pages > 1000 {
			t.Fatalf("%s: %d %s", query, status, reply)
		}
		for _, h := range a.Hits {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s/%d %s %s %s %s", h.Subject, h.Version, h.Type, h.Where, h.Path, h.Text)))
		}
		if after = a.Next; after == "" {
			return lines
		}
	}
}

func TestSearch(t *testing.T) {
	s := start(t, &memLog{})
	ask := asks(t, s)
	for _, r := range [][2]string{
		{"orders-value", `{"schema":"{\"type\":\"record\",\"name\":\"shop.Order\",\"doc\":\"An order\",\"fields\":[{\"name\":\"Total\",\"type\":\"long\",\"doc\":\"in cents, caf\\u00e9\",\"default\":0}]}"}`},
		{"orders-value", `{"schema":"{\"type\":\"record\",\"name\":\"shop.Order\",\"doc\":\"An order\",\"fields\":[{\"name\":\"sum\",\"type\":\"long\",\"default\":0}]}"}`},
		{":.eu:j", `{"schemaType":"JSON","schema":"{\"title\":\"ORDERING\",\"properties\":{\"total/net\":{\"type\":\"integer\"},\"string\":true}}"}`},
		{"p", `{"schemaType":"PROTOBUF","schema":"syntax = \"proto3\"; package shop; message Bill { int64 total = 1; string order_id = 2; }"}`},
		{"gone-orders", `{"schema":"\"int\""}`},
	} {
		if status, reply := ask("POST", "/subjects/"+r[0]+"/versions", r[1]); status != 200 {
			t.Fatal(reply)
		}
	}
	if status, reply := ask("DELETE", "/subjects/gone-orders", ""); status != 200 {
		t.Fatal(reply)
	}
	f := func(query string, want ...string) {
		t.Helper()
		for _, limit := range []string{"", "&limit=1", "&limit=2"} {
			if diff := cmp.Diff(want, searchAll(t, ask, query+limit)); diff != "" {
				t.Errorf("%s%s (-want +got):\n%s", query, limit, diff)
			}
		}
	}
	f("q=order", ":.eu:j/1 JSON doc # ORDERING", "orders-value/2 AVRO subject  orders-value",
		"orders-value/2 AVRO type shop.Order shop.Order", "orders-value/2 AVRO doc shop.Order An order", "p/1 PROTOBUF field shop.Bill.order_id order_id")
	f("q=TOTAL", ":.eu:j/1 JSON field #/properties/total~1net total/net", "p/1 PROTOBUF field shop.Bill.total total")
	f("q=total&versions=all", ":.eu:j/1 JSON field #/properties/total~1net total/net", "orders-value/1 AVRO field shop.Order.Total Total", "p/1 PROTOBUF field shop.Bill.total total")
	f("q=shop.bill.t", "p/1 PROTOBUF field shop.Bill.total total")
	f("q="+url.QueryEscape("CAFÉ")+"&versions=all", "orders-value/1 AVRO doc shop.Order.Total in cents, café")
	f("q=string", ":.eu:j/1 JSON field #/properties/string string")
	f("q=record")
	for _, bad := range []string{"q=", "", "q=x&limit=0", "q=x&after=%21", "q=x&after=bm8", "q=x&versions=some"} {
		if status, reply := ask("GET", "/api/v1/registry/search?"+bad, ""); status != 400 && status != 422 {
			t.Errorf("%s: %d %s", bad, status, reply)
		}
	}
}

// What can not be searched in time is not lost: an answer says where to go on.
func TestSearchInPieces(t *testing.T) {
	s := start(t, &memLog{})
	for i := range 2000 {
		schema := fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"needle%d","type":"string","default":""}]}`, i, i%7)
		if _, err := s.put(t.Context(), fmt.Sprintf("s%04d", i), schema); err != nil {
			t.Fatal(err)
		}
	}
	ask := asks(t, s)
	if got := searchAll(t, ask, "q=NEEDLE3&limit=1000"); len(got) != 286 || !strings.HasPrefix(got[0], "s0003/1 ") {
		t.Errorf("%d hits, the first %v", len(got), got[:min(1, len(got))])
	}
	if got := searchAll(t, ask, "q=fields"); len(got) != 0 {
		t.Errorf("%v", got)
	}
	s.found.mu.Lock()
	kept, bytes := len(s.found.said), s.found.bytes
	s.found.mu.Unlock()
	if kept != 2000 || bytes > maxSearchIndex {
		t.Errorf("%d schemas are kept, %d bytes", kept, bytes)
	}
}

func TestAround(t *testing.T) {
	long := strings.Repeat("é", 500) + "Here" + strings.Repeat("ü", 500)
	if got := around(long, "here"); len([]rune(got)) != 300 || !strings.Contains(got, "Here") {
		t.Errorf("%q", got)
	}
	if got := around("short", "x"); got != "short" {
		t.Errorf("%q", got)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(cursor{"s", 3, 1}.String())
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCursor(text)
		if err != nil {
			return
		}
		if again, err := parseCursor(c.String()); err != nil || c.Skip < 0 || again.Version != c.Version || again.Skip != c.Skip {
			t.Errorf("%q gives %+v, then %+v, %v", text, c, again, err)
		}
	})
}

func BenchmarkSearch10000(b *testing.B) {
	l := &memLog{}
	for i := range 10_000 {
		name := fmt.Sprintf("subject-%05d-value", i)
		var fields []string
		for j := range 20 {
			fields = append(fields, fmt.Sprintf(`{\"name\":\"field_%d_%d\",\"type\":\"string\",\"doc\":\"what field %d holds\"}`, i, j, j))
		}
		text := fmt.Sprintf(`{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[%s]}`, i, strings.Join(fields, ","))
		value := fmt.Sprintf(`{"subject":%q,"version":1,"id":%d,"schema":"%s","deleted":false}`, name, i+1, text)
		l.records = append(l.records, [2][]byte{[]byte(key(name, 1)), []byte(value)})
	}
	s, err := newLocal(Config{}, l)
	if err == nil {
		err = s.Load(b.Context())
	}
	if err != nil {
		b.Fatal(err)
	}
	for _, q := range []string{"field_9999_7", "record", "what field"} {
		b.Run(q, func(b *testing.B) {
			slowest := time.Duration(0)
			for b.Loop() {
				began := time.Now()
				if _, err := s.getSearch(b.Context(), &searchInput{Q: q, Limit: 50}); err != nil {
					b.Fatal(err)
				}
				slowest = max(slowest, time.Since(began))
			}
			b.ReportMetric(slowest.Seconds()*1000, "slowest-ms")
		})
	}
}
