package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/kafkatest"
)

const (
	user     = "weir"
	password = "pass-word_1"
)

// certificate is for 127.0.0.1, by the authority that ca is the file of.
func certificate(t *testing.T) (server tls.Certificate, ca string) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return s.TLS.Certificates[0], write(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

func write(t *testing.T, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSecurity(t *testing.T) {
	t.Parallel()
	t.Run("fake", func(t *testing.T) {
		cert, ca := certificate(t)
		start := func(opts ...kfake.Opt) string {
			c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1))...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			return c.ListenAddrs()[0]
		}
		testSecurity(t, start(kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}), kfake.EnableSASL(),
			kfake.Superuser("SCRAM-SHA-256", user, password), kfake.Superuser("PLAIN", user, password)), ca, "closed the connection when user %s logged in with %s", io.EOF)
	})
	eachKafka(t, func(t *testing.T, version kafkatest.Option) {
		kafka := kafkatest.Start(t, version, kafkatest.TLS(), kafkatest.SASL(user, password))
		testSecurity(t, kafka.Bootstrap(), write(t, kafka.CA()), "it refused user %s with %s", kerr.SaslAuthenticationFailed)
	})
}

// eachKafka runs body once per version of real Kafka, by the names of
// kafkatest.EachEngine.
func eachKafka(t *testing.T, body func(t *testing.T, version kafkatest.Option)) {
	for name, version := range map[string]string{"kafka": kafkatest.Version, "kafka-" + kafkatest.Version39: kafkatest.Version39} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("NO REAL KAFKA: -short is set")
			}
			body(t, kafkatest.AtVersion(version))
		})
	}
}

// testSecurity also takes how the engine refuses a user.
func testSecurity(t *testing.T, addr, ca, refused string, refusal error) {
	trusted := &TLS{CA: ca}
	known := &SASL{Mechanism: "SCRAM-SHA-256", User: user, Password: password}
	for _, test := range []struct {
		name     string
		security Security
		says     []string // nil: it connects
		is       error
	}{
		{"scram over tls", Security{trusted, known}, nil, nil},
		{"plain over tls", Security{trusted, &SASL{Mechanism: "plain", User: user, Password: password}}, nil, nil},
		{"no check", Security{&TLS{InsecureSkipVerify: true}, known}, nil, nil},
		{"wrong password", Security{trusted, &SASL{Mechanism: "SCRAM-SHA-256", User: user, Password: "wrong-secret"}}, []string{fmt.Sprintf(refused, user, "SCRAM-SHA-256"), "check sasl.user"}, refusal},
		{"wrong plain password", Security{trusted, &SASL{Mechanism: "PLAIN", User: user, Password: "wrong-secret"}}, []string{fmt.Sprintf(refused, user, "PLAIN"), "check sasl.user"}, refusal},
		{"unknown user", Security{trusted, &SASL{Mechanism: "SCRAM-SHA-256", User: "nobody", Password: "wrong-secret"}}, []string{fmt.Sprintf(refused, "nobody", "SCRAM-SHA-256"), "check sasl.user"}, refusal},
		{"no tls", Security{nil, known}, []string{"the broker at " + addr + " speaks TLS; set tls"}, nil},
		{"neither", Security{}, []string{"speaks TLS; set tls"}, nil},
		{"unknown authority", Security{&TLS{}, known}, []string{"signed by nobody that we trust", "set tls.ca"}, nil},
		{"another name", Security{&TLS{CA: ca, ServerName: "kafka.elsewhere"}, known}, []string{"is for another name", "tls.server_name", "kafka.elsewhere"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := Connect(t.Context(), Config{Name: "east", Bootstrap: []string{addr}, Security: test.security})
			if test.says == nil {
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				checkConnected(t, c)
				return
			}
			wantError(t, err, append(test.says, "connecting to cluster east")...)
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is not %v", err, test.is)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the password is in %q", err)
			}
		})
	}
}

