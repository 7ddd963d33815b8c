package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"time"

	"k8s.io/client-go/util/cert"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"firebreak.dev/firebreak/internal/scrapeauth"
)

// The names of a certificate and its key in --metrics-cert-dir, which are those of a Secret of type kubernetes.io/tls.
const (
	certName = "tls.crt"
	keyName  = "tls.key"
)

// metricsServer returns how the metrics are served: over HTTPS, to whom the API server knows and allows to get /metrics.
// Without a directory of certificates, it makes a self-signed one in memory. With one, that must hold a
// certificate that can be used: to fall back to another would only be noticed by those who check it.
func metricsServer(o options) (metricsserver.Options, error) {
	server := metricsserver.Options{
		BindAddress:    o.metricsAddress,
		SecureServing:  true,
		FilterProvider: scrapeauth.Provider(time.Now),
		TLSOpts:        []func(*tls.Config){withoutHTTP2},
	}
	if o.metricsAddress == "0" {
		return server, nil
	}
	if o.metricsCertDir == "" {
		own, err := selfSigned()
		server.TLSOpts = append(server.TLSOpts, func(c *tls.Config) {
			c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own, nil }
		})
		return server, err
	}
	server.CertDir, server.CertName, server.KeyName = o.metricsCertDir, certName, keyName
	cert, key := filepath.Join(server.CertDir, certName), filepath.Join(server.CertDir, keyName)
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		return server, fmt.Errorf("--metrics-cert-dir: load %s and %s: %w", cert, key, err)
	}
	return server, nil
}

// withoutHTTP2 leaves HTTP/1.1: who scrapes asks one question at a time, and HTTP/2 has had its share of ways to exhaust a
// server (CVE-2023-44487).
func withoutHTTP2(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }

// selfSigned returns a certificate that nobody can check, so that what is served is encrypted at least. Its key is of an elliptic curve:
// the server's own would be of RSA, which takes a tenth of a second or more to find, just when everything else starts, too.
func selfSigned() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key for the metrics: %w", err)
	}
	made, err := cert.NewSelfSignedCACert(cert.Config{CommonName: "firebreak-metrics"}, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for the metrics: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{made.Raw}, PrivateKey: key, Leaf: made}, nil
}
