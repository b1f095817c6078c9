"""confluent-kafka-python, unchanged: python confluent.py produce|consume FORMAT KAFKA REGISTRY TOPIC"""
import json
import sys

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient, avro, json_schema, protobuf
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

AVRO = """{"type":"record","name":"Event","namespace":"weir.test","fields":[
{"name":"client","type":"string"},{"name":"n","type":"int"},
{"name":"price","type":{"type":"record","name":"Money","fields":[{"name":"currency","type":"string"},{"name":"units","type":"long"}]}}]}"""

JSON = """{"$schema":"http://json-schema.org/draft-07/schema#","title":"Event","type":"object","properties":{
"client":{"type":"string"},"n":{"type":"integer"},
"price":{"type":"object","properties":{"currency":{"type":"string"},"units":{"type":"integer"}},"required":["currency","units"]}},
"required":["client","n","price"]}"""


def event_class():
    """What protoc would make of event.proto, which imports money.proto."""
    pool = descriptor_pool.DescriptorPool()
    field = descriptor_pb2.FieldDescriptorProto
    money = descriptor_pb2.FileDescriptorProto(name="money.proto", package="weir.test", syntax="proto3")
    m = money.message_type.add(name="Money")
    m.field.add(name="currency", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    m.field.add(name="units", number=2, type=field.TYPE_INT64, label=field.LABEL_OPTIONAL)
    pool.Add(money)
    event = descriptor_pb2.FileDescriptorProto(name="event.proto", package="weir.test", syntax="proto3", dependency=["money.proto"])
    m = event.message_type.add(name="Event")
    m.field.add(name="client", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    m.field.add(name="n", number=2, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
    m.field.add(name="price", number=3, type=field.TYPE_MESSAGE, type_name=".weir.test.Money", label=field.LABEL_OPTIONAL)
    pool.Add(event)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("weir.test.Event"))


def codec(format, registry):
    """Returns what makes bytes of an event, and an event of bytes."""
    if format == "avro":
        return avro.AvroSerializer(registry, AVRO), avro.AvroDeserializer(registry)
    if format == "json":
        return json_schema.JSONSerializer(JSON, registry), json_schema.JSONDeserializer(None, schema_registry_client=registry)
    cls = event_class()
    ser = protobuf.ProtobufSerializer(cls, registry, {"use.deprecated.format": False})
    de = protobuf.ProtobufDeserializer(cls, {"use.deprecated.format": False}, registry)
    return (
        lambda event, ctx: ser(json_format.ParseDict(event, cls()), ctx),
        lambda data, ctx: json_format.MessageToDict(de(data, ctx), always_print_fields_with_no_presence=True),
    )


def main(verb, format, kafka, url, topic):
    serialize, deserialize = codec(format, SchemaRegistryClient({"url": url}))
    ctx = SerializationContext(topic, MessageField.VALUE)
    if verb == "produce":
        producer = Producer({"bootstrap.servers": kafka})
        for n in range(3):
            event = {"client": "confluent-kafka-python", "n": n, "price": {"currency": "EUR", "units": n}}
            producer.produce(topic, serialize(event, ctx))
        if producer.flush(30):
            sys.exit("not delivered")
        return
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "confluent-python", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)
    at = 0
    while at < end:
        message = consumer.poll(30)
        if message is None or message.error():
            sys.exit(f"no message: {message and message.error()}")
        at = message.offset() + 1
        e = deserialize(message.value(), ctx)
        e["price"]["units"] = int(e["price"]["units"])  # Protobuf's JSON has them as text
        print(json.dumps(e, sort_keys=True))
    consumer.close()


main(*sys.argv[1:])
