// @kafkajs/confluent-schema-registry, unchanged: node kafkajs_registry.js produce|consume FORMAT KAFKA REGISTRY TOPIC
const { SchemaRegistry, SchemaType } = require('@kafkajs/confluent-schema-registry')
const { send, read, print, AVRO, JSONSCHEMA } = require('./kafka.js')

const id = async (registry, format, subject) => {
  if (format === 'avro') return (await registry.register({ type: SchemaType.AVRO, schema: AVRO }, { subject })).id
  return (await registry.register({ type: SchemaType.JSON, schema: JSONSCHEMA }, { subject })).id
}

const main = async (verb, format, kafka, host, topic) => {
  const registry = new SchemaRegistry({ host }, { [SchemaType.PROTOBUF]: { messageName: 'Event' } })
  if (verb === 'consume') return read(kafka, topic, 'kafkajs-registry', async (value) => print(await registry.decode(value)))
  const schema = await id(registry, format, topic + '-value')
  const events = [0, 1, 2].map((n) => ({ client: '@kafkajs/confluent-schema-registry', n, price: { currency: 'EUR', units: n } }))
  await send(kafka, topic, await Promise.all(events.map((e) => registry.encode(schema, e))))
}

main(...process.argv.slice(2)).then(() => process.exit(0), (e) => { console.error(e); process.exit(1) })
