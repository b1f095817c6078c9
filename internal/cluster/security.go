package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Security says how connections to a cluster are protected. The zero value is
// plain text without a user.
type Security struct {
	TLS  *TLS  `yaml:"tls"`  // Encrypts connections. Default: plain text.
	SASL *SASL `yaml:"sasl"` // The user to log in as. Default: none.
}

// TLS says how connections are encrypted, and whom they trust.
type TLS struct {
	// CA is a file of PEM certificates; the brokers' have to be signed by one of
	// them. Default: those that the system trusts.
	CA string `yaml:"ca"`
	// Cert is a PEM file of the certificate that is shown to the brokers; it needs a
	// key. Default: none is shown.
	Cert string `yaml:"cert"`
	// Key is a PEM file of the certificate's private key.
	Key string `yaml:"key"`
	// ServerName is the name that the brokers' certificates have to be for. Default:
	// the host of the address that is connected to.
	ServerName string `yaml:"server_name"`
	// InsecureSkipVerify accepts whatever certificate a broker shows, and so anybody
	// in between. Default: false.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify"`
}

// SASL says which user logs in, and how.
type SASL struct {
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. PLAIN without TLS sends the
	// password as it is. Default: SCRAM-SHA-512.
	Mechanism string `yaml:"mechanism"`
	// User is the name to log in as. Required.
	User string `yaml:"user"`
	// Password is the user's. It is never printed. Required.
	Password Secret `yaml:"password" secret:"true"`
}

// Secret is a text that no log, error or printed configuration shows.
type Secret string

const hidden = "********"

// String implements fmt.Stringer.
func (s Secret) String() string { return hidden }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return hidden }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

const defaultMechanism = "SCRAM-SHA-512"

// opts returns the client options; it reads the files.
func (s Security) opts() (opts []kgo.Opt, err error) {
	if s.TLS != nil {
		config, err := s.TLS.config()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(config))
	}
	if s.SASL != nil {
		mechanism, err := s.SASL.mechanism()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.SASL(mechanism))
	}
	return opts, nil
}

func (t TLS) config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.InsecureSkipVerify}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("reading tls.ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading tls.ca: %s holds no certificate in PEM form; name the file of the authority that signed the brokers' certificates", t.CA)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, errors.New("tls.cert and tls.key belong together: set both or neither")
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("reading tls.cert %s and tls.key %s: %w", t.Cert, t.Key, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	if s.User == "" || s.Password == "" {
		return nil, errors.New("sasl needs both user and password")
	}
	switch auth := (scram.Auth{User: s.User, Pass: string(s.Password)}); s.mechanismName() {
	case "PLAIN":
		return plain.Auth{User: s.User, Pass: string(s.Password)}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return auth.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return auth.AsSha512Mechanism(), nil
	}
	return nil, fmt.Errorf("sasl.mechanism %q is unknown: use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", s.Mechanism)
}

func (s SASL) mechanismName() string {
	if s.Mechanism == "" {
		return defaultMechanism
	}
	return strings.ToUpper(s.Mechanism)
}

// Opts returns the options that connect a client to the cluster: where it is,
// and its security. They are for clients that are made elsewhere.
func (c *Cluster) Opts() []kgo.Opt {
	return append([]kgo.Opt{kgo.SeedBrokers(c.cfg.Bootstrap...)}, c.security...)
}

// probeTimeout bounds what explaining a failed connection adds to it.
const probeTimeout = 2 * time.Second

// refusal turns what Connect failed with into what to do about it. It returns
// nil if it does not know better.
func (s Security) refusal(ctx context.Context, bootstrap []string, err error) error {
	var unknownCA x509.UnknownAuthorityError
	var badName x509.HostnameError
	var certificate *tls.CertificateVerificationError
	alert := alertOf(err)
	var closed *kgo.ErrFirstReadEOF
	switch {
	case s.SASL != nil && errors.Is(err, kerr.SaslAuthenticationFailed):
		return fmt.Errorf("it refused user %s with %s: check sasl.user, sasl.password, and that the user was created for this mechanism (%w)",
			s.SASL.User, s.SASL.mechanismName(), kerr.SaslAuthenticationFailed)
	case s.SASL != nil && errors.Is(err, kerr.UnsupportedSaslMechanism):
		return fmt.Errorf("it does not take sasl.mechanism %s: use one that its listener has enabled (%w)", s.SASL.mechanismName(), kerr.UnsupportedSaslMechanism)
	case s.SASL != nil && errors.Is(err, kerr.IllegalSaslState):
		return fmt.Errorf("it takes no user at %s: remove sasl, or use the address of its SASL listener (%w)", strings.Join(bootstrap, ","), kerr.IllegalSaslState)
	case errors.As(err, &unknownCA):
		return fmt.Errorf("its certificate is signed by nobody that we trust: set tls.ca to the file of the authority that signed it (%w)", unknownCA)
	case errors.As(err, &badName):
		return fmt.Errorf("its certificate is for another name: use the address that it names, or set tls.server_name (%w)", badName)
	case errors.As(err, &certificate):
		return fmt.Errorf("its certificate is not valid (%w)", certificate)
	case s.TLS != nil && alert != nil:
		return s.TLS.refusal(alert)
	}
	switch addr, speaks := probe(ctx, bootstrap); {
	case addr == "":
		return nil
	case speaks && s.TLS == nil:
		return fmt.Errorf("the broker at %s speaks TLS; set tls", addr)
	case !speaks && s.TLS != nil:
		return fmt.Errorf("the broker at %s does not speak TLS; remove tls, or use the address of its TLS listener", addr)
	case s.SASL == nil && errors.As(err, &closed):
		return fmt.Errorf("the broker at %s closed the connection at the first request, as those do that want a user; set sasl (%w)", addr, io.EOF)
	case s.SASL != nil && errors.Is(err, io.EOF): // the embedded engine gives no reasons
		return fmt.Errorf("the broker at %s closed the connection when user %s logged in with %s: check sasl.user and sasl.password, or remove sasl if it takes no user (%w)",
			addr, s.SASL.User, s.SASL.mechanismName(), io.EOF)
	}
	return nil
}

// refusal says what to do about the TLS alert of a broker.
func (t TLS) refusal(alert error) error {
	switch certificate := strings.Contains(alert.Error(), "certificate"); {
	case certificate && t.Cert != "":
		return fmt.Errorf("it does not take our certificate: set tls.cert and tls.key to one that is signed by an authority that it trusts (%w)", alert)
	case certificate:
		return fmt.Errorf("it wants a certificate of ours: set tls.cert and tls.key (%w)", alert)
	}
	return fmt.Errorf("it ended the TLS handshake: it may want a certificate of ours by tls.cert and tls.key, or TLS older than 1.2 (%w)", alert)
}

// alertOf returns the TLS alert by which the other side has ended a connection, nil
// if it did not. crypto/tls has no type for it: tls.AlertError is of QUIC alone.
func alertOf(err error) error {
	if remote := new(net.OpError); errors.As(err, &remote) && remote.Op == "remote error" {
		return remote
	}
	return nil
}

// probe greets each address by TLS until one tells by its reaction whether it
// speaks that. addr is empty if none does.
func probe(ctx context.Context, bootstrap []string) (addr string, speaks bool) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	for _, addr := range bootstrap {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			continue
		}
		err = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(ctx) // nothing is sent over it
		conn.Close()
		var notTLS tls.RecordHeaderError
		switch {
		case err == nil, alertOf(err) != nil:
			return addr, true
		case errors.As(err, &notTLS), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
			return addr, false
		}
	}
	return "", false
}
