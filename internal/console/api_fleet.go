package console

import (
	"encoding/json"
	"time"
)

// What the API says of clusters, as far as the pages use it. -1 means not known
// (yet).

// listed is what all lists say.
type listed struct {
	Total     int64    `json:"total"` // after the filter
	Next      string   `json:"next"`  // cursor, "" on the last page
	AgeMillis int64    `json:"age_ms"`
	Problems  []string `json:"problems"`
}

func (l listed) age() time.Duration { return time.Duration(max(0, l.AgeMillis)) * time.Millisecond }
func (l listed) problems() []string { return l.Problems }

type clusterRow struct {
	Name             string   `json:"name"`
	State            string   `json:"state"`
	Error            string   `json:"error"`
	Health           string   `json:"health"` // ok, degraded, down, unknown
	Reasons          []string `json:"reasons"`
	Home             bool     `json:"home"`
	Embedded         bool     `json:"embedded"`
	Bootstrap        []string `json:"bootstrap"`
	Datacenter       string   `json:"datacenter"`
	AgeMillis        int64    `json:"age_ms"`
	Brokers          int64    `json:"brokers"`
	BrokersDown      int64    `json:"brokers_down"`
	Topics           int64    `json:"topics"`
	Partitions       int64    `json:"partitions"`
	UnderReplicated  int64    `json:"under_replicated"`
	UnderMinISR      int64    `json:"under_min_isr"`
	Offline          int64    `json:"offline"`
	Bytes            int64    `json:"bytes"`
	RecordsPerSecond float64  `json:"records_per_second"`
	BytesPerSecond   float64  `json:"bytes_per_second"`
	Problems         []string `json:"problems"`
}

type clusterList struct {
	Clusters []clusterRow `json:"clusters"`
	Problems []string     `json:"problems"`
}

// age is that of the newest numbers; the rows of older ones say so.
func (l clusterList) age() time.Duration {
	age := int64(-1)
	for _, c := range l.Clusters {
		if c.AgeMillis >= 0 && (age < 0 || c.AgeMillis < age) {
			age = c.AgeMillis
		}
	}
	return listed{AgeMillis: age}.age()
}

func (l clusterList) problems() []string { return l.Problems }

type logDir struct {
	Path   string `json:"path"`
	Total  int64  `json:"total_bytes"`
	Usable int64  `json:"usable_bytes"`
	Error  string `json:"error"`
}

type brokerRow struct {
	ID              int32    `json:"id"`
	Address         string   `json:"address"`
	Rack            string   `json:"rack"`
	Controller      bool     `json:"controller"`
	State           string   `json:"state"`
	Error           string   `json:"error"`
	Leaders         int64    `json:"leaders"`
	Replicas        int64    `json:"replicas"`
	UnderReplicated int64    `json:"under_replicated"`
	Bytes           int64    `json:"bytes"`
	LogDirs         []logDir `json:"log_dirs"`
}

type brokerList struct {
	listed
	Brokers []brokerRow `json:"brokers"`
}

type configRow struct {
	Name          string `json:"name"`
	Value         string `json:"value"`
	Source        string `json:"source"` // default, static, broker, cluster, topic
	IsDefault     bool   `json:"is_default"`
	Sensitive     bool   `json:"sensitive"`
	ReadOnly      bool   `json:"read_only"`
	Documentation string `json:"documentation"`
}

type brokerDetail struct {
	listed
	brokerRow
	Configs    []configRow `json:"configs"`
	Partitions []struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
		Leader    bool   `json:"leader"`
		InSync    bool   `json:"in_sync"`
		Bytes     int64  `json:"bytes"`
	} `json:"partitions"`
}

type topicRow struct {
	Name             string  `json:"name"`
	Internal         bool    `json:"internal"`
	Partitions       int64   `json:"partitions"`
	Replication      int64   `json:"replication"`
	Records          int64   `json:"records"`
	Bytes            int64   `json:"bytes"`
	RecordsPerSecond float64 `json:"records_per_second"`
	BytesPerSecond   float64 `json:"bytes_per_second"`
	UnderReplicated  int64   `json:"under_replicated"`
	UnderMinISR      int64   `json:"under_min_isr"`
	Offline          int64   `json:"offline"`
	Groups           int64   `json:"groups"`
	Error            string  `json:"error"`
}

type topicList struct {
	listed
	Topics []topicRow `json:"topics"`
}

type partitionRow struct {
	ID       int32   `json:"id"`
	Leader   int32   `json:"leader"` // -1: none
	Replicas []int32 `json:"replicas"`
	ISR      []int32 `json:"isr"`
	Offline  []int32 `json:"offline"`
	Start    int64   `json:"start"`
	End      int64   `json:"end"`
	Bytes    int64   `json:"bytes"`
	Stale    bool    `json:"stale"`
	Error    string  `json:"error"`
}

// topicDetail hides topicRow's number of groups behind their list.
type topicDetail struct {
	listed
	topicRow
	Rows    []partitionRow `json:"rows"`
	Configs []configRow    `json:"configs"`
	Readers []reader       `json:"groups"`
}

// reader is a group that has offsets of a topic.
type reader struct {
	Group string `json:"group"`
	Lag   int64  `json:"lag"`
}

type producerList struct {
	listed
	Producers []struct {
		Partition        int32  `json:"partition"`
		ProducerID       int64  `json:"producer_id"`
		Epoch            int64  `json:"epoch"`
		LastSequence     int64  `json:"last_sequence"`
		LastTime         moment `json:"last_time"`
		TransactionStart int64  `json:"transaction_start"` // offset, -1: none
	} `json:"producers"`
}

type groupRow struct {
	Group      string `json:"group"`
	State      string `json:"state"`
	Type       string `json:"type"`
	Protocol   string `json:"protocol"`
	Members    int64  `json:"members"`
	Topics     int64  `json:"topics"`
	Partitions int64  `json:"partitions"`
	Lag        int64  `json:"lag"`
	Error      string `json:"error"`
}

type groupList struct {
	listed
	Groups []groupRow `json:"groups"`
}

// groupDetail hides groupRow's number of members behind their list.
type groupDetail struct {
	listed
	groupRow
	People []struct {
		Member     string `json:"member"`
		Instance   string `json:"instance"`
		Client     string `json:"client"`
		Host       string `json:"host"`
		Partitions []struct {
			Topic      string  `json:"topic"`
			Partitions []int32 `json:"partitions"`
		} `json:"partitions"`
	} `json:"members"`
	Rows []struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
		Committed int64  `json:"committed"` // -1: none
		Start     int64  `json:"start"`
		End       int64  `json:"end"`
		Lag       int64  `json:"lag"`
		Member    string `json:"member"`
		Client    string `json:"client"`
		Host      string `json:"host"`
		TimeLag   int64  `json:"time_lag_ms"`
		Error     string `json:"error"`
	} `json:"rows"`
}

// moment is a time that JSON gives as a text or in milliseconds; the zero time
// where it is unknown.
type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(b []byte) error {
	var ms int64
	if json.Unmarshal(b, &ms) == nil {
		if ms > 0 {
			m.Time = time.UnixMilli(ms).UTC()
		}
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil || s == "" {
		return err
	}
	return m.Time.UnmarshalText([]byte(s))
}
