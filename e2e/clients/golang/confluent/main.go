// confluent is confluent-kafka-go: confluent produce|consume FORMAT KAFKA REGISTRY TOPIC
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/serde"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/serde/avrov2"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/serde/jsonschema"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/serde/protobuf"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Money is a price.
type Money struct {
	Currency string `avro:"currency" json:"currency"`
	Units    int64  `avro:"units" json:"units"`
}

// Event has its fields in the order of the alphabet, as the others print them.
type Event struct {
	Client string `avro:"client" json:"client"`
	N      int32  `avro:"n" json:"n"`
	Price  Money  `avro:"price" json:"price"`
}

const avroEvent = `{"type":"record","name":"Event","namespace":"weir.test","fields":[{"name":"client","type":"string"},{"name":"n","type":"int"},` +
	`{"name":"price","type":{"type":"record","name":"Money","fields":[{"name":"currency","type":"string"},{"name":"units","type":"long"}]}}]}`

const jsonEvent = `{"$schema":"http://json-schema.org/draft-07/schema#","title":"Event","type":"object","properties":{"client":{"type":"string"},"n":{"type":"integer"},` +
	`"price":{"type":"object","properties":{"currency":{"type":"string"},"units":{"type":"integer"}},"required":["currency","units"]}},"required":["client","n","price"]}`

// codec makes bytes of an event, and an event of bytes.
type codec struct {
	encode func(topic string, e Event) ([]byte, error)
	decode func(topic string, data []byte) (Event, error)
}

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]); err != nil {
		log.Fatal(err)
	}
}

func run(verb, format, brokers, url, topic string) error {
	registry, err := schemaregistry.NewClient(schemaregistry.NewConfig(url))
	if err != nil {
		return err
	}
	var c codec
	switch format {
	case "avro":
		c, err = avroCodec(registry, topic)
	case "json":
		c, err = jsonCodec(registry, topic)
	default:
		c, err = protobufCodec(registry)
	}
	if err != nil {
		return err
	}
	if verb == "produce" {
		return produce(c, brokers, topic)
	}
	return consume(c, brokers, topic)
}

func avroCodec(registry schemaregistry.Client, topic string) (c codec, err error) {
	if _, err = registry.Register(topic+"-value", schemaregistry.SchemaInfo{Schema: avroEvent}, false); err != nil {
		return c, err
	}
	conf := avrov2.NewSerializerConfig()
	conf.AutoRegisterSchemas, conf.UseLatestVersion = false, true
	s, err := avrov2.NewSerializer(registry, serde.ValueSerde, conf)
	if err != nil {
		return c, err
	}
	d, err := avrov2.NewDeserializer(registry, serde.ValueSerde, avrov2.NewDeserializerConfig())
	return codec{
		func(topic string, e Event) ([]byte, error) { return s.Serialize(topic, &e) },
		func(topic string, data []byte) (e Event, err error) { return e, d.DeserializeInto(topic, data, &e) },
	}, err
}

func jsonCodec(registry schemaregistry.Client, topic string) (c codec, err error) {
	if _, err = registry.Register(topic+"-value", schemaregistry.SchemaInfo{Schema: jsonEvent, SchemaType: "JSON"}, false); err != nil {
		return c, err
	}
	conf := jsonschema.NewSerializerConfig()
	conf.AutoRegisterSchemas, conf.UseLatestVersion = false, true
	s, err := jsonschema.NewSerializer(registry, serde.ValueSerde, conf)
	if err != nil {
		return c, err
	}
	d, err := jsonschema.NewDeserializer(registry, serde.ValueSerde, jsonschema.NewDeserializerConfig())
	return codec{
		func(topic string, e Event) ([]byte, error) { return s.Serialize(topic, &e) },
		func(topic string, data []byte) (e Event, err error) { return e, d.DeserializeInto(topic, data, &e) },
	}, err
}

func protobufCodec(registry schemaregistry.Client) (c codec, err error) {
	event, err := eventType()
	if err != nil {
		return c, err
	}
	s, err := protobuf.NewSerializer(registry, serde.ValueSerde, protobuf.NewSerializerConfig())
	if err != nil {
		return c, err
	}
	d, err := protobuf.NewDeserializer(registry, serde.ValueSerde, protobuf.NewDeserializerConfig())
	if err != nil {
		return c, err
	}
	return codec{
		func(topic string, e Event) ([]byte, error) {
			m := event.New().Interface()
			line, err := json.Marshal(e)
			if err != nil {
				return nil, err
			}
			if err := protojson.Unmarshal(line, m); err != nil {
				return nil, err
			}
			return s.Serialize(topic, m)
		},
		func(topic string, data []byte) (e Event, err error) {
			m := event.New().Interface()
			if err := d.DeserializeInto(topic, data, m); err != nil {
				return e, err
			}
			return read(m), nil
		},
	}, nil
}

