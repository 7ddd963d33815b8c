package chart_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// effect is what becomes of the manifests when a value is set.
type effect struct {
	value any
	// among are other values that are set with and without it.
	among values
	// adds and removes are pieces of text that appear and disappear. Each value has at least one.
	adds, removes []string
}

func adds(value any, text ...string) effect    { return effect{value: value, adds: text} }
func removes(value any, text ...string) effect { return effect{value: value, removes: text} }

// monitored are the values that make one of the objects for monitoring.
func monitored(what string) values { return values{}.set("metrics."+what+".create", true) }

// effects has an entry for every value of the chart.
func effects() map[string]effect {
	digest := "sha256:" + strings.Repeat("0", 64)
	return map[string]effect{
		"image.repository": adds("registry.example.com:5000/firebreak", `image: "registry.example.com:5000/firebreak:latest"`),
		"image.tag":        adds("v1", `image: "firebreak-controller:v1"`),
		"image.digest":     adds(digest, `image: "firebreak-controller@`+digest+`"`),
		"image.pullPolicy": adds("Always", "imagePullPolicy: Always"),
		"imagePullSecrets": adds([]any{values{"name": "registry"}}, "imagePullSecrets:\n        - name: registry\n"),

		"replicas":           adds(3, "replicas: 3\n"),
		"resources.requests": adds(values{"cpu": 2}, "cpu: 2\n"),
		"resources.limits":   adds(values{"memory": "2Gi"}, "memory: 2Gi\n"),

		"operator.mode":                adds("Preview", "- --mode=Preview\n"),
		"operator.maxWritesPerSecond":  adds(2.5, "- --max-writes-per-second=2.5\n"),
		"operator.workers":             adds(4, "- --workers=4\n"),
		"operator.protectedNamespaces": adds([]string{"a", "b"}, "- --protected-namespaces=a,b\n"),
		"operator.dnsServices":         adds([]string{"a/b", "c/d"}, "- --dns-service=a/b\n", "- --dns-service=c/d\n"),
		"operator.nodeLocalDNS":        adds([]string{}, "- --node-local-dns=\n"),
		"operator.clusterCIDRs":        adds([]string{"203.0.113.0/24", "2001:db8::/32"}, "- --cluster-cidrs=203.0.113.0/24,2001:db8::/32\n"),
		"operator.nodeCIDRs":           adds([]string{"192.0.2.0/24"}, "- --node-cidrs=192.0.2.0/24\n"),
		"operator.internetNAT64":       adds(true, "- --internet-nat64\n"),
		"operator.logFormat":           adds("text", "- --log-format=text\n"),
		"operator.verbosity":           adds(2, "- --v=2\n"),
		"operator.extraArgs":           adds([]string{"--v=1"}, `- "--v=1"`),

		"probes.port":     {value: 9081, adds: []string{"address=:9081\n", "containerPort: 9081\n", "port: 9081\n"}, removes: []string{"8081"}},
		"metrics.port":    {value: 9443, adds: []string{"address=:9443\n", "containerPort: 9443\n", "port: 9443\n"}, removes: []string{"8443"}},
		"metrics.enabled": {value: false, adds: []string{"--metrics-bind-address=0\n"}, removes: []string{"8443", "kind: Service\n"}},

		"metrics.certSecret":               adds("mine", "- --metrics-cert-dir=/metrics-cert\n", "mountPath: /metrics-cert\n", "secretName: mine\n"),
		"metrics.serviceMonitor.create":    adds(true, "kind: ServiceMonitor\n", "  name: firebreak-controller-manager\n  namespace: firebreak-system\nspec:\n  endpoints"),
		"metrics.serviceMonitor.labels":    {among: monitored("serviceMonitor"), value: values{"prometheus": "main"}, adds: []string{"prometheus: main\n"}},
		"metrics.serviceMonitor.interval":  {among: monitored("serviceMonitor"), value: "10s", adds: []string{"interval: 10s\n"}, removes: []string{"interval: 30s\n"}},
		"metrics.serviceMonitor.tlsConfig": {among: monitored("serviceMonitor"), value: values{"insecureSkipVerify": nil, "serverName": "x"}, adds: []string{"serverName: x\n"}, removes: []string{"insecureSkipVerify"}},
		"metrics.prometheusRule.create":    adds(true, "kind: PrometheusRule\n"),
		"metrics.prometheusRule.labels":    {among: monitored("prometheusRule"), value: values{"prometheus": "main"}, adds: []string{"prometheus: main\n"}},
		"metrics.dashboard.create":         adds(true, "name: firebreak-dashboard\n"),
		"metrics.dashboard.labels":         {among: monitored("dashboard"), value: values{"folder": "network"}, adds: []string{"folder: network\n"}},

		"crds.install":   removes(false, "kind: CustomResourceDefinition\n"),
		"crds.keep":      removes(false, "helm.sh/resource-policy"),
		"rbac.create":    removes(false, "kind: Role\n", "kind: RoleBinding\n", "kind: ClusterRoleBinding\n", "name: firebreak-manager\n", "name: firebreak-metrics-reader\n"),
		"rbac.userRoles": removes(false, "name: firebreak-profile-editor\n", "name: firebreak-cluster-profile-viewer\n"),
		"rbac.aggregate": removes(false, "aggregate-to-admin", "aggregate-to-edit", "aggregate-to-view"),

		"serviceAccount.create":      removes(false, "kind: ServiceAccount\nmetadata"),
		"serviceAccount.name":        adds("mine", "serviceAccountName: mine\n", "kind: ServiceAccount\n  name: mine\n", "kind: ServiceAccount\nmetadata:\n  name: mine\n"),
		"serviceAccount.annotations": adds(values{"example.com/role": "x"}, "  annotations:\n    example.com/role: x\n"),

		"priorityClassName":                  {value: "mine", adds: []string{"priorityClassName: mine\n", "      - mine\n"}, removes: []string{"system-cluster-critical"}},
		"priorityQuota.create":               removes(false, "kind: ResourceQuota\n"),
		"podDisruptionBudget.create":         removes(false, "kind: PodDisruptionBudget\n"),
		"podDisruptionBudget.maxUnavailable": adds("50%", "maxUnavailable: 50%\n"),
		"networkPolicy.create":               removes(false, "kind: NetworkPolicy\nmetadata"),
		"networkPolicy.metricsFrom":          adds([]any{values{"ipBlock": values{"cidr": "192.0.2.0/24"}}}, "port: 8443\n    from:\n      - ipBlock:\n          cidr: 192.0.2.0/24\n"),
		"networkPolicy.egress":               {value: []any{values{"ports": []any{values{"port": 6443}}}}, adds: []string{"egress:\n    - ports:\n      - port: 6443\n"}, removes: []string{"egress:\n    - {}\n"}},

		"nodeSelector":              adds(values{"pool": "infra"}, "pool: infra\n"),
		"tolerations":               adds([]any{values{"operator": "Exists"}}, "tolerations:\n        - operator: Exists\n"),
		"affinity":                  adds(values{"podAntiAffinity": values{}}, "affinity:\n        podAntiAffinity: {}\n"),
		"topologySpreadConstraints": removes([]any{}, "topologySpreadConstraints"),
		"podLabels":                 adds(values{"team": "network"}, "team: network\n"),
		"podAnnotations":            adds(values{"example.com/note": "x"}, "example.com/note: x\n"),
		"namespace.create":          adds(true, "kind: Namespace\nmetadata:\n  name: firebreak-system\n"),
		"fullnameOverride":          {value: "barrier", adds: []string{"name: barrier-controller-manager\n", "name: barrier-manager\n"}, removes: []string{"firebreak-controller-manager"}},
	}
}

