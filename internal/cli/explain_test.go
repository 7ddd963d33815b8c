package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

var update = flag.Bool("update", false, "write the golden files anew")

// explained runs explain with arguments and returns all that comes of it.
func explained(t *testing.T, args string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut}
	code := Run(t.Context(), append([]string{"explain"}, strings.Fields(args)...), "test", streams)
	return fmt.Sprintf("$ kubectl firebreak explain %s\n%s--- stderr\n%s--- exit code %d\n", args, &out, &errOut, code)
}

func mustBeGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "explain", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; make golden writes it", err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestExplainSaysWhoDecidesAndWhatToDo(t *testing.T) {
	const cluster = " -f testdata/explain/cluster.yaml -n production"
	for name, args := range map[string]string{
		"sample":              "tier:shop/frontend tier:shop/database:5432 -n production -f ../../config/samples/three-tier.yaml",
		"allowed":             "deploy/web deploy/api:8080" + cluster,
		"denied":              "deploy/web sts/postgres:5432" + cluster,
		"no-tier":             "deploy/legacy-worker deploy/api:8080" + cluster,
		"half-open":           "deploy/api payments/deploy/gateway" + cluster,
		"two-profiles":        "payments/deploy/gateway sts/postgres" + cluster,
		"foreign":             "staging/deploy/web billing/deploy/ledger" + cluster,
		"undecidable":         "deploy/api staging/deploy/store:443" + cluster,
		"not-isolated":        "billing/deploy/ledger staging/deploy/store" + cluster,
		"address":             "203.0.113.7 deploy/web:http" + cluster,
		"address-ipv6":        "deploy/web [2001:db8::1]:443/udp" + cluster,
		"service-address":     "deploy/web 10.96.0.80:80" + cluster,
		"internet":            "deploy/api internet:443" + cluster,
		"internet-in":         "internet deploy/web" + cluster,
		"dns":                 "deploy/web kube-system/svc/kube-dns:53/udp" + cluster,
		"dns-denied":          "sts/postgres kube-system/svc/kube-dns:53" + cluster,
		"service":             "deploy/web svc/api:http" + cluster,
		"service-port":        "deploy/web svc/api:8080" + cluster,
		"preview":             "deploy/web deploy/store -f testdata/explain/cluster.yaml -n staging",
		"host-network":        "staging/ds/agent deploy/api:8080" + cluster,
		"classes":             "tier:segp.shop/api sts/postgres:metrics" + cluster,
		"any-pod":             "ns/production sts/postgres:5432" + cluster,
		"every-port":          "deploy/web deploy/api" + cluster,
		"json":                "deploy/web sts/postgres:5432 -o json" + cluster,
		"expected":            "deploy/web sts/postgres:5432 --expect denied" + cluster,
		"expected-otherwise":  "deploy/web sts/postgres:5432 --expect allowed" + cluster,
		"expected-of-several": "deploy/web deploy/api --expect allowed" + cluster,
		"unknown-workload":    "deploy/wep deploy/api" + cluster,
		"unknown-tier":        "tier:shop/fronted deploy/api" + cluster,
		"ambiguous-tier":      "tier:shop/api sts/postgres" + cluster,
		"unknown-kind":        "deployment/web dep/api" + cluster,
		"host-name":           "deploy/web api.example.com:443" + cluster,
		"no-port":             "deploy/web internet" + cluster,
		"neither-is-a-pod":    "internet 10.0.0.1:80" + cluster,
	} {
		t.Run(name, func(t *testing.T) { mustBeGolden(t, name, explained(t, args)) })
	}
}
