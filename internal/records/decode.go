package records

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/serde"
)

// Record is a record as it is shown.
type Record struct {
	Partition     int32     `json:"partition"`
	Offset        int64     `json:"offset"`
	Time          time.Time `json:"time"`
	TimeType      string    `json:"time_type" enum:"create,append" doc:"Whose time it is: the producer's, or the broker's when it appended the record."`
	Size          int       `json:"size" doc:"Bytes of key, value and headers."`
	Key           Field     `json:"key"`
	Value         Field     `json:"value"`
	Headers       []Header  `json:"headers"`
	HeadersCut    int       `json:"headers_cut" doc:"How many more headers there are that are not shown."`
	Control       bool      `json:"control" doc:"Kafka's own marker of a transaction's end, not a record of the topic."`
	Transactional bool      `json:"transactional"`
}

// Header is one header of a record.
type Header struct {
	Key   string `json:"key"`
	Value Field  `json:"value"`
}

// Field is a key, a value or a header's value as it is shown.
type Field struct {
	Null      bool      `json:"null" doc:"There is none, which is not the same as one of 0 bytes."`
	Bytes     int       `json:"bytes" doc:"Its whole length."`
	Text      string    `json:"text" doc:"As format says; hex if it is not text. Not sanitized: a page has to escape and isolate it."`
	Format    string    `json:"format" enum:"avro,json,protobuf,text,hex,weir,kafka,null"`
	SchemaID  int       `json:"schema_id" doc:"0: none."`
	Subject   string    `json:"subject" doc:"Under which the schema is registered."`
	Truncated bool      `json:"truncated" doc:"The text is only the beginning."`
	Attempts  []Attempt `json:"attempts" doc:"Which decoders were tried before, and why it is not theirs."`
}

// Attempt says why a decoder did not take a field.
type Attempt struct {
	Decoder string `json:"decoder"`
	Error   string `json:"error"`
}

// Registry is a schema registry.
type Registry interface {
	// Decode decodes a record's key or value that names its schema, in its first
	// bytes or in a header. It wraps serde.ErrRegistry if the registry could not be
	// asked.
	Decode(ctx context.Context, r *kgo.Record, key bool) (any, error)
	// Schema returns the number, 0 if it is not known, and the format of a schema
	// that Decode has used: avro, json or protobuf.
	Schema(ctx context.Context, id serde.SchemaID) (number int, format string)
	// Subject names a subject that the schema is registered under, "" if none is
	// known.
	Subject(ctx context.Context, id int) string
}

// The decoders that can be asked for.
const (
	Auto = "auto"
	Avro = "avro"
	JSON = "json"
	Text = "text"
	Hex  = "hex"
)

const (
	maxHeaders   = 100
	maxHeaderKey = 1 << 10
	// maxOwn is the longest value of Kafka's or weir's own topics that is decoded:
	// kmsg makes as many elements as the bytes could hold.
	maxOwn = 1 << 20
)

// decoder shows the records of one topic. It is safe for concurrent use, and
// belongs to one page or search: a registry that did not answer is not asked again.
type decoder struct {
	topic    string
	want     string // which decoder
	max      int    // bytes of a field's text
	registry Registry
	down     atomic.Pointer[error] // why the registry is not asked any more
}

var errNoRegistry = errors.New("there is no schema registry to ask")

// record shows a record.
func (d *decoder) record(ctx context.Context, r *kgo.Record) Record {
	out := Record{
		Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp.UTC(), TimeType: "create", Size: sizeOf(r), Headers: []Header{},
		Control: r.Attrs.IsControl(), Transactional: r.Attrs.IsTransactional(),
	}
	if r.Attrs.TimestampType() == 1 {
		out.TimeType = "append"
	}
	if out.Control {
		out.Key, out.Value = controlKey(r.Key), controlValue(r.Value)
	} else {
		out.Key, out.Value = d.field(ctx, r, true), d.field(ctx, r, false)
	}
	budget := d.max
	for i, h := range r.Headers {
		if i == maxHeaders || budget <= 0 {
			out.HeadersCut = len(r.Headers) - i
			break
		}
		key, _ := cut(strings.ToValidUTF8(h.Key, "\uFFFD"), maxHeaderKey)
		f := header(h, budget)
		budget -= len(key) + len(f.Text)
		out.Headers = append(out.Headers, Header{key, f})
	}
	return out
}