func TestEveryValueHasAnEffect(t *testing.T) {
	g := NewWithT(t)
	g.Expect(slices.Sorted(maps.Keys(effects()))).To(Equal(slices.Sorted(maps.Keys(defaults(t)))), "values.yaml against the table of this test")
	for path, e := range effects() {
		t.Run(path, func(t *testing.T) {
			g := NewWithT(t)
			before, err := tryRender(t, e.among)
			g.Expect(err).NotTo(HaveOccurred())
			after, err := tryRender(t, e.among.set(path, e.value))
			g.Expect(err).NotTo(HaveOccurred())
			parse(t, []byte(after))
			g.Expect(len(e.adds) + len(e.removes)).NotTo(BeZero())
			for _, text := range e.adds {
				g.Expect(strings.Contains(after, text)).To(BeTrue(), "after: %s", text)
				g.Expect(strings.Contains(before, text)).To(BeFalse(), "before: %s", text)
			}
			for _, text := range e.removes {
				g.Expect(strings.Contains(after, text)).To(BeFalse(), "after: %s", text)
				g.Expect(strings.Contains(before, text)).To(BeTrue(), "before: %s", text)
			}
		})
	}
}

func TestEveryValueIsExplained(t *testing.T) {
	commented := map[string]bool{}
	var above bool
	var parents []string
	for line := range strings.Lines(readChart(t, "values.yaml")) {
		key, _, isKey := strings.Cut(strings.TrimSpace(line), ":")
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "#"):
			above = true
			continue
		case !isKey || strings.HasPrefix(strings.TrimSpace(line), "-"):
			above = false
			continue
		}
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		parents = append(parents[:depth], key)
		commented[strings.Join(parents, ".")] = above
		above = false
	}
	for path := range defaults(t) {
		if !commented[path] {
			t.Errorf("values.yaml does not explain %s", path)
		}
	}
}

