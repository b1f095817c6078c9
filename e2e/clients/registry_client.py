"""python-schema-registry-client, unchanged: python registry_client.py produce|consume avro KAFKA REGISTRY TOPIC"""
import json
import sys

from confluent_kafka import Consumer, Producer, TopicPartition
from schema_registry.client import SchemaRegistryClient, schema
from schema_registry.serializers import AvroMessageSerializer

AVRO = {
    "type": "record", "name": "Event", "namespace": "weir.test", "fields": [
        {"name": "client", "type": "string"},
        {"name": "n", "type": "int"},
        {"name": "price", "type": {"type": "record", "name": "Money", "fields": [
            {"name": "currency", "type": "string"}, {"name": "units", "type": "long"}]}},
    ],
}


def main(verb, format, kafka, url, topic):
    serializer = AvroMessageSerializer(SchemaRegistryClient(url=url))
    if verb == "produce":
        producer = Producer({"bootstrap.servers": kafka})
        for n in range(3):
            event = {"client": "python-schema-registry-client", "n": n, "price": {"currency": "EUR", "units": n}}
            producer.produce(topic, serializer.encode_record_with_schema(topic + "-value", schema.AvroSchema(AVRO), event))
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
