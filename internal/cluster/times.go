package cluster

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/wire"
)

// timesMaxBytes is how much of each partition one request of TimesAt asks for.
// Brokers send at least one batch of one partition, so that each request tells of
// one partition at least, whatever its batches are like.
const timesMaxBytes = 64 << 10

// TimesAt reads the records at offsets of partitions and returns their times, in
// the order of at. A zero time is one that was not found before ctx ended, or that
// its leader did not tell. s names leaders and topics.
func (c *Cluster) TimesAt(ctx context.Context, s *Snapshot, at []GroupOffset) []time.Time {
	times := make([]time.Time, len(at))
	byLeader := map[int32][]int{}
	for i, o := range at {
		if t := s.Topic(o.Topic); t != nil {
			if p := t.Partition(o.Partition); p != nil && p.Leader >= 0 {
				byLeader[p.Leader] = append(byLeader[p.Leader], i)
			}
		}
	}
	var wg sync.WaitGroup
	for leader, asked := range byLeader {
		wg.Go(func() { // each writes the times of its own
			f := timesFetch{at: map[topicPartition]int{}, next: map[topicPartition]int64{}, ids: map[wire.TopicID]string{}, s: s}
			for _, i := range asked {
				tp := topicPartition{at[i].Topic, at[i].Partition}
				f.at[tp], f.next[tp] = i, at[i].At
				f.ids[s.Topic(tp.topic).ID] = tp.topic
			}
			for len(f.at) > 0 && ctx.Err() == nil {
				resp, err := request(ctx, c.client.Broker(int(leader)), f.request())
				if err != nil || resp.ErrorCode != 0 {
					return
				}
				if !f.take(resp, times) {
					return
				}
			}
		})
	}
	wg.Wait()
	return times
}

type topicPartition struct {
	topic     string
	partition int32
}

// timesFetch is what is still to be asked of one broker.
type timesFetch struct {
	at   map[topicPartition]int   // index of its time
	next map[topicPartition]int64 // where to look
	ids  map[wire.TopicID]string
	s    *Snapshot
}

func (f *timesFetch) request() *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.MinBytes, req.MaxBytes = -1, 0, fetchMaxBytes
	req.SessionEpoch = -1 // no fetch session
	index := map[string]int{}
	for tp := range f.at {
		i, ok := index[tp.topic]
		if !ok {
			i = len(req.Topics)
			index[tp.topic] = i
			t := kmsg.NewFetchRequestTopic()
			t.Topic, t.TopicID = tp.topic, f.s.Topic(tp.topic).ID
			req.Topics = append(req.Topics, t)
		}
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = tp.partition, f.next[tp], timesMaxBytes
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, p)
	}
	return req
}

// take notes the times that came, and gives up on partitions that failed or hold
// nothing there. It reports whether that was anything.
func (f *timesFetch) take(resp *kmsg.FetchResponse, times []time.Time) (progress bool) {
	for _, t := range resp.Topics {
		topic := t.Topic
		if topic == "" {
			topic = f.ids[t.TopicID]
		}
		for i := range t.Partitions {
			rp := &t.Partitions[i]
			tp := topicPartition{topic, rp.Partition}
			index, asked := f.at[tp]
			if !asked {
				continue
			}
			next := Offsets{rp.Partition: f.next[tp]}
			err := kerr.ErrorForCode(rp.ErrorCode)
			if err == nil {
				err = consume(topic, rp, next, func(r *kgo.Record) error {
					if times[index].IsZero() {
						times[index] = r.Timestamp
					}
					return nil
				})
			}
			if err != nil || !times[index].IsZero() || next[rp.Partition] >= rp.HighWatermark {
				delete(f.at, tp)
				progress = true
			}
			progress = progress || next[rp.Partition] > f.next[tp]
			f.next[tp] = next[rp.Partition]
		}
	}
	return progress
}
