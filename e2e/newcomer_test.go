package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/browsertest"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
)

// hostileText is what a record must not be able to do to a page.
const hostileText = `<img src=x onerror="alert(1)"><script>alert(2)</script>` + "\u202egpj.exe"

// newcomer is somebody who has never seen the pages, with three brokers.
type newcomer struct {
	*browsertest.Browser
	t     *testing.T
	kafka *kafkatest.Cluster
	c     *cluster.Cluster
	url   string
}

// TestNewcomer walks from the first page by clicks alone: which topic grows fastest,
// where a group is behind, what the last ten records of a topic are, how a wrong
// reset is undone, and which broker is down.
func TestNewcomer(t *testing.T) {
	if testing.Short() {
		t.Skip("NO REAL KAFKA: -short is set")
	}
	kafka := kafkatest.Start(t, kafkatest.Brokers(3))
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "main", Bootstrap: strings.Split(kafka.Bootstrap(), ",")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	n := &newcomer{t: t, kafka: kafka, c: c}
	n.furnish()
	_, n.url = up(t, configure(t, fmt.Sprintf("data_dir: %s\nweb: {listen: '127.0.0.1:0'}\nclusters: {main: {bootstrap: [%s]}}\n", t.TempDir(), kafka.Bootstrap())))
	n.Browser = browsertest.New(t)
	n.Dress(1440, 900, "light")
	n.growing()    // which topic grows fastest
	n.behind()     // where a group is behind
	n.lastTen()    // the last ten records
	n.hostile()    // what others have written
	n.undo()       // undo a wrong reset
	n.brokerDown() // which broker is down
}

var longName = strings.Repeat("a-topic-with-a-very-long-name.", 8) + "249-bytes"

// furnish makes topics, records and groups, and a producer that goes on until the
// test ends.
func (n *newcomer) furnish() {
	ctx, t := n.t.Context(), n.t
	for _, topic := range []cluster.Topic{{Name: "orders", Partitions: 3, Replication: 3}, {Name: "clicks", Partitions: 3, Replication: 3}, {Name: "slow", Partitions: 1, Replication: 3},
		{Name: longName, Partitions: 1, Replication: 3},
		{Name: "strange", Partitions: 1, Replication: 3, Configs: map[string]string{"max.message.bytes": "31457280"}}} {
		if _, _, err := n.c.EnsureTopic(ctx, topic); err != nil {
			t.Fatal(err)
		}
	}
	client, err := n.c.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(30<<20), kgo.BrokerMaxWriteBytes(100<<20), kgo.MaxBufferedBytes(200<<20))
	if err != nil {
		t.Fatal(err)
	}
	var records []*kgo.Record
	began := time.Now().Add(-time.Hour)
	for i := range 90 {
		records = append(records, &kgo.Record{Topic: "orders", Partition: int32(i % 3), Key: fmt.Appendf(nil, "order-%03d", i), Value: fmt.Appendf(nil, `{"id":%d}`, i), Timestamp: began.Add(time.Duration(i) * time.Second)})
	}
	for i, value := range [][]byte{[]byte(hostileText), {0xff, 0xfe, 0, 1}, bytes.Repeat([]byte("x"), 20<<20), nil} {
		records = append(records, &kgo.Record{Topic: "strange", Key: []byte(hostileText), Value: value, Timestamp: began.Add(time.Duration(i) * time.Second),
			Headers: []kgo.RecordHeader{{Key: hostileText, Value: []byte(hostileText)}}})
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for group, at := range map[string][]int64{"billing": {30, 28, 5}, "shipping": {30, 30, 29}} {
		var offsets []cluster.GroupOffset
		for p, offset := range at {
			offsets = append(offsets, cluster.GroupOffset{Topic: "orders", Partition: int32(p), At: offset})
		}
		if err := n.c.CommitOffsets(ctx, group, offsets); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var going sync.WaitGroup
	going.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			for j := range 20 {
				client.Produce(ctx, &kgo.Record{Topic: "clicks", Partition: int32(j % 3), Value: []byte(`{"page":"/"}`)}, nil)
			}
			if i%5 == 0 {
				client.Produce(ctx, &kgo.Record{Topic: "slow", Value: []byte("tick")}, nil)
			}
		}
	})
	t.Cleanup(func() { cancel(); going.Wait(); client.Close() })
}

