package kafkatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"time"
)

// certificates are an authority and what it has signed, in PEM.
type certificates struct {
	ca             []byte // its certificate
	broker, client pair
}

// pair is a certificate and its private key, in PEM.
type pair struct{ cert, key []byte }

// newCertificates makes an authority, and certificates for brokers at 127.0.0.1 and for clients.
func newCertificates() (c certificates, err error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, err
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kafkatest authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, authority, authority, &caKey.PublicKey, caKey)
	c.ca = block("CERTIFICATE", der)
	sign := func(name string, usage x509.ExtKeyUsage, serial int64) (pair, error) {
		key, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err1 != nil {
			return pair{}, err1
		}
		cert, err1 := x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "kafkatest " + name},
			NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}, authority, &key.PublicKey, caKey)
		der, err2 := x509.MarshalPKCS8PrivateKey(key)
		return pair{block("CERTIFICATE", cert), block("PRIVATE KEY", der)}, errors.Join(err1, err2)
	}
	var err1, err2 error
	c.broker, err1 = sign("broker", x509.ExtKeyUsageServerAuth, 2)
	c.client, err2 = sign("client", x509.ExtKeyUsageClientAuth, 3)
	return c, errors.Join(err, err1, err2)
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
