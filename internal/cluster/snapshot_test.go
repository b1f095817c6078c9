package cluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The language of these tests: what a cluster answers in one line per row, and a
// snapshot in one line per row.

// told makes the metadata from lines: "broker 1 rack", or
// "topic orders 7", its id, followed by its partitions as
// "0 leader/epoch replicas isr offline", sets of brokers as 1,2,3 or -.
func told(lines string) *kmsg.MetadataResponse {
	meta := kmsg.NewPtrMetadataResponse()
	meta.ControllerID = 1
	for line := range strings.Lines(lines) {
		f := strings.Fields(strings.Clone(line)) // not to hold all lines
		switch {
		case len(f) == 0:
		case f[0] == "broker":
			b := kmsg.NewMetadataResponseBroker()
			b.NodeID, b.Host, b.Port = number(f[1]), "host"+f[1], 9092
			if len(f) > 2 {
				b.Rack = &f[2]
			}
			meta.Brokers = append(meta.Brokers, b)
		case f[0] == "topic":
			t := kmsg.NewMetadataResponseTopic()
			t.Topic, t.TopicID = &f[1], [16]byte{byte(number(f[2]))}
			if len(f) > 3 {
				t.ErrorCode = int16(number(f[3]))
			}
			meta.Topics = append(meta.Topics, t)
		default:
			t := &meta.Topics[len(meta.Topics)-1]
			p := kmsg.NewMetadataResponseTopicPartition()
			leader, epoch, _ := strings.Cut(f[1], "/")
			p.Partition, p.Leader, p.LeaderEpoch = number(f[0]), number(leader), number(epoch)
			p.Replicas, p.ISR, p.OfflineReplicas = set(f[2]), set(f[3]), set(f[4])
			if p.Leader < 0 {
				p.ErrorCode = 5
			}
			t.Partitions = append(t.Partitions, p)
		}
	}
	return meta
}

// says makes a broker's answer from lines: "orders/0 start end size"; - for
// what it does not know, !6 for an error code in place of an offset.
func says(broker int32, lines string) answer {
	a := answer{broker: broker, starts: kmsg.NewPtrListOffsetsResponse(), ends: kmsg.NewPtrListOffsetsResponse(), dirs: kmsg.NewPtrDescribeLogDirsResponse()}
	dir := kmsg.NewDescribeLogDirsResponseDir()
	dir.Dir, dir.TotalBytes, dir.UsableBytes = "/data", 1000, 900
	for line := range strings.Lines(lines) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		topic, partition, _ := strings.Cut(f[0], "/")
		for i, resp := range []*kmsg.ListOffsetsResponse{a.starts, a.ends} {
			text := f[1+i]
			rt := kmsg.NewListOffsetsResponseTopic()
			rp := kmsg.NewListOffsetsResponseTopicPartition()
			rt.Topic, rp.Partition = topic, number(partition)
			if code, failed := strings.CutPrefix(text, "!"); failed {
				rp.ErrorCode, rp.Offset = int16(number(code)), -1
			} else if text != "-" {
				rp.Offset = int64(number(text))
			}
			rt.Partitions = append(rt.Partitions, rp)
			if text != "-" {
				resp.Topics = append(resp.Topics, rt)
			}
		}
		if f[3] != "-" {
			rt := kmsg.NewDescribeLogDirsResponseDirTopic()
			rp := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
			rt.Topic, rp.Partition, rp.Size = topic, number(partition), int64(number(f[3]))
			rt.Partitions = append(rt.Partitions, rp)
			dir.Topics = append(dir.Topics, rt)
		}
	}
	a.dirs.Dirs = append(a.dirs.Dirs, dir)
	return a
}

// silent is a broker that answers nothing.
func silent(broker int32) answer {
	return answer{broker: broker, errs: []BrokerError{{broker, "log start offsets", errors.New("no answer within 5s")}}}
}

