// Package e2e runs the weir binary as a user would and looks at what it leaves
// on the topics with other tools: kcat, another Avro library, a browser. Each
// test runs on embedded engines and on real Apache Kafka where that makes a
// difference.
package e2e
