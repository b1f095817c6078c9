package fleet

import (
	"fmt"
	"slices"
	"time"

	"github.com/weirhq/weir/internal/cluster"
)

// ClusterSummary is what the list of clusters says of one.
type ClusterSummary struct {
	Name             string   `json:"name"`
	ID               string   `json:"id" doc:"Kafka's own id, empty until the cluster has answered."`
	State            string   `json:"state" enum:"up,down,unknown"`
	Error            string   `json:"error" doc:"Why the cluster is down."`
	Health           string   `json:"health" enum:"ok,degraded,down,unknown"`
	Reasons          []string `json:"reasons" doc:"Why health is not ok."`
	Home             bool     `json:"home"`
	Embedded         bool     `json:"embedded"`
	Bootstrap        []string `json:"bootstrap"`
	Datacenter       string   `json:"datacenter"`
	Tier             string   `json:"tier"`
	AgeMillis        int64    `json:"age_ms" doc:"How old these numbers are; -1: there are none yet."`
	Brokers          int      `json:"brokers"`
	BrokersDown      int      `json:"brokers_down"`
	Topics           int      `json:"topics"`
	Partitions       int      `json:"partitions"`
	UnderReplicated  int      `json:"under_replicated"`
	UnderMinISR      int      `json:"under_min_isr" doc:"Partitions with fewer replicas in sync than min.insync.replicas: producers that ask for all of them are refused."`
	Offline          int      `json:"offline" doc:"Partitions without a leader."`
	Bytes            int64    `json:"bytes" doc:"Of all replicas, as far as told."`
	RecordsPerSecond float64  `json:"records_per_second" doc:"Appended, over about the last minute; -1: not known yet."`
	BytesPerSecond   float64  `json:"bytes_per_second" doc:"By which one replica of each partition grew on disk; -1: not known yet."`
	Problems         []string `json:"problems" doc:"What was not answered at the newest refresh."`
}

// BrokerRow is one broker.
type BrokerRow struct {
	ID              int32    `json:"id"`
	Address         string   `json:"address"`
	Rack            string   `json:"rack"`
	Controller      bool     `json:"controller"`
	State           string   `json:"state" enum:"up,down"`
	Error           string   `json:"error"`
	Leaders         int      `json:"leaders"`
	Replicas        int      `json:"replicas"`
	UnderReplicated int      `json:"under_replicated" doc:"Of its replicas, those that are not in sync."`
	Bytes           int64    `json:"bytes" doc:"Of its replicas, as far as told."`
	LogDirs         []LogDir `json:"log_dirs"`
}

// LogDir is a directory in which a broker keeps logs.
type LogDir struct {
	Path   string `json:"path"`
	Total  int64  `json:"total_bytes" doc:"Of its volume; -1: not told."`
	Usable int64  `json:"usable_bytes" doc:"Of its volume; -1: not told."`
	Error  string `json:"error"`
}

// TopicRow is one topic.
type TopicRow struct {
	Name             string  `json:"name"`
	ID               string  `json:"id"`
	Internal         bool    `json:"internal"`
	Partitions       int     `json:"partitions"`
	Replication      int     `json:"replication"`
	Records          int64   `json:"records" doc:"End less start offsets: no more records than this."`
	Bytes            int64   `json:"bytes" doc:"Of one replica of each partition, the largest."`
	RecordsPerSecond float64 `json:"records_per_second" doc:"Appended, over about the last minute; -1: not known yet."`
	BytesPerSecond   float64 `json:"bytes_per_second" doc:"By which one replica of each partition grew on disk; -1: not known yet."`
	UnderReplicated  int     `json:"under_replicated"`
	UnderMinISR      int     `json:"under_min_isr"`
	Offline          int     `json:"offline"`
	Groups           int     `json:"groups" doc:"That have offsets on it; -1: not known yet."`
	Error            string  `json:"error"`
}

// PartitionRow is one partition.
type PartitionRow struct {
	ID       int32   `json:"id"`
	Leader   int32   `json:"leader" doc:"-1: none."`
	Replicas []int32 `json:"replicas"`
	ISR      []int32 `json:"isr"`
	Offline  []int32 `json:"offline"`
	Start    int64   `json:"start"`
	End      int64   `json:"end"`
	Bytes    int64   `json:"bytes"`
	Stale    bool    `json:"stale" doc:"Some of it is from an earlier refresh."`
	Error    string  `json:"error"`
}

// TopicDetail is one topic with its partitions and settings.
type TopicDetail struct {
	TopicRow
	Rows     []PartitionRow    `json:"rows"`
	Settings map[string]string `json:"settings" doc:"Those set on the topic itself."`
}

// ConfigRow is a setting that is in force.
type ConfigRow struct {
	Name          string `json:"name"`
	Value         string `json:"value"`
	Source        string `json:"source" enum:"default,static,broker,cluster,topic" doc:"Where it was set. static: in the broker's file."`
	IsDefault     bool   `json:"is_default"`
	Sensitive     bool   `json:"sensitive" doc:"Its value is not told."`
	ReadOnly      bool   `json:"read_only"`
	Documentation string `json:"documentation"`
}