func read(m proto.Message) (e Event) {
	fields := func(m protoreflect.Message, name protoreflect.Name) protoreflect.Value {
		return m.Get(m.Descriptor().Fields().ByName(name))
	}
	r := m.ProtoReflect()
	price := fields(r, "price").Message()
	return Event{fields(r, "client").String(), int32(fields(r, "n").Int()), Money{fields(price, "currency").String(), fields(price, "units").Int()}}
}

// eventType is what protoc would make of event.proto, which imports money.proto.
func eventType() (protoreflect.MessageType, error) {
	field := func(name string, number int32, kind descriptorpb.FieldDescriptorProto_Type, typeName string) *descriptorpb.FieldDescriptorProto {
		f := &descriptorpb.FieldDescriptorProto{Name: &name, Number: &number, Type: &kind, Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
		if typeName != "" {
			f.TypeName = &typeName
		}
		return f
	}
	for _, file := range []*descriptorpb.FileDescriptorProto{
		{Name: proto.String("money.proto"), Package: proto.String("weir.test"), Syntax: proto.String("proto3"), MessageType: []*descriptorpb.DescriptorProto{{
			Name: proto.String("Money"), Field: []*descriptorpb.FieldDescriptorProto{
				field("currency", 1, descriptorpb.FieldDescriptorProto_TYPE_STRING, ""), field("units", 2, descriptorpb.FieldDescriptorProto_TYPE_INT64, ""),
			}}}},
		{Name: proto.String("event.proto"), Package: proto.String("weir.test"), Syntax: proto.String("proto3"), Dependency: []string{"money.proto"}, MessageType: []*descriptorpb.DescriptorProto{{
			Name: proto.String("Event"), Field: []*descriptorpb.FieldDescriptorProto{
				field("client", 1, descriptorpb.FieldDescriptorProto_TYPE_STRING, ""), field("n", 2, descriptorpb.FieldDescriptorProto_TYPE_INT32, ""),
				field("price", 3, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".weir.test.Money"),
			}}}},
	} {
		d, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
		if err != nil {
			return nil, err
		}
		if err := protoregistry.GlobalFiles.RegisterFile(d); err != nil {
			return nil, err
		}
	}
	d, err := protoregistry.GlobalFiles.FindDescriptorByName("weir.test.Event")
	if err != nil {
		return nil, err
	}
	return dynamicpb.NewMessageType(d.(protoreflect.MessageDescriptor)), nil
}

func produce(c codec, brokers, topic string) error {
	producer, err := kafka.NewProducer(&kafka.ConfigMap{"bootstrap.servers": brokers})
	if err != nil {
		return err
	}
	defer producer.Close()
	go func() {
		for range producer.Events() {
		}
	}()
	for n := range 3 {
		value, err := c.encode(topic, Event{"confluent-kafka-go", int32(n), Money{"EUR", int64(n)}})
		if err != nil {
			return err
		}
		if err := producer.Produce(&kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: 0}, Value: value}, nil); err != nil {
			return err
		}
	}
	if left := producer.Flush(30_000); left > 0 {
		return fmt.Errorf("%d events not delivered", left)
	}
	return nil
}

func consume(c codec, brokers, topic string) error {
	consumer, err := kafka.NewConsumer(&kafka.ConfigMap{"bootstrap.servers": brokers, "group.id": "confluent-go"})
	if err != nil {
		return err
	}
	defer consumer.Close()
	_, end, err := consumer.QueryWatermarkOffsets(topic, 0, 30_000)
	if err != nil {
		return err
	}
	if err := consumer.Assign([]kafka.TopicPartition{{Topic: &topic, Partition: 0, Offset: 0}}); err != nil {
		return err
	}
	for at := kafka.Offset(0); at < kafka.Offset(end); {
		m, err := consumer.ReadMessage(30 * time.Second)
		if err != nil {
			return err
		}
		at = m.TopicPartition.Offset + 1
		e, err := c.decode(topic, m.Value)
		if err != nil {
			return err
		}
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		fmt.Println(string(line))
	}
	return nil
}