// sets makes the answer about settings from lines: "orders name value source", or
// "orders !29" for an error.
func sets(lines string) *kmsg.DescribeConfigsResponse {
	resp := kmsg.NewPtrDescribeConfigsResponse()
	for line := range strings.Lines(lines) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		i := slices.IndexFunc(resp.Resources, func(r kmsg.DescribeConfigsResponseResource) bool { return r.ResourceName == f[0] })
		if i < 0 {
			i = len(resp.Resources)
			r := kmsg.NewDescribeConfigsResponseResource()
			r.ResourceName = f[0]
			resp.Resources = append(resp.Resources, r)
		}
		r := &resp.Resources[i]
		if code, failed := strings.CutPrefix(f[1], "!"); failed {
			r.ErrorCode = int16(number(code))
			continue
		}
		c := kmsg.NewDescribeConfigsResponseResourceConfig()
		c.Name, c.Value, c.Source = f[1], &f[2], kmsg.ConfigSource(number(f[3]))
		r.Configs = append(r.Configs, c)
	}
	return resp
}

func number(s string) int32 {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		panic(err)
	}
	return int32(n)
}

func set(s string) (ids []int32) {
	if s == "-" {
		return nil
	}
	for id := range strings.SplitSeq(s, ",") {
		ids = append(ids, number(id))
	}
	return ids
}

