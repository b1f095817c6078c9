package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/weirhq/weir/internal/browsertest"
)

// countsSeen says whether the page shows a count above 0 at all three tiers.
const countsSeen = `(() => {
	const counts = [...document.querySelectorAll(".river .tier .count")].map(e => Number(e.textContent.replaceAll(",", "")));
	return counts.length === 3 && counts.every(n => n > 0);
})()`

// pageWithin is how soon a newcomer sees events at all three tiers.
const pageWithin = 10 * time.Second

// From nothing, the page shows records at every tier, without a reload, while the
// demo runs; at its end it shows the lost window. Nothing is asked of any other
// host.
func TestPage(t *testing.T) {
	b := browsertest.New(t)
	began := time.Now()
	p := start(t, "demo", "--listen", "127.0.0.1:0", "--rate", "2500", "--drop", "7", "--duplicate", "5")
	url := p.url(t)
	// The first lines are printed before everything serves.
	p.wait(t, "mirror starts")
	b.Do(chromedp.Navigate(url + "/ui/audit"))
	b.Until(countsSeen)
	if took := time.Since(began); took > pageWithin {
		t.Errorf("counts at all tiers after %v, wanted within %v", took, pageWithin)
	} else {
		t.Logf("counts at all tiers after %v", took)
	}
	p.wait(t, "Still serving")
	b.Until(`document.querySelectorAll("#views li").length === 5`)
	b.Until(`document.querySelectorAll(".cell.lost").length === 1 && document.querySelectorAll(".cell.open").length === 0`)
	for _, width := range []int64{1440, 390} {
		for _, scheme := range []string{"light", "dark"} {
			b.Dress(width, 900, scheme)
			b.Do(chromedp.Navigate(url + "/ui/audit"))
			b.Until(countsSeen)
			b.Shot(fmt.Sprintf("demo-%d-%s", width, scheme))
			b.Do(chromedp.Navigate(url + browsertest.Eval[string](b, `document.querySelector(".cell.lost").getAttribute("href")`)))
			b.Until(`document.body.innerText.includes("7 lost")`)
			b.Shot(fmt.Sprintf("demo-lost-%d-%s", width, scheme))
		}
	}
	b.Quiet(url)
}
