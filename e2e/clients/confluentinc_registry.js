// @confluentinc/schemaregistry, unchanged: node confluentinc_registry.js produce|consume FORMAT KAFKA REGISTRY TOPIC
const { SchemaRegistryClient, SerdeType, AvroSerializer, AvroDeserializer, JsonSerializer, JsonDeserializer } = require('@confluentinc/schemaregistry')
const { send, read, print, AVRO, JSONSCHEMA } = require('./kafka.js')

const main = async (verb, format, kafka, url, topic) => {
  const registry = new SchemaRegistryClient({ baseURLs: [url] })
  const [Serializer, Deserializer] = format === 'avro' ? [AvroSerializer, AvroDeserializer] : [JsonSerializer, JsonDeserializer]
  if (verb === 'consume') {
    const d = new Deserializer(registry, SerdeType.VALUE, {})
    return read(kafka, topic, 'confluentinc-registry', async (value) => print(await d.deserialize(topic, value)))
  }
  const info = format === 'avro' ? { schemaType: 'AVRO', schema: AVRO } : { schemaType: 'JSON', schema: JSONSCHEMA }
  await registry.register(topic + '-value', info)
  const s = new Serializer(registry, SerdeType.VALUE, { useLatestVersion: true })
  const values = []
  for (const n of [0, 1, 2]) values.push(await s.serialize(topic, { client: '@confluentinc/schemaregistry', n, price: { currency: 'EUR', units: n } }))
  await send(kafka, topic, values)
}

main(...process.argv.slice(2)).then(() => process.exit(0), (e) => { console.error(e); process.exit(1) })
