package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
)

// The topic `_weir.registry.state` keeps what compaction of `_schemas` would let us
// forget: the highest id of each context that was ever given. It is JSON, version 1,
// under a key that names the context:
//
//	{"context":"."}  {"v":1,"high_id":7}
//
// A version whose record nothing is written over says its id by itself. So a leader
// raises what is kept when its term begins, and after each write that was aborted: it
// has read then what the log says of ids. It raises it in the transaction of a change
// that hides an older record (state.Hides), and every minute besides, since others may
// delete what they find. A mere registration is spared a third partition in its
// transaction.
//
// Crash story: we die behind a registration whose id is not kept: its record is in the
// log, and the next leader reads it there before it gives an id. We die in the middle of
// a deletion: the id that it hides is kept in the same transaction, or nothing is deleted.
const stateTopic = "_weir.registry.state"

const formatVersion = 1

// highIDs are by context.
type highIDs map[string]int

type highKey struct {
	Context string `json:"context"`
}

type highValue struct {
	V      int `json:"v"`
	HighID int `json:"high_id"`
}

func encodeHigh(context string, id int) (key, value []byte) {
	key, _ = json.Marshal(highKey{context})
	value, _ = json.Marshal(highValue{formatVersion, id})
	return key, value
}

// decodeHigh returns id 0 for a deletion.
func decodeHigh(key, value []byte) (context string, id int, err error) {
	var k highKey
	if err := json.Unmarshal(key, &k); err != nil {
		return "", 0, fmt.Errorf("decoding the key of a high id: %w", err)
	}
	if k.Context == "" {
		return "", 0, fmt.Errorf("decoding the key of a high id: %s names no context", key)
	}
	if len(value) == 0 {
		return k.Context, 0, nil
	}
	var v highValue
	if err := json.Unmarshal(value, &v); err != nil {
		return "", 0, fmt.Errorf("decoding a high id: %w", err)
	}
	if v.V != formatVersion {
		return "", 0, fmt.Errorf("decoding a high id: version %d, this weir knows %d", v.V, formatVersion)
	}
	if v.HighID < 0 || v.HighID > math.MaxInt32 {
		return "", 0, fmt.Errorf("decoding a high id: %d is none", v.HighID)
	}
	return k.Context, v.HighID, nil
}

// readHigh returns the highest ids that the topic names at all, and those that will
// be there after compaction: of the last committed records. Nobody has a transaction
// open that matters: the lease has been taken.
func (s *Service) readHigh(ctx context.Context) (highest, kept highIDs, err error) {
	highest, kept = highIDs{}, highIDs{}
	u := undecided{open: map[int64][]*fate{}}
	_, err = s.on.Cluster.ReadToEnd(ctx, stateTopic, nil, func(r *kgo.Record) error {
		u.add(r)
		for _, f := range u.pop() {
			if string(f.record.Key) == writerKey {
				continue
			}
			in, id, err := decodeHigh(f.record.Key, f.record.Value)
			if err != nil {
				return fmt.Errorf("%s/0 offset %d: %w", stateTopic, f.record.Offset, err)
			}
			highest[in] = max(highest[in], id)
			if f.committed {
				kept[in] = id
			}
		}
		return nil
	}, cluster.KeepControl())
	return highest, kept, err
}

// raised returns the records that keep the ids that are higher than those in kept.
func (high highIDs) raised(kept highIDs) (records []*kgo.Record) {
	for _, in := range slices.Sorted(maps.Keys(high)) {
		if high[in] > kept[in] {
			key, value := encodeHigh(in, high[in])
			records = append(records, &kgo.Record{Topic: stateTopic, Key: key, Value: value})
		}
	}
	return records
}