func sizeOf(r *kgo.Record) int {
	n := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// field shows a key or a value by the first decoder that takes it.
func (d *decoder) field(ctx context.Context, r *kgo.Record, key bool) Field {
	b := r.Value
	if key {
		b = r.Key
	}
	f := Field{Bytes: len(b), Attempts: []Attempt{}}
	if b == nil {
		f.Null, f.Format = true, "null"
		return f
	}
	for _, name := range d.order(key) {
		text, err := d.try(ctx, name, r, b, key, &f)
		if err == nil {
			f.Text, f.Truncated = cut(text, d.max)
			return f
		}
		if !errors.Is(err, errNotAsked) {
			f.Attempts = append(f.Attempts, Attempt{name, err.Error()})
		}
	}
	f.Format = Hex
	f.Text, f.Truncated = hexText(b, d.max)
	return f
}

var errNotAsked = errors.New("")

func (d *decoder) order(key bool) []string {
	switch d.want {
	case Hex:
		return nil
	case Text:
		return []string{"any text"}
	case Avro:
		return []string{Avro}
	case JSON:
		return []string{JSON, Text}
	}
	if own, format := ownFormat(d.topic); own != nil {
		return []string{format, Avro, JSON, Text}
	}
	return []string{Avro, JSON, Text}
}

// try decodes by one decoder.
func (d *decoder) try(ctx context.Context, name string, r *kgo.Record, b []byte, key bool, f *Field) (string, error) {
	switch name {
	case Avro:
		if len(b) == 0 && d.want != Avro && !namesSchema(r, key) {
			return "", errNotAsked
		}
		return d.registryText(ctx, r, key, f)
	case JSON:
		if len(b) == 0 && d.want != JSON {
			return "", errNotAsked
		}
		f.Format = JSON
		return string(b[:min(len(b), d.max+utf8.UTFMax)]), checkJSON(b)
	case Text:
		f.Format = Text
		return string(b[:min(len(b), d.max+utf8.UTFMax)]), checkText(b)
	case "any text":
		f.Format = Text
		return strings.ToValidUTF8(string(b[:min(len(b), d.max+utf8.UTFMax)]), "\uFFFD"), nil
	}
	own, format := ownFormat(d.topic)
	if len(b) > maxOwn {
		return "", fmt.Errorf("%d bytes are more than the %d of its records", len(b), maxOwn)
	}
	f.Format = format
	return own(r, key)
}

// registryText shows what the registry decodes.
func (d *decoder) registryText(ctx context.Context, r *kgo.Record, key bool, f *Field) (string, error) {
	v, id, err := d.ask(ctx, r, key)
	f.SchemaID = id.Number
	if err == nil {
		f.SchemaID, f.Format = d.registry.Schema(ctx, id)
	}
	if f.SchemaID > 0 && d.registry != nil && d.down.Load() == nil {
		f.Subject = d.registry.Subject(ctx, f.SchemaID)
	}
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(printable(v))
	return string(text), err
}

// ask has the registry decode a key or a value. The id is zero if it names none.
func (d *decoder) ask(ctx context.Context, r *kgo.Record, key bool) (v any, id serde.SchemaID, err error) {
	frame, err := serde.ParseRecord(r, key)
	switch {
	case err != nil:
		return nil, serde.SchemaID{}, err
	case d.registry == nil:
		return nil, frame.ID, errNoRegistry
	}
	if down := d.down.Load(); down != nil {
		return nil, frame.ID, *down
	}
	if v, err = d.registry.Decode(ctx, r, key); errors.Is(err, serde.ErrRegistry) {
		d.down.Store(&err)
	}
	return v, frame.ID, err
}

// namesSchema says whether a record has a header that names the schema of its key
// or value, which then is bare.
func namesSchema(r *kgo.Record, key bool) bool {
	name := serde.ValueHeader
	if key {
		name = serde.KeyHeader
	}
	return slices.ContainsFunc(r.Headers, func(h kgo.RecordHeader) bool { return h.Key == name })
}

// namesSchema says whether a value's first byte or a header may name its schema, and
// is to be believed.
func (d *decoder) namesSchema(r *kgo.Record) bool {
	return r.Value != nil && !r.Attrs.IsControl() && d.want != JSON && (len(r.Value) > 0 && r.Value[0] == 0 || namesSchema(r, false))
}

// decoded returns a record's value as its decoder makes it, nil if neither the
// registry decodes it nor it is JSON. What a header names in vain may be JSON on its
// own. JSON that is not as its schema wants it is JSON still: who searches may be
// after just that.
func (d *decoder) decoded(ctx context.Context, r *kgo.Record) any {
	if !d.namesSchema(r) {
		return plainJSON(r)
	}
	v, id, err := d.ask(ctx, r, false)
	switch {
	case err == nil:
		return v
	case namesSchema(r, false):
		return plainJSON(r)
	case errors.Is(err, serde.ErrSchema):
		if _, format := d.registry.Schema(ctx, id); format == JSON {
			frame, _ := serde.ParseRecord(r, false)
			return parseJSON(frame.Payload)
		}
	}
	return nil
}

func plainJSON(r *kgo.Record) any {
	if r.Attrs.IsControl() {
		return nil
	}
	return parseJSON(r.Value)
}

// parseJSON returns what a text in JSON is, nil if it is none.
func parseJSON(b []byte) any {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if len(b) == 0 || dec.Decode(&v) != nil || dec.InputOffset() != int64(len(bytes.TrimRightFunc(b, unicode.IsSpace))) {
		return nil
	}
	return v
}

func checkJSON(b []byte) error {
	trimmed := bytes.TrimLeft(b, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' && trimmed[0] != '[' {
		return errors.New("it is no object or array: neither { nor [ is its first character")
	}
	if !utf8.Valid(b) {
		return errNotUTF8
	}
	if json.Valid(b) {
		return nil
	}
	var v json.RawMessage
	err := json.Unmarshal(b, &v) // only to learn where it is wrong
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("at byte %d: %w", syntax.Offset, err)
	}
	return err
}

var errNotUTF8 = errors.New("it is not UTF-8")

func checkText(b []byte) error {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return fmt.Errorf("%w at byte %d", errNotUTF8, i)
		case unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t':
			return fmt.Errorf("the control character U+%04X is at byte %d", r, i)
		}
		i += n
	}
	return nil
}

