"""python-schema-registry-client, unchanged: python registry_client.py produce|consume FORMAT KAFKA REGISTRY TOPIC"""
import json
import sys

from confluent_kafka import Consumer, Producer, TopicPartition
from schema_registry.client import SchemaRegistryClient, schema
from schema_registry.serializers import AvroMessageSerializer, JsonMessageSerializer

AVRO = {
    "type": "record", "name": "Event", "namespace": "weir.test", "fields": [
        {"name": "client", "type": "string"},
        {"name": "n", "type": "int"},
        {"name": "price", "type": {"type": "record", "name": "Money", "fields": [
            {"name": "currency", "type": "string"}, {"name": "units", "type": "long"}]}},
    ],
}

JSON = {
    "$schema": "http://json-schema.org/draft-07/schema#", "title": "Event", "type": "object", "properties": {
        "client": {"type": "string"},
        "n": {"type": "integer"},
        "price": {"type": "object", "properties": {
            "currency": {"type": "string"}, "units": {"type": "integer"}}, "required": ["currency", "units"]},
    }, "required": ["client", "n", "price"],
}


def main(verb, format, kafka, url, topic):
    registry = SchemaRegistryClient(url=url)
    if format == "avro":
        serializer, event_schema = AvroMessageSerializer(registry), schema.AvroSchema(AVRO)
    else:
        serializer, event_schema = JsonMessageSerializer(registry), schema.JsonSchema(JSON)
    if verb == "produce":
        producer = Producer({"bootstrap.servers": kafka})
        for n in range(3):
            event = {"client": "python-schema-registry-client", "n": n, "price": {"currency": "EUR", "units": n}}
            producer.produce(topic, serializer.encode_record_with_schema(topic + "-value", event_schema, event))
        if producer.flush(30):
            sys.exit("not delivered")
        return
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "python-registry-client", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)
    at = 0
    while at < end:
        message = consumer.poll(30)
        if message is None or message.error():
            sys.exit(f"no message: {message and message.error()}")
        at = message.offset() + 1
        print(json.dumps(serializer.decode_message(message.value()), sort_keys=True))
    consumer.close()


main(*sys.argv[1:])
