// @confluentinc/schemaregistry, unchanged: node confluentinc_registry.js produce|consume FORMAT KAFKA REGISTRY TOPIC
const {
  SchemaRegistryClient, SerdeType, AvroSerializer, AvroDeserializer, JsonSerializer, JsonDeserializer, ProtobufSerializer, ProtobufDeserializer,
} = require('@confluentinc/schemaregistry')
const { create, createFileRegistry, createMutableRegistry } = require('@bufbuild/protobuf')
const { FileDescriptorProtoSchema, FieldDescriptorProto_Type: Type, FieldDescriptorProto_Label: Label } = require('@bufbuild/protobuf/wkt')
const { send, read, print, AVRO, JSONSCHEMA } = require('./kafka.js')

// protobufEvent returns what a compiler would make of event.proto, which imports money.proto.
const protobufEvent = () => {
  const file = (name, dependency, message, fields) => create(FileDescriptorProtoSchema, {
    name, dependency, package: 'weir.test', syntax: 'proto3',
    messageType: [{ name: message, field: fields.map(([name, type, typeName], i) => ({ name, jsonName: name, number: i + 1, type, typeName, label: Label.OPTIONAL })) }],
  })
  const money = file('money.proto', [], 'Money', [['currency', Type.STRING], ['units', Type.INT64]])
  const event = file('event.proto', ['money.proto'], 'Event', [['client', Type.STRING], ['n', Type.INT32], ['price', Type.MESSAGE, '.weir.test.Money']])
  return createFileRegistry(event, () => money).getMessage('weir.test.Event')
}

// codec returns what makes bytes of an event, and an event of bytes.
const codec = async (format, registry, topic) => {
  if (format === 'protobuf') {
    const type = protobufEvent()
    const s = new ProtobufSerializer(registry, SerdeType.VALUE, { registry: createMutableRegistry(type), autoRegisterSchemas: true })
    const d = new ProtobufDeserializer(registry, SerdeType.VALUE, {})
    return [(e) => s.serialize(topic, create(type, { ...e, price: { ...e.price, units: BigInt(e.price.units) } })), (value) => d.deserialize(topic, value)]
  }
  const [Serializer, Deserializer, info] = format === 'avro'
    ? [AvroSerializer, AvroDeserializer, { schemaType: 'AVRO', schema: AVRO }]
    : [JsonSerializer, JsonDeserializer, { schemaType: 'JSON', schema: JSONSCHEMA }]
  const s = new Serializer(registry, SerdeType.VALUE, { useLatestVersion: true })
  const d = new Deserializer(registry, SerdeType.VALUE, {})
  return [async (e) => {
    await registry.register(topic + '-value', info)
    return s.serialize(topic, e)
  }, (value) => d.deserialize(topic, value)]
}

const main = async (verb, format, kafka, url, topic) => {
  const [encode, decode] = await codec(format, new SchemaRegistryClient({ baseURLs: [url] }), topic)
  if (verb === 'consume') return read(kafka, topic, 'confluentinc-registry', async (value) => print(await decode(value)))
  const values = []
  for (const n of [0, 1, 2]) values.push(await encode({ client: '@confluentinc/schemaregistry', n, price: { currency: 'EUR', units: n } }))
  await send(kafka, topic, values)
}

main(...process.argv.slice(2)).then(() => process.exit(0), (e) => { console.error(e); process.exit(1) })