func text(s *Snapshot) string {
	var b strings.Builder
	for _, br := range s.Brokers {
		fmt.Fprintf(&b, "broker %d %s:%d rack=%q", br.ID, br.Host, br.Port, br.Rack)
		if br.Controller {
			b.WriteString(" controller")
		}
		if br.Answered.IsZero() {
			b.WriteString(" never answered")
		} else if !br.Answered.Equal(s.At) {
			fmt.Fprintf(&b, " answered %v ago", s.At.Sub(br.Answered))
		}
		for _, d := range br.Dirs {
			fmt.Fprintf(&b, " %s %d/%d", d.Path, d.Usable, d.Total)
			if d.Err != nil {
				b.WriteString(" failed")
			}
		}
		if br.Err != nil {
			fmt.Fprintf(&b, " (%v)", br.Err)
		}
		b.WriteString("\n")
	}
	for i, t := range s.Topics {
		fmt.Fprintf(&b, "topic %s %d", t.Name, t.ID[0])
		for _, set := range t.Settings {
			fmt.Fprintf(&b, " %s=%s", set.Name, set.Value)
		}
		for _, err := range []error{t.Err, t.SettingsErr} {
			if err != nil {
				fmt.Fprintf(&b, " (%v)", err)
			}
		}
		b.WriteString("\n")
		for _, p := range t.Partitions {
			fmt.Fprintf(&b, "  %d leader %d/%d of %v in sync %v offline %v [%d, %d) %v", p.ID, p.Leader, p.LeaderEpoch, p.Replicas, p.ISR, p.Offline, p.Start, p.End, p.Sizes)
			if p.Stale&(StaleStart|StaleEnd) != 0 {
				b.WriteString(" stale offsets")
			}
			if p.Stale&StaleSizes != 0 {
				b.WriteString(" stale sizes")
			}
			if p.Err != nil {
				fmt.Fprintf(&b, " (%v)", strings.SplitN(p.Err.Error(), ":", 2)[0])
			}
			if int(p.Topic) != i {
				fmt.Fprintf(&b, " of topic %d!", p.Topic)
			}
			b.WriteString("\n")
		}
	}
	for _, e := range s.Errors {
		fmt.Fprintf(&b, "error %v\n", e)
	}
	return b.String()
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// round is one refresh, ten seconds after the one before.
type round struct {
	meta    string
	answers []answer
	configs *kmsg.DescribeConfigsResponse
	later   time.Duration // if not 10 s
}

func play(rounds ...round) (s *Snapshot) {
	now := epoch
	for _, r := range rounds {
		s = build(s, told(r.meta), 1, r.answers, r.configs, now)
		now = now.Add(max(r.later, 10*time.Second))
	}
	return s
}

const healthy = `
	broker 2 b
	broker 1 a
	topic users 8
	0 1/0 1 1 -
	topic orders 7
	1 2/3 2,1 2,1 -
	0 1/3 1,2 1,2 -`

var healthyAnswers = []answer{
	says(1, "orders/0 5 10 100\n orders/1 - - 48\n users/0 0 1 7"),
	says(2, "orders/0 - - 99\n orders/1 0 4 50"),
}

func TestBuild(t *testing.T) {
	first := round{meta: healthy, answers: healthyAnswers, configs: sets(`
		orders retention.ms 5000 1
		orders cleanup.policy compact 1
		orders segment.bytes 100 4
		users retention.ms 7000 5`)}
	for _, test := range []struct {
		name   string
		rounds []round
		want   string
	}{
		{"healthy", []round{first}, `
broker 1 host1:9092 rack="a" controller /data 900/1000
broker 2 host2:9092 rack="b" /data 900/1000
topic orders 7 cleanup.policy=compact retention.ms=5000
  0 leader 1/3 of [1 2] in sync [1 2] offline [] [5, 10) [100 99]
  1 leader 2/3 of [2 1] in sync [2 1] offline [] [0, 4) [50 48]
topic users 8
  0 leader 1/0 of [1] in sync [1] offline [] [0, 1) [7]
`},
		{"a broker is silent: its rows keep what they had", []round{first, {meta: healthy, answers: []answer{
			says(1, "orders/0 6 20 200\n orders/1 - - 49\n users/0 0 2 8"), silent(2),
		}}}, `
broker 1 host1:9092 rack="a" controller /data 900/1000
broker 2 host2:9092 rack="b" answered 10s ago /data 900/1000 (broker 2: log start offsets: no answer within 5s)
topic orders 7 cleanup.policy=compact retention.ms=5000
  0 leader 1/3 of [1 2] in sync [1 2] offline [] [6, 20) [200 99] stale sizes
  1 leader 2/3 of [2 1] in sync [2 1] offline [] [0, 4) [50 49] stale offsets stale sizes (broker 2)
topic users 8
  0 leader 1/0 of [1] in sync [1] offline [] [0, 2) [8]
error broker 2: log start offsets: no answer within 5s
`},
		{"a broker is silent from the start: nothing is known", []round{{meta: healthy, answers: []answer{healthyAnswers[0], silent(2)}}}, `
broker 1 host1:9092 rack="a" controller /data 900/1000
broker 2 host2:9092 rack="b" never answered (broker 2: log start offsets: no answer within 5s)
topic orders 7
  0 leader 1/3 of [1 2] in sync [1 2] offline [] [5, 10) [100 -1] stale sizes
  1 leader 2/3 of [2 1] in sync [2 1] offline [] [-1, -1) [-1 48] stale offsets stale sizes (broker 2)
topic users 8
  0 leader 1/0 of [1] in sync [1] offline [] [0, 1) [7]
error broker 2: log start offsets: no answer within 5s
`},
		{"a broker is gone, and with it a leader", []round{first, {meta: `
			broker 1 a
			topic orders 7
			0 1/4 1,2 1 2
			1 -1/4 2,1 2 2`, answers: []answer{says(1, "orders/0 6 20 200\n orders/1 - - 48")}}}, `
broker 1 host1:9092 rack="a" controller /data 900/1000
broker 2 host2:9092 rack="b" answered 10s ago /data 900/1000 (broker 2: registration: not registered: it is down, fenced or removed)
topic orders 7 cleanup.policy=compact retention.ms=5000
  0 leader 1/4 of [1 2] in sync [1] offline [2] [6, 20) [200 99] stale sizes
  1 leader -1/4 of [2 1] in sync [2] offline [2] [0, 4) [50 48] stale offsets stale sizes (LEADER_NOT_AVAILABLE)
error broker 2: registration: not registered: it is down, fenced or removed
`},
		{"a gone broker that nobody has seen is known by its replicas", []round{{meta: "broker 1 a\n topic orders 7\n 0 1/4 1,2 1 2", answers: []answer{says(1, "orders/0 6 20 200")}}}, `
broker 1 host1:9092 rack="a" controller /data 900/1000
broker 2 :0 rack="" never answered (broker 2: registration: not registered: it is down, fenced or removed)
topic orders 7
  0 leader 1/4 of [1 2] in sync [1] offline [2] [6, 20) [200 -1] stale sizes
error broker 2: registration: not registered: it is down, fenced or removed
`},
		{"a gone broker without replicas is missed for an hour", []round{
			{meta: "broker 1 a\n broker 2 b", answers: []answer{says(1, ""), says(2, "")}, later: 59 * time.Minute},
			{meta: "broker 1 a", answers: []answer{says(1, "")}},
		}, `
broker 1 host1:9092 rack="a" controller /data 900/1000
broker 2 host2:9092 rack="b" answered 59m0s ago /data 900/1000 (broker 2: registration: not registered: it is down, fenced or removed)
error broker 2: registration: not registered: it is down, fenced or removed
`},
		{"and no longer", []round{
			{meta: "broker 1 a\n broker 2 b", answers: []answer{says(1, ""), says(2, "")}, later: 59 * time.Minute},
			{meta: "broker 1 a", answers: []answer{says(1, "")}, later: time.Minute},
			{meta: "broker 1 a", answers: []answer{says(1, "")}},
		}, `
broker 1 host1:9092 rack="a" controller /data 900/1000
`},
		{"a broker is back", []round{first, {meta: healthy, answers: []answer{healthyAnswers[0], silent(2)}}, {meta: healthy, answers: healthyAnswers}}, text(play(first))},
		{"an unknown topic has no rows", []round{first, {meta: "broker 1 a\n topic orders 0 3\n topic users 8\n 0 1/0 1 1 -", answers: []answer{says(1, "users/0 0 2 8")}}}, `
broker 1 host1:9092 rack="a" controller /data 900/1000
broker 2 host2:9092 rack="b" answered 10s ago /data 900/1000 (broker 2: registration: not registered: it is down, fenced or removed)
topic orders 0 (UNKNOWN_TOPIC_OR_PARTITION: This server does not host this topic-partition.)
topic users 8
  0 leader 1/0 of [1] in sync [1] offline [] [0, 2) [8]
error broker 2: registration: not registered: it is down, fenced or removed
`},
		{"a deleted topic is gone, whoever still speaks of it", []round{first, {meta: "broker 1\n broker 2\n topic users 8\n 0 1/0 1 1 -", answers: healthyAnswers, configs: first.configs}}, `
broker 1 host1:9092 rack="" controller /data 900/1000
broker 2 host2:9092 rack="" /data 900/1000
topic users 8
  0 leader 1/0 of [1] in sync [1] offline [] [0, 1) [7]
`},
		{"a topic made anew has nothing of the old one", []round{first, {meta: strings.Replace(healthy, "orders 7", "orders 9", 1), answers: []answer{silent(1), silent(2)}}}, `
broker 1 host1:9092 rack="a" controller answered 10s ago /data 900/1000 (broker 1: log start offsets: no answer within 5s)
broker 2 host2:9092 rack="b" answered 10s ago /data 900/1000 (broker 2: log start offsets: no answer within 5s)
topic orders 9
  0 leader 1/3 of [1 2] in sync [1 2] offline [] [-1, -1) [-1 -1] stale offsets stale sizes (broker 1)
  1 leader 2/3 of [2 1] in sync [2 1] offline [] [-1, -1) [-1 -1] stale offsets stale sizes (broker 2)
topic users 8
  0 leader 1/0 of [1] in sync [1] offline [] [0, 1) [7] stale offsets stale sizes (broker 1)
error broker 1: log start offsets: no answer within 5s
error broker 2: log start offsets: no answer within 5s
`},
		{"added partitions and moved replicas", []round{first, {meta: `
			broker 1
			broker 2
			topic orders 7
			0 2/4 2,1 2,1 -
			1 2/3 2 2 -
			2 1/0 1 1 -`, answers: []answer{silent(1), says(2, "orders/0 5 11 101\n orders/1 0 5 51")}}}, `
broker 1 host1:9092 rack="" controller answered 10s ago /data 900/1000 (broker 1: log start offsets: no answer within 5s)
broker 2 host2:9092 rack="" /data 900/1000
topic orders 7 cleanup.policy=compact retention.ms=5000
  0 leader 2/4 of [2 1] in sync [2 1] offline [] [5, 11) [101 100] stale sizes
  1 leader 2/3 of [2] in sync [2] offline [] [0, 5) [51]
  2 leader 1/0 of [1] in sync [1] offline [] [-1, -1) [-1] stale offsets stale sizes (broker 1)
error broker 1: log start offsets: no answer within 5s
`},
		{"a leader that moved meanwhile", []round{first, {meta: healthy, answers: []answer{healthyAnswers[0], says(2, "orders/0 - - 99\n orders/1 !6 !6 60")}}}, `
broker 1 host1:9092 rack="a" controller /data 900/1000
broker 2 host2:9092 rack="b" /data 900/1000
topic orders 7 cleanup.policy=compact retention.ms=5000
  0 leader 1/3 of [1 2] in sync [1 2] offline [] [5, 10) [100 99]
  1 leader 2/3 of [2 1] in sync [2 1] offline [] [0, 4) [60 48] stale offsets (NOT_LEADER_FOR_PARTITION)
topic users 8
  0 leader 1/0 of [1] in sync [1] offline [] [0, 1) [7]
`},
		{"a failed log directory has no sizes", []round{first, {meta: "broker 1\n broker 2\n topic orders 7\n 0 1/3 1,2 1 2", answers: []answer{says(1, "orders/0 5 10 100"), failedDir(2)}}}, `
broker 1 host1:9092 rack="" controller /data 900/1000
broker 2 host2:9092 rack="" answered 10s ago /data -1/-1 failed (broker 2: log directory /data: KAFKA_STORAGE_ERROR: Disk error when trying to access log file on the disk.)
topic orders 7 cleanup.policy=compact retention.ms=5000
  0 leader 1/3 of [1 2] in sync [1] offline [2] [5, 10) [100 -1]
error broker 2: log directory /data: KAFKA_STORAGE_ERROR: Disk error when trying to access log file on the disk.
`},
		{"settings: changed, refused, and nobody to tell", []round{first,
			{meta: healthy, answers: healthyAnswers, configs: sets("orders retention.ms 6000 1\n users !29")},
			{meta: healthy, answers: append(slices.Clone(healthyAnswers), answer{broker: -1, errs: []BrokerError{{-1, "settings of topics", errors.New("no answer")}}})}}, `
broker 1 host1:9092 rack="a" controller /data 900/1000
broker 2 host2:9092 rack="b" /data 900/1000
topic orders 7 retention.ms=6000
  0 leader 1/3 of [1 2] in sync [1 2] offline [] [5, 10) [100 99]
  1 leader 2/3 of [2 1] in sync [2 1] offline [] [0, 4) [50 48]
topic users 8 (TOPIC_AUTHORIZATION_FAILED: Not authorized to access topics: [Topic authorization failed.])
  0 leader 1/0 of [1] in sync [1] offline [] [0, 1) [7]
error settings of topics: no answer
`},
		{"an empty cluster", []round{{}}, "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), text(play(test.rounds...))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func failedDir(broker int32) answer {
	a := says(broker, "")
	a.dirs.Dirs[0] = kmsg.NewDescribeLogDirsResponseDir()
	a.dirs.Dirs[0].Dir, a.dirs.Dirs[0].ErrorCode = "/data", 56
	return a
}

// What is being copied to another directory is not counted twice, and a broker
// that claims a replica that is not its own is not believed.
func TestBuildSizes(t *testing.T) {
	a := says(1, "orders/0 0 5 100\n orders/0 - - 30\n users/0 0 0 7")
	a.dirs.Dirs[0].Topics[1].Partitions[0].IsFuture = true
	s := build(nil, told("broker 1\n topic orders 7\n 0 1/0 1 1 -\n topic users 8\n 0 2/0 2 2 -"), 1, []answer{a}, nil, epoch)
	if got := s.Topic("orders").Partition(0); got.Size() != 100 {
		t.Errorf("%+v", got)
	}
	if got := s.Topic("users").Partition(0); got.Size() != -1 {
		t.Errorf("%+v", got)
	}
}

// A snapshot never changes once it is made, and what it took from the one before
// is its own.
func TestBuildChangesNothing(t *testing.T) {
	first := play(round{meta: healthy, answers: healthyAnswers, configs: sets("orders retention.ms 5000 1")})
	before := text(first)
	second := build(first, told(healthy), 2, []answer{failedDir(1), says(2, "orders/1 9 9 9")}, sets("orders retention.ms 1 1"), epoch.Add(time.Second))
	after := text(second)
	build(second, told("broker 1"), 1, []answer{says(1, "")}, nil, epoch.Add(time.Minute))
	if got := text(first); got != before {
		t.Errorf("the first became\n%s", cmp.Diff(before, got))
	}
	if got := text(second); got != after {
		t.Errorf("the second became\n%s", cmp.Diff(after, got))
	}
}

func TestSnapshotHelpers(t *testing.T) {
	s := play(round{meta: `
		broker 1
		topic a 1
		0 1/0 1,2 1 2
		1 -1/0 2 2 2
		topic b 2
		5 1/0 1 1 -`})
	names := func(ps []*PartitionState) (names []string) {
		for _, p := range ps {
			names = append(names, fmt.Sprintf("%s/%d", s.Topics[p.Topic].Name, p.ID))
		}
		return names
	}
	if got := names(s.UnderReplicated()); !slices.Equal(got, []string{"a/0"}) {
		t.Errorf("under-replicated: %v", got)
	}
	if got := names(s.Offline()); !slices.Equal(got, []string{"a/1"}) {
		t.Errorf("offline: %v", got)
	}
	if s.Age(epoch.Add(time.Second)) != time.Second {
		t.Error(s.Age(epoch.Add(time.Second)))
	}
	if s.Topic("aa") != nil || s.Broker(3) != nil || s.Topic("a").Partition(2) != nil || s.Topic("a").Partition(-1) != nil || s.Topic("b").Partition(0) != nil {
		t.Error("found what is not there")
	}
	if s.Topic("b").Partition(5) != &s.Partitions[2] || s.Broker(2).ID != 2 {
		t.Error("not found what is there")
	}
	if err := s.Broker(2).Err; !errors.Is(err, ErrNotRegistered) {
		t.Errorf("broker 2: %v", err)
	}
}

func TestWantSettings(t *testing.T) {
	var all, answered strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&all, "topic t%04d 1\n", i)
		if i < 1200 {
			fmt.Fprintf(&answered, "t%04d a 1 1\n", i)
		}
	}
	meta := told(all.String() + "topic unreadable 1 29")
	s := build(nil, meta, 1, nil, sets(answered.String()), epoch)
	for _, test := range []struct {
		prev        *Snapshot
		at          time.Duration
		n           int
		first, last string
	}{
		{nil, 0, 1000, "t0000", "t0999"},
		{s, time.Minute, 300, "t1200", "t1499"},
		{s, settingsMaxAge - 1, 300, "t1200", "t1499"},
		{s, settingsMaxAge, 1000, "t1200", "t0699"},
	} {
		got := wantSettings(test.prev, meta, epoch.Add(test.at))
		if len(got) != test.n || got[0] != test.first || got[len(got)-1] != test.last {
			t.Errorf("%v later: %d from %s to %s, want %+v", test.at, len(got), got[0], got[len(got)-1], test)
		}
	}
	again := told("topic t0000 2") // made anew
	if got := wantSettings(s, again, epoch.Add(time.Second)); !slices.Equal(got, []string{"t0000"}) {
		t.Error(got)
	}
}

// synthetic is a cluster with topics of ten partitions.
func synthetic(topics, replication, brokers int) (*kmsg.MetadataResponse, []answer, *kmsg.DescribeConfigsResponse) {
	r := rand.New(rand.NewPCG(1, 2))
	var meta, configs strings.Builder
	lines := make([]strings.Builder, brokers)
	for b := range brokers {
		fmt.Fprintf(&meta, "broker %d rack-%d\n", b, b%3)
	}
	for i := range topics {
		name := fmt.Sprintf("team-%02d.service.event-%05d", i%50, i)
		fmt.Fprintf(&meta, "topic %s %d\n", name, i%100)
		fmt.Fprintf(&configs, "%s retention.ms %d 1\n%s cleanup.policy delete 1\n", name, 1000*(i%7), name)
		for p := range 10 {
			replicas := strings.Trim(strings.ReplaceAll(fmt.Sprint(r.Perm(brokers)[:replication]), " ", ","), "[]")
			leader := set(replicas)[0]
			fmt.Fprintf(&meta, "%d %d/%d %s %s -\n", p, leader, i, replicas, replicas)
			for _, b := range set(replicas) {
				offsets := "- -"
				if b == leader {
					offsets = fmt.Sprint(i, 1000+i)
				}
				fmt.Fprintf(&lines[b], "%s/%d %s %d\n", name, p, offsets, i)
			}
		}
	}
	var answers []answer
	for b := range brokers {
		answers = append(answers, says(int32(b), lines[b].String()))
	}
	return told(meta.String()), answers, sets(configs.String())
}

const maxBytesPerPartition = 300

func TestBytesPerPartition(t *testing.T) {
	t.Logf("partition: %d bytes, topic: %d", unsafe.Sizeof(PartitionState{}), unsafe.Sizeof(TopicState{}))
	for _, test := range []struct{ topics, replication, brokers int }{{1000, 1, 3}, {1000, 3, 12}} {
		one, two := heldBytes(func() *Snapshot {
			meta, answers, configs := synthetic(test.topics, test.replication, test.brokers)
			return build(nil, meta, 1, answers, configs, epoch)
		}, func(prev *Snapshot) *Snapshot {
			meta, answers, configs := synthetic(test.topics, test.replication, test.brokers)
			return build(prev, meta, 1, answers, configs, epoch.Add(time.Second))
		})
		n := int64(10 * test.topics)
		t.Logf("%+v: %d bytes per partition, %d more while the one before is held", test, one/n, two/n)
		if one/n > maxBytesPerPartition || one/n < int64(unsafe.Sizeof(PartitionState{})) {
			t.Errorf("%+v: %d bytes per partition", test, one/n)
		}
		if two >= one {
			t.Errorf("%+v: the second snapshot takes %d bytes, the first %d: they share nothing", test, two, one)
		}
	}
}

// heldBytes returns what a first snapshot takes, and what a second takes beside
// it.
func heldBytes(first func() *Snapshot, next func(*Snapshot) *Snapshot) (one, two int64) {
	before := heap()
	a := first()
	between := heap()
	b := next(a)
	after := heap()
	runtime.KeepAlive(a)
	runtime.KeepAlive(b)
	return between - before, after - between
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkBuild(b *testing.B) {
	meta, answers, configs := synthetic(1000, 1, 3)
	prev := build(nil, meta, 1, answers, configs, epoch)
	b.ReportAllocs()
	for b.Loop() {
		build(prev, meta, 1, answers, nil, epoch)
	}
}
