package fleet

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/actions"
	"github.com/weirhq/weir/internal/kafkatest"
)

// Three brokers: what an embedded engine does not have.
func TestThreeBrokers(t *testing.T) {
	if testing.Short() {
		t.Skip("NO REAL KAFKA: -short is set")
	}
	kafka := kafkatest.Start(t, kafkatest.Brokers(3), kafkatest.Racks("a", "b", "c"))
	h := start(t, kafka.Bootstrap())
	h.ready()
	created := h.change(Change{Kind: TopicCreate, Topic: "orders", Partitions: 6})
	if got := created.Plan.Steps[0].After; got != "6 partitions, 3 replicas" {
		t.Errorf("created with %s", got)
	}
	for p := range int32(6) {
		h.produce("orders", p, 10)
	}
	h.refusals()
	h.transactions()
	h.consumerProtocol()

	rate := func() float64 {
		var list ClusterList
		h.get("/api/v1/clusters", &list)
		return list.Clusters[0].RecordsPerSecond
	}
	h.eventually("the rate shows", func() bool { h.produce("orders", 0, 10); return rate() > 0 })

	var broker struct {
		BrokerRow
		Partitions []BrokerPartition
		Configs    []ConfigRow
		Total      int
	}
	h.eventually("the broker has its replicas", func() bool {
		h.get("/api/v1/clusters/east/brokers/3?limit=1000", &broker)
		return broker.Bytes > 0 && broker.Replicas == len(broker.Partitions)
	})
	if broker.Rack != "c" || broker.Total != broker.Replicas || len(broker.LogDirs) != 1 || broker.LogDirs[0].Total <= 0 || configOf("broker.rack", broker.Configs).Source != "static" {
		t.Errorf("%+v", broker)
	}
	h.brokerDown(kafka)
}

// refusals are of the cluster itself, which is asked to try.
func (h *house) refusals() {
	h.t.Helper()
	for says, c := range map[string]Change{
		"soon":           {Kind: TopicConfig, Topic: "orders", Set: map[string]string{"retention.ms": "soon"}},
		"new partitions": {Kind: TopicAlter, Topic: "orders", Partitions: 2_000_000},
		"cleanup.policy": {Kind: TopicCreate, Topic: "users", Partitions: 1, Set: map[string]string{"cleanup.policy": "keep"}},
		"did you mean":   {Kind: TopicCreate, Topic: "users", Partitions: 1, Set: map[string]string{"cleanup.polcy": "compact"}},
		"replicas":       {Kind: TopicCreate, Topic: "users", Partitions: 1, Replication: 4},
		"takes no topic": {Kind: TopicCreate, Topic: "no name", Partitions: 1},
	} {
		status, body := h.ask(http.MethodPost, "/api/v1/clusters/east/plan", c)
		if status != http.StatusUnprocessableEntity || !strings.Contains(string(body), says) {
			h.t.Errorf("%+v: %d %s, want %q", c, status, body, says)
		}
	}
}

func (h *house) transactions() {
	h.t.Helper()
	client, err := h.cluster.Client(kgo.TransactionalID("tx"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		h.t.Fatal(err)
	}
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		h.t.Fatal(err)
	}
	if err := client.ProduceSync(h.t.Context(), &kgo.Record{Topic: "orders", Partition: 4}).FirstErr(); err != nil {
		h.t.Fatal(err)
	}
	var list struct {
		Producers []ProducerRow
		Problems  []string
	}
	open := func() (open []ProducerRow) {
		h.get("/api/v1/clusters/east/topics/orders/producers?limit=1000", &list)
		for _, p := range list.Producers {
			if p.TransactionStart >= 0 {
				open = append(open, p)
			}
		}
		return open
	}
	if got := open(); len(got) != 1 || got[0].Partition != 4 || got[0].TransactionStart != 10 || len(list.Producers) != 7 || len(list.Problems) != 0 {
		h.t.Errorf("producers: %+v, problems %q", list.Producers, list.Problems)
	}
	if err := client.EndTransaction(h.t.Context(), kgo.TryAbort); err != nil {
		h.t.Fatal(err)
	}
	h.eventually("no transaction is open", func() bool { return len(open()) == 0 })
}

// consumerProtocol is a group of KIP-848, which is described by another request.
func (h *house) consumerProtocol() {
	h.t.Helper()
	stop := h.consume("orders", "next", 60, kgo.ServerSideBalancer())
	defer stop()
	h.eventually("the group of the new protocol shows", func() bool {
		var list struct{ Groups []GroupRow }
		h.get("/api/v1/clusters/east/groups?contains=next", &list)
		return len(list.Groups) == 1 && list.Groups[0].Type == "consumer" && list.Groups[0].Members == 1 && list.Groups[0].Partitions == 6 && list.Groups[0].Lag >= 0
	})
	g := h.group("next")
	if len(g.Members) != 1 || len(g.Members[0].Partitions) != 1 || len(g.Rows) != 6 || g.Rows[0].Member == "" {
		h.t.Errorf("%+v", g)
	}
}

// brokerDown shows in the rows within a refresh or two, and so does its return;
// changes go on.
func (h *house) brokerDown(kafka *kafkatest.Cluster) {
	h.t.Helper()
	summary := func() ClusterSummary {
		var list ClusterList
		h.get("/api/v1/clusters", &list)
		return list.Clusters[0]
	}
	h.eventually("all is well", func() bool { return summary().Health == "ok" })
	kafka.KillBroker(3)
	h.eventually("a killed broker shows", func() bool {
		s := summary()
		return s.State == "up" && s.Health == "degraded" && s.BrokersDown == 1 && slices.Contains(s.Reasons, "1 broker is down") && s.UnderReplicated > 0
	})
	var brokers struct{ Brokers []BrokerRow }
	h.get("/api/v1/clusters/east/brokers", &brokers)
	if b := brokers.Brokers[2]; b.State != "down" || b.Error == "" || b.UnderReplicated == 0 {
		h.t.Errorf("%+v", b)
	}
	h.eventually("the group has another coordinator, or its row says why not", func() bool {
		var list struct{ Groups []GroupRow }
		h.get("/api/v1/clusters/east/groups?contains=next", &list)
		return len(list.Groups) == 1
	})
	h.change(Change{Kind: TopicDelete, Topic: "orders"})
	kafka.RestartBroker(3)
	h.eventually("its return shows", func() bool { s := summary(); return s.Health == "ok" && s.BrokersDown == 0 })
	if v, err := actions.Verify(h.t.Context(), h.cluster); err != nil || len(v.Findings) > 0 || v.Records != 4 {
		h.t.Error(fmt.Sprint(v, err))
	}
}
