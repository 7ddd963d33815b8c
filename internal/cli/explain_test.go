package cli

import (
	"strings"
	"testing"
)

func TestExplainSaysWhoDecidesAndWhatToDo(t *testing.T) {
	const shop = " -n production -f internal/cli/testdata/cluster.yaml"
	for name, questions := range map[string]string{
		"sample": "tier:shop/frontend tier:shop/database:5432 -n production -f config/samples/three-tier.yaml",
		"allowed": `deploy/web deploy/api:8080
			deploy/web deploy/api`,
		"denied": `deploy/web sts/postgres:5432
			deploy/legacy-worker deploy/api:8080
			staging/deploy/web billing/deploy/ledger`,
		"half-open": `deploy/api payments/deploy/gateway
			payments/deploy/gateway sts/postgres`,
		"undecided": `deploy/api staging/deploy/store:443
			staging/ds/agent deploy/api:8080`,
		"addresses": `203.0.113.7 deploy/web:http
			deploy/web [2001:db8::1]:443/udp
			deploy/web 10.96.0.80:80
			deploy/api internet:443
			internet deploy/web`,
		"services": `deploy/web svc/api:http
			deploy/web svc/api:8080
			deploy/web kube-system/svc/kube-dns:53/udp
			sts/postgres kube-system/svc/kube-dns:53`,
		"preview": `staging/deploy/web staging/deploy/store
			billing/deploy/ledger staging/deploy/store
			billing/deploy/ledger staging/deploy/store --enforce
			tier:shop/frontend tier:shop/database -n production -f config/samples/preview.yaml -f config/samples/three-tier.yaml
			tier:shop/frontend tier:shop/database -n production -f config/samples/preview.yaml -f config/samples/three-tier.yaml --enforce`,
		"classes": `tier:segp.shop/api sts/postgres:metrics
			ns/production sts/postgres:5432`,
		"documents": `deploy/web sts/postgres:5432 -o json
			deploy/api payments/deploy/gateway -o yaml`,
		"expected": `deploy/web sts/postgres:5432 --expect denied
			deploy/web sts/postgres:5432 --expect allowed
			deploy/web deploy/api --expect allowed`,
		"not-answered": `deploy/wep deploy/api
			tier:shop/fronted deploy/api
			tier:shop/api sts/postgres
			deployment/web dep/api
			deploy/web api.example.com:443
			deploy/web internet
			deploy/web deploy/legacy-worker
			internet 10.0.0.1:80
			deploy/web:80 deploy/api
			deploy/web`,
	} {
		t.Run(name, func(t *testing.T) {
			var sessions []session
			for line := range strings.Lines(questions) {
				args := "explain " + strings.TrimSpace(line)
				if !strings.Contains(line, " -f ") {
					args += shop
				}
				sessions = append(sessions, session{args: args})
			}
			mustBeGolden(t, "explain-"+name, sessions...)
		})
	}
}
