// Package kafkatest runs real Apache Kafka for tests and benchmarks, and runs a test once per engine.
//
// The jars come from Maven Central, once per machine, into the user's cache directory; KAFKA_HOME names an unpacked distribution to use
// instead. A cluster is one Java process, broker and controller in one, on free ports of 127.0.0.1 with a fresh directory. It can be
// stopped, killed and started again on the same data and ports. It never outlives the test, nor the test binary however that ends, and a
// failed test prints the end of its log.
//
// Without Java, or without jars and Maven, a test that asks for a cluster is skipped and says what to install; with CI=true it fails.
//
// Cost, on 2 cores: 6 s to fetch 54 MB once, then 1 s to format and 2 to 3 s to start a cluster, and about 170 MB of memory each.
//
// It is one broker: what needs replicas is not tested by it.
package kafkatest