// checkConnected wants every kind of client of the cluster to get through.
func checkConnected(t *testing.T, c *Cluster) {
	t.Helper()
	if s := refresh(t, c, nil); len(s.Brokers) != 1 || len(s.Errors) != 0 {
		t.Errorf("%+v", s)
	}
	for name, make := range map[string]func() (*kgo.Client, error){
		"Client": func() (*kgo.Client, error) { return c.Client() },
		"Opts":   func() (*kgo.Client, error) { return kgo.NewClient(c.Opts()...) },
	} {
		client, err := make()
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		client.Close()
	}
}

// What a cluster wants that the configuration does not have, or the other way
// round, where TLS is not in play.
func TestSecurityWithoutTLS(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, start func(t testing.TB) string) {
		addr := start(t)
		noUser := "takes no user at " + addr + ": remove sasl"
		if strings.HasSuffix(t.Name(), "/embedded") {
			noUser = "remove sasl if it takes no user"
		}
		for _, test := range []struct {
			security Security
			says     string
		}{
			{Security{TLS: &TLS{InsecureSkipVerify: true}}, "the broker at " + addr + " does not speak TLS; remove tls"},
			{Security{SASL: &SASL{User: user, Password: password}}, noUser},
		} {
			_, err := Connect(t.Context(), Config{Name: "east", Bootstrap: []string{addr}, Security: test.security})
			wantError(t, err, "connecting to cluster east", test.says)
		}
	}, kafkatest.Version39)
}

func TestSecurityUserWanted(t *testing.T) {
	t.Parallel()
	eachKafka(t, func(t *testing.T, version kafkatest.Option) {
		addr := kafkatest.Start(t, version, kafkatest.SASL(user, password)).Bootstrap()
		_, err := Connect(t.Context(), Config{Name: "east", Bootstrap: []string{addr}})
		wantError(t, err, "connecting to cluster east", "the broker at "+addr, "set sasl")
		_, err = Connect(t.Context(), Config{Name: "east", Bootstrap: []string{addr}, Security: Security{SASL: &SASL{User: user, Password: password}}})
		wantError(t, err, "connecting to cluster east", "does not take sasl.mechanism SCRAM-SHA-512")
	})
}

// The broker wants to see a certificate of ours.
func TestSecurityClientCertificate(t *testing.T) {
	t.Parallel()
	eachKafka(t, func(t *testing.T, version kafkatest.Option) {
		kafka := kafkatest.Start(t, version, kafkatest.ClientCertificates())
		ca := write(t, kafka.CA())
		cert, key := kafka.ClientCertificate()
		known := TLS{CA: ca, Cert: write(t, cert), Key: write(t, key)}
		stranger, strangerKey := strangerPair(t)
		connect := func(security Security) (*Cluster, error) {
			return Connect(t.Context(), Config{Name: "east", Bootstrap: []string{kafka.Bootstrap()}, Security: security})
		}
		c, err := connect(Security{TLS: &known})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		checkConnected(t, c)
		for _, test := range []struct {
			tls  *TLS
			says []string
		}{
			{&TLS{CA: ca}, []string{"wants a certificate of ours", "tls.cert and tls.key"}},
			{&TLS{CA: ca, Cert: stranger, Key: strangerKey}, []string{"does not take our certificate", "tls.cert"}},
			{nil, []string{"the broker at " + kafka.Bootstrap() + " speaks TLS; set tls"}},
			{&TLS{Cert: known.Cert, Key: known.Key}, []string{"signed by nobody that we trust", "set tls.ca"}},
		} {
			began := time.Now()
			_, err := connect(Security{TLS: test.tls})
			wantError(t, err, append(test.says, "connecting to cluster east")...)
			if took := time.Since(began); took > connectTimeout+probeTimeout+5*time.Second {
				t.Errorf("%v took %v", test.tls, took)
			}
		}
	})
}

