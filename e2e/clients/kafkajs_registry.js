// @kafkajs/confluent-schema-registry, unchanged: node kafkajs_registry.js produce|consume FORMAT KAFKA REGISTRY TOPIC
const { SchemaRegistry, SchemaType } = require('@kafkajs/confluent-schema-registry')
const { send, read, print, AVRO, JSONSCHEMA } = require('./kafka.js')

const MONEY = 'syntax = "proto3";\npackage weir.test;\n\nmessage Money {\n  string currency = 1;\n  int64 units = 2;\n}\n'
const EVENT = 'syntax = "proto3";\npackage weir.test;\n\nimport "money.proto";\n\nmessage Event {\n  string client = 1;\n  int32 n = 2;\n  .weir.test.Money price = 3;\n}\n'

const id = async (registry, format, subject) => {
  if (format === 'avro') return (await registry.register({ type: SchemaType.AVRO, schema: AVRO }, { subject })).id
  if (format === 'json') return (await registry.register({ type: SchemaType.JSON, schema: JSONSCHEMA }, { subject })).id
  await registry.register({ type: SchemaType.PROTOBUF, schema: MONEY }, { subject: 'money.proto' })
  const references = [{ name: 'money.proto', subject: 'money.proto', version: 1 }]
  return (await registry.register({ type: SchemaType.PROTOBUF, schema: EVENT, references }, { subject })).id
}

const main = async (verb, format, kafka, host, topic) => {
  const registry = new SchemaRegistry({ host }, { [SchemaType.PROTOBUF]: { messageName: 'Event' } })
  if (verb === 'consume') return read(kafka, topic, 'kafkajs-registry', async (value) => print(await registry.decode(value)))
  const schema = await id(registry, format, topic + '-value')
  const events = [0, 1, 2].map((n) => ({ client: '@kafkajs/confluent-schema-registry', n, price: { currency: 'EUR', units: n } }))
  await send(kafka, topic, await Promise.all(events.map((e) => registry.encode(schema, e))))
}

main(...process.argv.slice(2)).then(() => process.exit(0), (e) => { console.error(e); process.exit(1) })