// begin opens the first page.
func (n *newcomer) begin() {
	n.t.Helper()
	n.Do(chromedp.Navigate(n.url + "/ui"))
	n.Until(`document.querySelectorAll("#clusters tbody tr").length === 1`)
}

// click clicks what has that text, and waits until js holds: on the page that it
// leads to.
func (n *newcomer) click(text, js string) {
	n.t.Helper()
	n.eventually(`(() => {
		const e = [...document.querySelectorAll("a, button, summary")].filter(e => e.offsetParent).find(e => e.textContent.trim() === ` + fmt.Sprintf("%q", text) + `);
		if (e) setTimeout(() => e.click());
		return !!e;
	})()`)
	n.eventually(`document.readyState === "complete" && (() => { try { return !!(` + js + `) } catch { return false } })()`)
}

// eventually is Until for what leads to another page meanwhile.
func (n *newcomer) eventually(js string) {
	n.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < 20*time.Second; <-tick.C {
		// An error says that the page has just gone.
		if ok, err := chromedp.Run(n.Ctx, chromedp.Evaluate[bool](js)); err == nil && ok {
			return
		}
	}
	text, _ := chromedp.Run(n.Ctx, chromedp.Evaluate[string]("location.href + document.body.innerText.slice(0, 2000)"))
	n.t.Fatalf("waiting for %s: the page says %q", js, text)
}

func (n *newcomer) growing() {
	n.begin()
	n.click("main", `document.querySelector("#growing tbody th").textContent.trim() === "clicks"`)
	n.Shot("newcomer-cluster")
	n.click("clicks", `document.querySelector("h1").textContent.trim() === "clicks"`)
	n.Quiet(n.url)
}

func (n *newcomer) behind() {
	n.begin()
	n.click("main", `document.querySelector("#behind tbody th").textContent.trim() === "billing"`)
	n.click("billing", `document.querySelectorAll("#group tbody tr").length === 3`)
	worst := browsertest.Eval[string](n.Browser, `[...document.querySelectorAll("#group tbody tr")].map(r => [...r.children].map(c => c.textContent.trim())).sort((a, b) => b[2] - a[2])[0].slice(0, 3).join(" ")`)
	if worst != "orders 2 25" {
		n.t.Errorf("furthest behind is %q, want partition 2 of orders by 25", worst)
	}
	n.Shot("newcomer-group")
	n.Quiet(n.url)
}

func (n *newcomer) lastTen() {
	n.begin()
	n.click("Topics", `[...document.querySelectorAll("#topics tbody th")].some(e => e.textContent.trim() === "orders")`)
	n.click("orders", `document.querySelector("h1").textContent.trim() === "orders"`)
	n.click("Records", `document.querySelectorAll(".recs > li").length === 50`)
	keys := browsertest.Eval[string](n.Browser, `[...document.querySelectorAll(".recs .r-key")].slice(0, 10).map(e => e.textContent.replace("key", "").trim()).join(" ")`)
	if want := "order-089 order-088 order-087 order-086 order-085 order-084 order-083 order-082 order-081 order-080"; keys != want {
		n.t.Errorf("the newest are %q, want %q", keys, want)
	}
	n.Do(chromedp.Click(chromedp.CSS(".recs summary")))
	n.Until(`document.querySelector(".recs details").open && document.querySelector(".recs .rec").innerText.includes('"id": 89')`)
	n.Shot("newcomer-records")
	n.click("Older records ›", `document.querySelectorAll(".recs > li").length === 40 && document.querySelector(".recs .r-key").textContent.includes("order-039")`)
	n.Quiet(n.url)
}

