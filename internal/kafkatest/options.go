package kafkatest

import (
	"fmt"
	"strings"
)

// Option makes a cluster different from one broker of Version that lets everybody in.
type Option func(*settings)

type settings struct {
	version        string
	brokers        int
	racks          []string // one per broker, or none
	logDirs        int      // per broker
	user, password string   // no SASL while empty
	tls            bool
	clientAuth     bool // with tls only
}

// Brokers sets the number of brokers, 1 to 3; their node ids count from 1. Each is a voter of the one KRaft quorum: three survive the loss
// of any one, while two need both to change anything, an ISR included.
func Brokers(n int) Option { return func(s *settings) { s.brokers = n } }

// Racks names the rack of each broker.
func Racks(names ...string) Option { return func(s *settings) { s.racks = names } }

// LogDirs gives each broker n log directories.
func LogDirs(n int) Option { return func(s *settings) { s.logDirs = n } }

// SASL asks clients for this user, by SCRAM-SHA-256 or PLAIN. Letters, digits, dash and underscore only.
func SASL(user, password string) Option {
	return func(s *settings) { s.user, s.password = user, password }
}

// TLS makes clients use TLS, and trust CA.
func TLS() Option { return func(s *settings) { s.tls = true } }

// ClientCertificates makes clients use TLS too, and show a certificate of the same authority: Cluster.ClientCertificate is one.
func ClientCertificates() Option { return func(s *settings) { s.tls, s.clientAuth = true, true } }

// AtVersion sets the version of Apache Kafka: Version or Version39.
func AtVersion(version string) Option { return func(s *settings) { s.version = version } }

func (s *settings) validate() error {
	if s.brokers < 1 || s.brokers > 3 {
		return fmt.Errorf("%d brokers: 1 to 3 are possible", s.brokers)
	}
	if len(s.racks) != 0 && len(s.racks) != s.brokers {
		return fmt.Errorf("%d racks for %d brokers", len(s.racks), s.brokers)
	}
	if s.logDirs < 1 {
		return fmt.Errorf("%d log directories", s.logDirs)
	}
	return nil
}

func (s *settings) protocol() string {
	switch {
	case s.user != "" && s.tls:
		return "SASL_SSL"
	case s.user != "":
		return "SASL_PLAINTEXT"
	case s.tls:
		return "SSL"
	}
	return "PLAINTEXT"
}

// shared are the settings that do not depend on the options: small, and without the delays that only help large clusters.
const shared = `process.roles=broker,controller
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
auto.create.topics.enable=false
offsets.topic.num.partitions=8
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
# After a kill the controller lets the broker back in only when its old session has ended; the default is 9000.
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
# The default of 128 MB does not fit the heap.
log.cleaner.dedupe.buffer.size=8388608
`

// properties is the server.properties of b, one of all. Clients have a listener of their own, so that the brokers among themselves need
// neither passwords nor certificates.
func (s *settings) properties(b *broker, all []*broker, keystore, truststore string) string {
	var text strings.Builder
	set := func(key string, value any) { fmt.Fprintf(&text, "%s=%v\n", key, value) }

	text.WriteString(shared)
	set("node.id", b.id)
	set("listeners", fmt.Sprintf("CLIENT://%s,INTERNAL://%s,CONTROLLER://%s", b.addr, b.internal, b.controller))
	set("listener.security.protocol.map", "CLIENT:"+s.protocol()+",INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT")
	voters := make([]string, len(all))
	for i, v := range all {
		voters[i] = fmt.Sprintf("%d@%s", v.id, v.controller)
	}
	set("controller.quorum.voters", strings.Join(voters, ","))
	dirs := make([]string, s.logDirs)
	for i := range dirs {
		dirs[i] = b.path(fmt.Sprintf("data%d", i+1))
	}
	set("log.dirs", strings.Join(dirs, ","))
	if len(s.racks) > 0 {
		set("broker.rack", s.racks[b.id-1])
	}

	// Kafka's own topics work while one broker of three is down, and one of two as far as its quorum lets it.
	replicas := s.brokers
	set("offsets.topic.replication.factor", replicas)
	for _, topic := range []string{"transaction.state.log", "share.coordinator.state.topic"} {
		set(topic+".replication.factor", replicas)
		set(topic+".min.isr", max(1, replicas-1))
	}

	if s.user != "" {
		const jaas, module = "sasl.jaas.config", "org.apache.kafka.common.security."
		set("listener.name.client.sasl.enabled.mechanisms", "SCRAM-SHA-256,PLAIN")
		set("listener.name.client.scram-sha-256."+jaas, module+"scram.ScramLoginModule required;")
		set("listener.name.client.plain."+jaas, fmt.Sprintf("%splain.PlainLoginModule required user_%s=%q;", module, s.user, s.password))
	}
	if s.tls {
		set("listener.name.client.ssl.keystore.type", "PEM")
		set("listener.name.client.ssl.keystore.location", keystore)
	}
	if s.clientAuth {
		set("listener.name.client.ssl.client.auth", "required")
		set("listener.name.client.ssl.truststore.type", "PEM")
		set("listener.name.client.ssl.truststore.location", truststore)
	}
	return text.String()
}
