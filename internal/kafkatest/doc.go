// Package kafkatest runs real Apache Kafka for tests and benchmarks, and runs a test once per engine.
//
// The jars come from Maven Central, once per machine and version, into the user's cache directory; KAFKA_HOME names an unpacked distribution
// to use instead of Version. A cluster is one to three Java processes, each broker and controller in one, on free ports of 127.0.0.1 with
// fresh directories. Options give it racks, several log directories, another version, and a listener with SASL, TLS or both, which may ask for
// client certificates; the brokers talk among themselves on other listeners, in plain text. Each broker can be stopped, killed, paused, and
// started again on the same data and ports. None outlives the test, nor the test binary however that ends, and a failed test prints the end
// of their logs.
//
// Without Java, or without jars and Maven, a test that asks for a cluster is skipped and says what to install; with CI=true it fails.
//
// Cost, on 2 cores: once per version 6 to 9 s to fetch 54 MB of jars, and one slow start to make a class archive of 50 MB, which halves the
// CPU of every start after that. Then 3 s to format and start one broker and 5 s for three, while nothing else runs, with 1.5 CPU seconds
// and about 170 MB of memory each. A killed or paused broker leaves the ISRs after 4 s, its session; one that is stopped, after 1 s. Stop of
// three takes 6 s: the last controller waits 5 s for the others.
//
// It does not break networks, and its one SASL user may do everything: there is no authorizer.
package kafkatest