// hostile: names and values of any kind do nothing to the pages that show them.
func (n *newcomer) hostile() {
	n.Do(chromedp.Navigate(n.url + "/ui/c/main/topics/strange/records"))
	n.Until(`document.querySelectorAll(".recs > li").length === 4`)
	if browsertest.Eval[int](n.Browser, `document.querySelectorAll("main img, main script").length`) != 0 {
		n.t.Error("a value became an element of the page")
	}
	if text := browsertest.Eval[string](n.Browser, `document.querySelector("#r-0-0 .body").textContent`); !strings.HasPrefix(text, "<img src=x") || strings.Contains(text, "\u202e") {
		n.t.Errorf("the value is shown as %q", text)
	}
	if text := browsertest.Eval[string](n.Browser, `document.querySelector("#r-0-1").textContent`); !strings.Contains(text, "fffe0001") {
		n.t.Errorf("bytes that are no text are shown as %q", text)
	}
	got := browsertest.Eval[string](n.Browser, `fetch(document.querySelector("#r-0-2 a[href$='/value']").href).then(r => r.blob()).then(b => document.body.dataset.got = b.size); "asked"`)
	n.Until(`document.body.dataset.got === "` + fmt.Sprint(20<<20) + `"`)
	if size := browsertest.Eval[int](n.Browser, `document.documentElement.outerHTML.length`); got != "asked" || size > 100_000 {
		n.t.Errorf("a page with a record of 20 MB has %d characters", size)
	}
	n.Shot("newcomer-strange")
	n.Do(chromedp.Navigate(n.url + "/ui/c/main/topics/" + url.PathEscape(longName) + "/records"))
	n.Until(`document.querySelector("#records .empty") !== null && document.documentElement.scrollWidth <= 1440`)

	// A search for what the records hold, from its form.
	n.Do(chromedp.Navigate(n.url + "/ui/c/main/topics/strange/records"))
	n.click("Search in this topic", `document.querySelector("#browse details").open`)
	n.Do(chromedp.SendKeys(chromedp.CSS("#s-filter"), "<script>"))
	n.click("Search", `document.querySelector("#head .badge").textContent.includes("done") && document.querySelectorAll("#matches tbody tr").length === 4`)
	n.Quiet(n.url)
}

// committed is where billing stands.
func (n *newcomer) committed() string {
	n.t.Helper()
	g, err := n.c.Group(n.t.Context(), "billing")
	if err != nil {
		n.t.Fatal(err)
	}
	return fmt.Sprint(g.Offsets)
}

func (n *newcomer) undo() {
	before := n.committed()
	n.begin()
	n.click("Groups", `[...document.querySelectorAll("#groups tbody th")].some(e => e.textContent.trim() === "billing")`)
	n.click("billing", `document.querySelectorAll("#group tbody tr").length === 3`)
	n.click("Plan a reset", `document.getElementById("to") !== null`)
	n.Do(chromedp.SendKeys(chromedp.CSS("#to"), "the beginning"))
	n.click("Show the plan", `document.querySelectorAll("#plan tbody tr").length === 3 && document.querySelector("#plan").innerText.includes("weir groups reset") === false`)
	n.Shot("newcomer-plan")
	if got := n.committed(); got != before {
		n.t.Errorf("looking at a plan has moved the group from %s to %s", before, got)
	}
	n.click("Do it: reset the group billing", `document.querySelector("#result .badge").textContent.includes("done")`)
	if got := n.committed(); got == before {
		n.t.Error("the reset has moved nothing")
	}
	n.click("Plan the undo", `document.querySelectorAll("#plan tbody tr").length === 3`)
	n.click("Do it: reset the group billing", `document.querySelector("#result .badge").textContent.includes("done")`)
	if got := n.committed(); got != before {
		n.t.Errorf("after the undo the group is at %s, before it was at %s", got, before)
	}
	n.click("Who did what to it", `[...document.querySelectorAll("#actions tbody tr")].filter(r => r.innerText.includes("done") && r.innerText.includes("page") && r.innerText.includes("group-reset")).length === 2`)
	n.Shot("newcomer-actions")
	n.Quiet(n.url)
}

// shownWithin is how soon a broker's end has to show: the look at the cluster that is
// under way when it dies may be one period old, and one request of it may wait.
const shownWithin = 12 * time.Second

func (n *newcomer) brokerDown() {
	n.begin()
	n.click("main", `document.getElementById("live").textContent === "live" && document.querySelectorAll("#brokers tbody tr").length === 3`)
	browsertest.Eval[bool](n.Browser, `window.notReloaded = true`)
	down := `[...document.querySelectorAll("#brokers tbody tr")].filter(r => r.innerText.includes("down")).map(r => r.querySelector("th").innerText).join()`
	n.kafka.KillBroker(3)
	began := time.Now()
	n.Until(down + `.includes("3") && !` + down + `.includes("2")`)
	took := time.Since(began)
	if n.t.Logf("broker 3 is shown down after %v", took); took > shownWithin {
		n.t.Errorf("it took longer than %v", shownWithin)
	}
	n.Shot("newcomer-broker-down")
	n.kafka.RestartBroker(3)
	n.Until(down + ` === ""`)
	if !browsertest.Eval[bool](n.Browser, `window.notReloaded === true`) {
		n.t.Error("the page was reloaded")
	}
	n.Quiet(n.url)
}
