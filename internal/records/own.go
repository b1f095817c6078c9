package records

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/wire"
)

// The topics in which Apache Kafka keeps its state.
const (
	offsetsTopic      = "__consumer_offsets"
	transactionsTopic = "__transaction_state"
)

// schemasTopic is where registries keep their schemas unless told otherwise.
const schemasTopic = "_schemas"

// own decodes the key or the value of a record of a topic whose format is known by
// its name.
type own func(r *kgo.Record, key bool) (string, error)

// ownFormat returns the decoder of a topic and its name, or nil.
func ownFormat(topic string) (own, string) {
	switch topic {
	case offsetsTopic:
		return consumerOffsets, "kafka"
	case transactionsTopic:
		return transactionState, "kafka"
	case wire.CountsTopic:
		return parts(plainKey, parser(wire.ParseCounts)), "weir"
	case wire.ReportsTopic:
		return parts(runKey, parser(wire.ParseReport)), "weir"
	case wire.PositionsTopic:
		return parts(parser(wire.ParsePositionKey), parser(wire.ParsePosition)), "weir"
	case wire.CreatedTopic:
		return parts(plainKey, checked(wire.ParseCreated)), "weir"
	case schemasTopic:
		return parts(checked(wire.ParseSchemasKey), checked(wire.ParseSchemaValue)), "weir"
	}
	return nil, ""
}

// parts decodes keys and values each in their way.
func parts(key, value func([]byte) (string, error)) own {
	return func(r *kgo.Record, isKey bool) (string, error) {
		if isKey {
			return key(r.Key)
		}
		return value(r.Value)
	}
}

func parser[T any](parse func([]byte) (T, error)) func([]byte) (string, error) {
	return func(b []byte) (string, error) {
		v, err := parse(b)
		if err != nil {
			return "", err
		}
		return readable(v)
	}
}

// checked shows bytes that are JSON already as they are.
func checked[T any](parse func([]byte) (T, error)) func([]byte) (string, error) {
	return func(b []byte) (string, error) {
		_, err := parse(b)
		return string(b), err
	}
}

func plainKey(b []byte) (string, error) { return string(b), checkText(b) }

func runKey(b []byte) (string, error) {
	var id wire.RunID
	if len(b) != len(id) {
		return "", fmt.Errorf("a run id has %d bytes", len(id))
	}
	copy(id[:], b)
	return id.String(), nil
}

// stamp shows the header by which audit tells records apart.
func stamp(h kgo.RecordHeader) (string, bool) {
	if h.Key != wire.StampHeader {
		return "", false
	}
	s, err := wire.ParseStamp(h.Value)
	return fmt.Sprintf("run %v, record %d", s.Run, s.Seq), err == nil
}

var errVersion = errors.New("its version is not known")

// message is a format of Kafka's.
type message interface{ ReadFrom([]byte) error }

func kmessage(b []byte, m message) (string, error) {
	if err := m.ReadFrom(b); err != nil {
		return "", err
	}
	return readable(m)
}

func version(b []byte) int {
	if len(b) < 2 {
		return -1
	}
	return int(binary.BigEndian.Uint16(b))
}

// consumerOffsets decodes what group coordinators write: commits, and the members
// of classic groups. Those of newer protocols have keys from version 3 on.
func consumerOffsets(r *kgo.Record, key bool) (string, error) {
	switch v := version(r.Key); {
	case v == 0 || v == 1:
		if key {
			return kmessage(r.Key, new(kmsg.OffsetCommitKey))
		}
		return kmessage(r.Value, new(kmsg.OffsetCommitValue))
	case v == 2:
		if key {
			return kmessage(r.Key, new(kmsg.GroupMetadataKey))
		}
		return kmessage(r.Value, new(kmsg.GroupMetadataValue))
	}
	return "", errVersion
}

func transactionState(r *kgo.Record, key bool) (string, error) {
	if version(r.Key) != 0 {
		return "", errVersion
	}
	if key {
		return kmessage(r.Key, new(kmsg.TxnMetadataKey))
	}
	return kmessage(r.Value, new(kmsg.TxnMetadataValue))
}

// readable prints a struct as JSON with names_like_this; bytes and ids in hex.
func readable(v any) (string, error) {
	b, err := json.Marshal(plain(reflect.ValueOf(v)))
	return string(b), err
}

func plain(v reflect.Value) any {
	if s, ok := v.Interface().(fmt.Stringer); ok && v.Kind() != reflect.Pointer {
		return s.String()
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case reflect.Struct:
		out := map[string]any{}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "UnknownTags" {
				out[snake(f.Name)] = plain(v.Field(i))
			}
		}
		return out
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, v.Len())
			reflect.Copy(reflect.ValueOf(b), v)
			return hex.EncodeToString(b)
		}
		out := make([]any, v.Len())
		for i := range out {
			out[i] = plain(v.Index(i))
		}
		return out
	}
	return v.Interface()
}

// snake turns LeaderEpoch into leader_epoch, and TopicID into topic_id.
func snake(name string) string {
	var b strings.Builder
	lower := false
	for _, r := range name {
		if lower && unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		lower = unicode.IsLower(r)
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
