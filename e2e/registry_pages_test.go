package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/weirhq/weir/internal/browsertest"
)

// A schema's life by the pages alone, against the real registry: it is registered with a
// look at what would happen, refused with a record that would break, let in by a change
// of the level, found, deleted, and all of it is in the history and in the actions log.
func TestRegistryPages(t *testing.T) {
	_, url := up(t, configure(t, fmt.Sprintf("data_dir: %s\nweb: {listen: '127.0.0.1:0'}\nclusters: {local: {embedded: {listen: '%s'}}}\n", t.TempDir(), freeAddr(t))))
	n := &newcomer{Browser: browsertest.New(t), t: t, url: url}
	n.Dress(1440, 900, "light")
	n.Do(chromedp.Navigate(url + "/ui/registry"))
	n.eventually(`document.querySelector("#subjects")?.innerText.includes("There are no subjects yet")`)
	write := func(schema string) {
		t.Helper()
		browsertest.Eval[bool](n.Browser, fmt.Sprintf(`document.getElementById("subject").value = "orders-value"; document.getElementById("schema-text").value = %q; true`, schema))
	}
	const (
		wrong  = `{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "lnog"}]}`
		first  = `{"type": "record", "name": "Order", "doc": "what somebody has bought", "fields": [{"name": "id", "type": "long"}]}`
		second = `{"type": "record", "name": "Order", "doc": "what somebody has bought", "fields": [{"name": "id", "type": "long"}, {"name": "total", "type": "double"}]}`
	)
	n.click("Register a schema", `document.getElementById("schema-text")`)
	write(wrong)
	n.click("Check it", `document.getElementById("wrong").innerText.includes("lnog") && document.getElementById("schema-text").value.includes("lnog")`)
	write(first)
	n.click("Check it again", `document.querySelector("#preflight .badge").innerText.includes("would be version 1")`)
	n.Do(chromedp.SendKeys(chromedp.CSS("#reason"), "the first of them"))
	n.Shot("registry-preflight")
	n.click("Register as version 1", `document.querySelector("#result").innerText.includes("It is version 1, with the id 1.")`)

	n.click("The subject", `document.querySelector("#history").innerText.includes("the first of them") && document.querySelector("#history").innerText.includes("127.0.0.1")`)
	n.click("Register the next version", `document.getElementById("schema-text").value.includes('"name": "Order"')`)
	n.click("Check it", `document.querySelector("#preflight .badge").innerText.includes("is there already")`)
	write(second)
	n.click("Check it again", `document.querySelector("#preflight .badge").innerText.includes("not compatible") && document.querySelector("#preflight pre").innerText.includes('"id"') && document.querySelectorAll(".diff .d-added").length > 0`)
	n.Shot("registry-incompatible")

	n.Do(chromedp.Navigate(url + "/ui/registry/subjects/orders-value"))
	n.click("Settings", `document.getElementById("level")`)
	n.Do(chromedp.SendKeys(chromedp.CSS("#level"), "NONE"))
	n.click("Show the plan of the level", `document.querySelector("#plan table").innerText.includes("NONE")`)
	n.click("Do it: set the compatibility of orders-value", `document.querySelector("#result .badge").innerText.includes("done")`)
	n.click("The subject", `document.querySelector("#head").innerText.includes("set for this subject")`)
	n.click("Register the next version", `document.getElementById("schema-text")`)
	write(second)
	n.click("Check it", `document.querySelector("#preflight .badge").innerText.includes("would be version 2")`)
	n.click("Register as version 2", `document.querySelector("#result").innerText.includes("It is version 2, with the id 2.")`)
	n.click("Who did what to it", `[...document.querySelectorAll("#actions tbody tr")].filter(r => r.innerText.includes("page") && r.innerText.includes("done") && r.innerText.includes("schema-")).length === 3`)
	n.Shot("registry-actions")

	// The way back: the version and the level.
	n.Do(chromedp.Navigate(url + "/ui/registry/subjects/orders-value"))
	n.click("Delete version 2", `document.querySelector("#plan table").innerText.includes("deleted softly")`)
	n.click("Do it: delete version 2 of orders-value", `document.querySelector("#result .badge").innerText.includes("done")`)
	n.click("Delete for good", `document.getElementById("name")`)
	n.Do(chromedp.SendKeys(chromedp.CSS("#name"), "orders-value"))
	n.click("Do it: delete for good version 2 of orders-value", `document.querySelector("#result").innerText.includes("can not be undone")`)
	n.Do(chromedp.Navigate(url + "/ui/registry/subjects/orders-value/settings?set=compatibility&to=unset"))
	n.eventually(`document.querySelector("#plan table")?.innerText.includes("nothing")`)
	n.click("Do it: unset the compatibility of orders-value", `document.querySelector("#result .badge").innerText.includes("done")`)
	n.click("The subject", `document.querySelector("#head").innerText.includes("of the whole registry") && !document.querySelector("#head").innerText.includes("set for this subject") && document.querySelectorAll("#history tbody tr").length >= 5`)
	n.Shot("registry-subject")

	n.Do(chromedp.Navigate(url + "/ui/registry/search?q=somebody"))
	n.eventually(`document.querySelector("#hits")?.innerText.includes("orders-value")`)
	n.Do(chromedp.Navigate(url + "/ui/registry/warnings"))
	n.eventually(`document.querySelector("#head .badge")?.innerText.includes("writes")`)
	n.Do(chromedp.Navigate(url + "/ui/registry/takeover"))
	n.eventually(`document.querySelector("#plan")?.innerText.includes("There is nothing to take over.")`)
	n.Shot("registry-takeover")
}

// Who uses a schema: the topics of both tiers, by the ids in their newest records, and
// who reads them.
func TestRegistryUsage(t *testing.T) {
	p := start(t, "demo", "--listen", "127.0.0.1:0")
	url := p.url(t)
	var got struct {
		Topics []struct {
			Cluster, Field, Error string
			Sampled, Plain        int
			IDs                   []struct{ ID, Count, Version int }
		}
	}
	eventually(t, "both tiers use the schema", func() bool {
		got.Topics = nil
		resp, err := http.Get(url + "/api/v1/registry/usage?subject=page-views-value")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		if json.NewDecoder(resp.Body).Decode(&got) != nil || len(got.Topics) != 2 {
			return false
		}
		for _, u := range got.Topics {
			if u.Error != "" || u.Field != "value" || u.Sampled < 100 || u.Plain != 0 || len(u.IDs) != 1 || u.IDs[0].Count != u.Sampled || u.IDs[0].Version != 1 {
				return false
			}
		}
		return got.Topics[0].Cluster == "aggregate" && got.Topics[1].Cluster == "local"
	})
}
