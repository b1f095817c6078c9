// Carries the bytes for the registry clients of npm, which know no Kafka.
const { Kafka, logLevel } = require('kafkajs')

// send produces the values to partition 0.
exports.send = async (kafka, topic, values) => {
  const producer = new Kafka({ brokers: [kafka], logLevel: logLevel.ERROR }).producer()
  await producer.connect()
  await producer.send({ topic, messages: values.map((value) => ({ value, partition: 0 })) })
  await producer.disconnect()
}

// read calls back with each value of partition 0, from the start to the end as it is now.
exports.read = async (kafka, topic, groupId, each) => {
  const client = new Kafka({ brokers: [kafka], logLevel: logLevel.ERROR })
  const admin = client.admin()
  await admin.connect()
  const end = Number((await admin.fetchTopicOffsets(topic))[0].high)
  await admin.disconnect()
  if (end === 0) return
  const consumer = client.consumer({ groupId })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise((done, failed) => {
    consumer.run({
      eachMessage: async ({ message }) => {
        if (Number(message.offset) >= end) return
        try {
          await each(message.value)
        } catch (e) {
          failed(e)
        }
        if (Number(message.offset) === end - 1) done()
      },
    })
  })
  await consumer.disconnect()
}

const sorted = (v) => (v && typeof v === 'object' ? Object.fromEntries(Object.keys(v).sort().map((k) => [k, sorted(v[k])])) : v)

// print writes an event as the other clients do. Some clients have 64-bit numbers as objects or text.
exports.print = (e) => {
  console.log(JSON.stringify(sorted({ client: e.client, n: Number(e.n), price: { currency: e.price.currency, units: Number(e.price.units) } })))
}

exports.AVRO = JSON.stringify({
  type: 'record', name: 'Event', namespace: 'weir.test', fields: [
    { name: 'client', type: 'string' },
    { name: 'n', type: 'int' },
    { name: 'price', type: { type: 'record', name: 'Money', fields: [{ name: 'currency', type: 'string' }, { name: 'units', type: 'long' }] } },
  ],
})

exports.JSONSCHEMA = JSON.stringify({
  $schema: 'http://json-schema.org/draft-07/schema#', title: 'Event', type: 'object',
  properties: {
    client: { type: 'string' },
    n: { type: 'integer' },
    price: { type: 'object', properties: { currency: { type: 'string' }, units: { type: 'integer' } }, required: ['currency', 'units'] },
  },
  required: ['client', 'n', 'price'],
})
