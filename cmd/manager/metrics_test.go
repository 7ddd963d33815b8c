package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	certutil "k8s.io/client-go/util/cert"
)

func TestMetricsAreServedWithTheCertificateThatIsGiven(t *testing.T) {
	dir := t.TempDir()
	o := options{metricsAddress: ":8443", metricsCertDir: dir}
	if _, err := metricsServer(o); err == nil || !strings.Contains(err.Error(), "--metrics-cert-dir: load "+dir) {
		t.Errorf("an empty directory: %v", err)
	}
	cert, key, err := certutil.GenerateSelfSignedCertKey("firebreak.example", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "tls.crt"), cert)
	write(t, filepath.Join(dir, "tls.key"), []byte("not a key"))
	if _, err := metricsServer(o); err == nil {
		t.Error("a key that is none is accepted")
	}
	write(t, filepath.Join(dir, "tls.key"), key)
	server, err := metricsServer(o)
	if err != nil {
		t.Fatal(err)
	}
	if server.CertDir != dir || !server.SecureServing || server.FilterProvider == nil {
		t.Errorf("served as %+v", server)
	}
}

func TestMetricsThatAreOffNeedNoCertificate(t *testing.T) {
	server, err := metricsServer(options{metricsAddress: "0", metricsCertDir: "/does/not/exist"})
	if err != nil || server.BindAddress != "0" {
		t.Errorf("%+v, %v", server, err)
	}
}

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