// header shows a header's value: text, else hex.
func header(h kgo.RecordHeader, max int) Field {
	f := Field{Bytes: len(h.Value), Attempts: []Attempt{}, Format: Text}
	if h.Value == nil {
		f.Null, f.Format = true, "null"
		return f
	}
	if text, ok := stamp(h); ok {
		f.Format, f.Text = "weir", text
		return f
	}
	if err := checkText(h.Value); err != nil {
		f.Attempts = append(f.Attempts, Attempt{Text, err.Error()})
		f.Format = Hex
		f.Text, f.Truncated = hexText(h.Value, max)
		return f
	}
	f.Text, f.Truncated = cut(string(h.Value[:min(len(h.Value), max+utf8.UTFMax)]), max)
	return f
}

// cut returns the beginning of a text, of at most so many bytes and of whole
// characters.
func cut(s string, max int) (_ string, truncated bool) {
	if len(s) <= max {
		return s, false
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max], true
}

func hexText(b []byte, max int) (_ string, truncated bool) {
	n := min(len(b), max/2)
	return hex.EncodeToString(b[:n]), n < len(b)
}

// controlKey and controlValue show what a transaction's coordinator wrote.
func controlKey(b []byte) Field {
	f := Field{Bytes: len(b), Format: "kafka", Attempts: []Attempt{}}
	var key kmsg.ControlRecordKey
	if err := key.ReadFrom(b); err != nil {
		f.Format, f.Attempts = Hex, append(f.Attempts, Attempt{"kafka", err.Error()})
		f.Text, f.Truncated = hexText(b, maxHeaderKey)
		return f
	}
	f.Text = strings.ToLower(key.Type.String())
	return f
}

func controlValue(b []byte) Field {
	f := Field{Bytes: len(b), Format: "kafka", Attempts: []Attempt{}, Null: b == nil}
	var end kmsg.EndTxnMarker
	if err := end.ReadFrom(b); err != nil {
		f.Format, f.Attempts = Hex, append(f.Attempts, Attempt{"kafka", err.Error()})
		f.Text, f.Truncated = hexText(b, maxHeaderKey)
		return f
	}
	f.Text = fmt.Sprintf("coordinator epoch %d", end.CoordinatorEpoch)
	return f
}

// printable turns what Avro decodes into what JSON can hold: bytes as hex, and
// numbers that are none as text.
func printable(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = printable(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = printable(e)
		}
		return out
	case []byte:
		return "0x" + hex.EncodeToString(v)
	case float32:
		return printable(float64(v))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	case *big.Rat:
		if n, exact := v.FloatPrec(); exact {
			return v.FloatString(n)
		}
	case time.Duration:
		return v.String()
	}
	return v
}