// BrokerPartition is a replica on a broker.
type BrokerPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Leader    bool   `json:"leader"`
	InSync    bool   `json:"in_sync"`
	Bytes     int64  `json:"bytes" doc:"-1: not told."`
}

// ProducerRow is an idempotent producer that a partition remembers.
type ProducerRow struct {
	Partition        int32     `json:"partition"`
	ProducerID       int64     `json:"producer_id"`
	Epoch            int16     `json:"epoch"`
	LastSequence     int32     `json:"last_sequence"`
	LastTime         time.Time `json:"last_time"`
	TransactionStart int64     `json:"transaction_start" doc:"First offset of its open transaction; -1: none is open."`
}

// SummariseTopic returns the row of a topic: what a snapshot says of it.
// minISR is what holds for topics that do not set min.insync.replicas.
func SummariseTopic(t *cluster.TopicState, minISR int) TopicRow {
	row := TopicRow{
		Name: t.Name, ID: t.ID.String(), Internal: t.Internal, Partitions: len(t.Partitions), Error: text(t.Err),
		RecordsPerSecond: -1, BytesPerSecond: -1, Groups: -1,
	}
	minISR = minISROf(t, minISR)
	for i := range t.Partitions {
		p := &t.Partitions[i]
		row.Replication = max(row.Replication, len(p.Replicas))
		if p.End >= 0 && p.Start >= 0 {
			row.Records += p.End - p.Start
		}
		row.Bytes += max(0, p.Size())
		if len(p.ISR) < len(p.Replicas) {
			row.UnderReplicated++
		}
		if len(p.ISR) < minISR {
			row.UnderMinISR++
		}
		if p.Leader < 0 {
			row.Offline++
		}
	}
	return row
}

// DescribeTopic returns a topic with its partitions.
func DescribeTopic(t *cluster.TopicState) TopicDetail {
	d := TopicDetail{TopicRow: SummariseTopic(t, 1), Rows: []PartitionRow{}, Settings: map[string]string{}}
	for i := range t.Partitions {
		d.Rows = append(d.Rows, partitionRow(&t.Partitions[i]))
	}
	for _, s := range t.Settings {
		d.Settings[s.Name] = s.Value
	}
	return d
}

func partitionRow(p *cluster.PartitionState) PartitionRow {
	return PartitionRow{
		ID: p.ID, Leader: p.Leader, Replicas: ids(p.Replicas), ISR: ids(p.ISR), Offline: ids(p.Offline),
		Start: p.Start, End: p.End, Bytes: max(0, p.Size()), Stale: p.Stale != 0, Error: text(p.Err),
	}
}

func ids(list []int32) []int32 { return append([]int32{}, list...) }

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// BrokerRows returns the row of each broker.
func BrokerRows(s *cluster.Snapshot) []BrokerRow {
	rows := []BrokerRow{}
	at := map[int32]int{}
	for i := range s.Brokers {
		at[s.Brokers[i].ID] = len(rows)
		rows = append(rows, brokerRow(&s.Brokers[i]))
	}
	for i := range s.Partitions {
		p := &s.Partitions[i]
		if n, ok := at[p.Leader]; ok {
			rows[n].Leaders++
		}
		for j, id := range p.Replicas {
			n, ok := at[id]
			if !ok {
				continue
			}
			rows[n].Replicas++
			if !slices.Contains(p.ISR, id) {
				rows[n].UnderReplicated++
			}
			if j < len(p.Sizes) {
				rows[n].Bytes += max(0, p.Sizes[j])
			}
		}
	}
	return rows
}

func brokerRow(b *cluster.BrokerState) BrokerRow {
	row := BrokerRow{ID: b.ID, Rack: b.Rack, Controller: b.Controller, State: "up", Error: text(b.Err), LogDirs: []LogDir{}}
	if b.Host != "" {
		row.Address = fmt.Sprintf("%s:%d", b.Host, b.Port)
	}
	if b.Err != nil {
		row.State = "down"
	}
	for _, d := range b.Dirs {
		row.LogDirs = append(row.LogDirs, LogDir{d.Path, d.Total, d.Usable, text(d.Err)})
	}
	return row
}

// brokerPartitions returns the replicas on a broker, by topic and partition.
func brokerPartitions(s *cluster.Snapshot, id int32) (rows []BrokerPartition) {
	for i := range s.Partitions {
		p := &s.Partitions[i]
		j := slices.Index(p.Replicas, id)
		if j < 0 {
			continue
		}
		row := BrokerPartition{Topic: s.Topics[p.Topic].Name, Partition: p.ID, Leader: p.Leader == id, InSync: slices.Contains(p.ISR, id), Bytes: -1}
		if j < len(p.Sizes) {
			row.Bytes = p.Sizes[j]
		}
		rows = append(rows, row)
	}
	return rows
}

// Configs returns settings as the API tells them.
func Configs(entries []cluster.ConfigEntry) []ConfigRow {
	configs := []ConfigRow{}
	for _, e := range entries {
		configs = append(configs, ConfigRow{e.Name, e.Value, e.Source, e.Source == "default", e.Sensitive, e.ReadOnly, e.Documentation})
	}
	return configs
}