// Older TLS says during the handshake what it does not like.
func TestSecurityAlerts(t *testing.T) {
	cert, ca := certificate(t)
	for _, test := range []struct {
		server *tls.Config
		tls    *TLS
		says   string
	}{
		{&tls.Config{MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}, &TLS{CA: ca}, "it may want a certificate of ours by tls.cert"},
		{&tls.Config{MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}, nil, "speaks TLS; set tls"},
		{&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, &TLS{CA: ca}, "or TLS older than 1.2"},
	} {
		test.server.Certificates = []tls.Certificate{cert}
		ln, err := tls.Listen("tcp", "127.0.0.1:0", test.server)
		if err != nil {
			t.Fatal(err)
		}
		var serving sync.WaitGroup
		serving.Go(func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				conn.(*tls.Conn).Handshake()
				conn.Close()
			}
		})
		_, err = Connect(t.Context(), Config{Name: "east", Bootstrap: []string{ln.Addr().String()}, Security: Security{TLS: test.tls}})
		wantError(t, err, "connecting to cluster east", test.says)
		ln.Close()
		serving.Wait()
	}
}

// strangerPair is a certificate by an authority of its own, and its key.
func strangerPair(t *testing.T) (cert, key string) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	der, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})),
		write(t, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// Whoever does not answer at all is not called a plain-text broker.
func TestSecurityOfSilence(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	began := time.Now()
	_, err = Connect(t.Context(), Config{Name: "east", Bootstrap: []string{ln.Addr().String()}, Security: Security{TLS: &TLS{}}})
	wantError(t, err, "no broker answers at "+ln.Addr().String())
	if took := time.Since(began); took > connectTimeout+probeTimeout+5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestSecurityFiles(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.pem")
	notPEM := write(t, []byte("hello"))
	_, ca := certificate(t)
	login := &SASL{User: user, Password: password}
	for _, test := range []struct {
		security Security
		says     []string
	}{
		{Security{TLS: &TLS{CA: missing}}, []string{"reading tls.ca", missing, "no such file"}},
		{Security{TLS: &TLS{CA: notPEM}}, []string{"reading tls.ca", notPEM, "holds no certificate in PEM form"}},
		{Security{TLS: &TLS{Cert: ca}}, []string{"tls.cert and tls.key belong together"}},
		{Security{TLS: &TLS{Key: ca}}, []string{"tls.cert and tls.key belong together"}},
		{Security{TLS: &TLS{Cert: missing, Key: missing}}, []string{"reading tls.cert " + missing, "no such file"}},
		{Security{TLS: &TLS{Cert: ca, Key: ca}}, []string{"reading tls.cert " + ca + " and tls.key " + ca}},
		{Security{SASL: &SASL{User: user}}, []string{"sasl needs both user and password"}},
		{Security{SASL: &SASL{Password: password}}, []string{"sasl needs both user and password"}},
		{Security{SASL: &SASL{Mechanism: "GSSAPI", User: user, Password: password}}, []string{`"GSSAPI"`, "use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"}},
		{Security{TLS: &TLS{CA: missing}, SASL: login}, []string{"reading tls.ca"}},
	} {
		_, err := New(Config{Name: "east", Bootstrap: []string{"127.0.0.1:1"}, Security: test.security})
		wantError(t, err, append(test.says, "cluster east")...)
		if err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("the password is in %q", err)
		}
	}
	opts, err := Security{TLS: &TLS{CA: ca}, SASL: login}.opts()
	if err != nil || len(opts) != 2 {
		t.Errorf("%d options, %v", len(opts), err)
	}
	if opts, err := (Security{}).opts(); err != nil || len(opts) != 0 {
		t.Errorf("%d options, %v", len(opts), err)
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	s := SASL{User: user, Password: password}
	var b strings.Builder
	fmt.Fprintf(&b, "%v %+v %#v %s %q %v", s, s, s, s.Password, s.Password, []any{&s})
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	b.Write(text)
	slog.New(slog.NewTextHandler(&b, nil)).Info("login", "sasl", s, "password", s.Password)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("login", "sasl", s, "password", s.Password)
	if strings.Contains(b.String(), password) || !strings.Contains(b.String(), hidden) {
		t.Error(b.String())
	}
}