func TestWrongValuesAreRefused(t *testing.T) {
	type wrong struct {
		value   any
		message string
	}
	tooLarge, several := wrong{70000, "maximum"}, wrong{"x", "got string"}
	cases := map[string][]wrong{
		"image.repository":                   {{"", "minLength"}, {"a b", "pattern"}},
		"image.tag":                          {{"", "pattern"}, {"a/b", "pattern"}},
		"image.digest":                       {{"sha256:1", "pattern"}},
		"image.pullPolicy":                   {{"Sometimes", "must be one of"}},
		"imagePullSecrets":                   {several, {[]string{"registry"}, "got string, want object"}, {[]any{values{}}, "missing property"}},
		"replicas":                           {{-1, "minimum"}, {"2", "want integer"}, {1.5, "want integer"}},
		"resources.limits":                   {{values{"memory": true}, "got boolean"}},
		"operator.mode":                      {{"Off", "must be one of"}},
		"operator.maxWritesPerSecond":        {{-1, "minimum"}},
		"operator.workers":                   {{0, "minimum"}},
		"operator.protectedNamespaces":       {several, {[]string{"a,b"}, "pattern"}},
		"operator.dnsServices":               {{[]string{"kube-dns"}, "pattern"}},
		"operator.nodeLocalDNS":              {{[]string{"here"}, "pattern"}},
		"operator.clusterCIDRs":              {{[]string{"10.0.0.0"}, "pattern"}},
		"operator.nodeCIDRs":                 {{[]string{"192.0.2.1"}, "pattern"}},
		"operator.internetNAT64":             {{"yes", "want boolean"}},
		"operator.logFormat":                 {{"xml", "must be one of"}},
		"operator.verbosity":                 {{-1, "minimum"}},
		"operator.extraArgs":                 {several, {[]string{"v"}, "pattern"}},
		"probes.port":                        {{0, "minimum"}, tooLarge, several},
		"metrics.port":                       {{0, "minimum"}, tooLarge},
		"metrics.certSecret":                 {{"A", "pattern"}},
		"metrics.serviceMonitor.interval":    {{"often", "pattern"}},
		"serviceAccount.name":                {{"A B", "pattern"}},
		"podDisruptionBudget.maxUnavailable": {{"some", "pattern"}, {-1, "minimum"}},
		"networkPolicy.egress":               {several, {[]any{}, "minItems"}},
		"topologySpreadConstraints":          {{[]any{values{"maxSkew": 1}}, "missing properties"}},
		"podLabels":                          {{values{"a": 1}, "want string"}, {values{"app.kubernetes.io/name": "x"}, "invalid propertyName"}},
		"podAnnotations":                     {{values{"kubectl.kubernetes.io/default-container": "x"}, "invalid propertyName"}},
		"fullnameOverride":                   {{"A", "pattern"}, {strings.Repeat("a", 41), "maxLength"}},
	}
	for path, kind := range defaults(t) {
		// A value of another type, whatever the type is.
		other := any(values{"no-such-key": []any{values{"a": 1}}})
		if _, isObject := kind.(map[string]any); isObject {
			other = "x"
		}
		cases[path] = append(cases[path], wrong{other, ""})
	}
	for _, path := range []string{"no-such-value", "image.registry", "operator.mod", "crds.instal", "resources.limit", "rbac.x"} {
		cases[path] = append(cases[path], wrong{"x", "additional properties"})
	}
	for path, wrongs := range cases {
		for _, w := range wrongs {
			t.Run(fmt.Sprintf("%s=%v", path, w.value), func(t *testing.T) {
				_, err := tryRender(t, values{}.set(path, w.value))
				if err == nil || !strings.Contains(err.Error(), "values don't meet the specifications of the schema") || !strings.Contains(err.Error(), w.message) {
					t.Errorf("got %v, want the schema to say %q", err, w.message)
				}
			})
		}
	}
}
