package integration_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	certutil "k8s.io/client-go/util/cert"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/harness"
)

var _ = Describe("The metrics", func() {
	It("are for those whom the API server allows to get them, and for nobody else", func(ctx SpecContext) {
		for _, c := range []struct {
			who, token string
			code       int
		}{
			{"nobody", "", http.StatusUnauthorized},
			// The API server says of a token that it does not know that it could not be checked.
			{"somebody with a forged token", "forged", http.StatusInternalServerError},
			{"a ServiceAccount without the right", tokenOf(ctx, "stranger"), http.StatusForbidden},
			{"the operator itself", operatorToken(ctx), http.StatusForbidden},
			{"one with firebreak-metrics-reader", scraper, http.StatusOK},
		} {
			code, body, err := operator.Metrics(ctx, c.token)
			Expect(err).NotTo(HaveOccurred())
			Expect(code).To(Equal(c.code), c.who)
			Expect(strings.Contains(body, "controller_runtime_")).To(Equal(c.code == http.StatusOK), c.who)
		}
	})

	It("have everything that alerts and dashboard ask for", func(ctx SpecContext) {
		now := ""
		Eventually(func(g Gomega) {
			now = ""
			for series := range scrape(ctx, g) {
				now += series + "\n"
			}
			// There is a first reconcile, and so a first of each series about reconciles.
			g.Expect(now).To(ContainSubstring("controller_runtime_reconcile_time_seconds_bucket{"))
		}).Should(Succeed())
		names := regexp.MustCompile(`\b(?:firebreak|leader_election|controller_runtime|workqueue|rest_client|process|go)_\w+(?:\{name=\\*"[^"\\]*)?`)
		for _, file := range []string{"prometheus_rule.yaml", "dashboard.json"} {
			text, err := os.ReadFile(filepath.Join(plane.Root(), "config", "prometheus", file))
			Expect(err).NotTo(HaveOccurred())
			found := names.FindAllString(string(text), -1)
			Expect(len(found)).To(BeNumerically(">", 7), file)
			for _, name := range found {
				// No finding, no series.
				if name != "firebreak_findings" {
					Expect(now).To(ContainSubstring(strings.ReplaceAll(name, `\`, "")), file)
				}
			}
		}
	})

	It("are served over HTTPS only", func(ctx SpecContext) {
		plain := strings.Replace(operator.MetricsURL, "https://", "http://", 1) + "/metrics"
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, plain, http.NoBody)
		Expect(err).NotTo(HaveOccurred())
		request.Header.Set("Authorization", "Bearer "+scraper)
		response, err := http.DefaultClient.Do(request)
		Expect(err).NotTo(HaveOccurred())
		Expect(response.Body.Close()).To(Succeed())
		Expect(response.StatusCode).To(Equal(http.StatusBadRequest))
	})
})

var _ = Describe("Profiles of the process", func() {
	It("are served on no port, and neither is anything else that is not documented", func(ctx SpecContext) {
		Expect(statusOf(ctx, operator.MetricsURL+"/metrics", scraper)).To(Equal(http.StatusOK))
		Expect(statusOf(ctx, operator.ProbeURL+"/healthz", "")).To(Equal(http.StatusOK))
		for _, path := range []string{"/", "/debug/pprof", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/heap", "/debug/pprof/profile", "/debug/vars", "/configz"} {
			Expect(statusOf(ctx, operator.MetricsURL+path, scraper)).To(Equal(http.StatusNotFound), path)
			Expect(statusOf(ctx, operator.MetricsURL+path, "")).To(Equal(http.StatusNotFound), path)
			Expect(statusOf(ctx, operator.ProbeURL+path, "")).To(Equal(http.StatusNotFound), path)
		}
	})

	It("have no port of their own: the operator listens on that of the probes and that of the metrics", func() {
		if runtime.GOOS != "linux" {
			Skip("which ports a process listens on is read from /proc")
		}
		var want []int
		for _, url := range []string{operator.ProbeURL, operator.MetricsURL} {
			port, err := strconv.Atoi(url[strings.LastIndex(url, ":")+1:])
			Expect(err).NotTo(HaveOccurred())
			want = append(want, port)
		}
		Expect(listeningPorts(operator.PID())).To(ConsistOf(want))
	})
})

// listeningPorts returns the TCP ports, of both families, on which a process of this machine listens.
func listeningPorts(pid int) []int {
	GinkgoHelper()
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	files, err := filepath.Glob(filepath.Join(proc, "fd", "*"))
	Expect(err).NotTo(HaveOccurred())
	sockets := map[string]bool{}
	for _, file := range files {
		// A file that was closed meanwhile is none to listen on.
		if target, err := os.Readlink(file); err == nil {
			sockets[target] = true
		}
	}
	var ports []int
	for _, family := range []string{"tcp", "tcp6"} {
		table, err := os.ReadFile(filepath.Join(proc, "net", family))
		Expect(err).NotTo(HaveOccurred())
		for line := range strings.Lines(string(table)) {
			// Slot, local address, remote address, state, ..., inode as the tenth; 0A is LISTEN.
			fields := strings.Fields(line)
			if len(fields) < 10 || fields[3] != "0A" || !sockets["socket:["+fields[9]+"]"] {
				continue
			}
			port, err := strconv.ParseInt(fields[1][strings.LastIndex(fields[1], ":")+1:], 16, 32)
			Expect(err).NotTo(HaveOccurred())
			ports = append(ports, int(port))
		}
	}
	return ports
}

// statusOf gets a URL of the operator with a bearer token, or without one when it is empty, and returns the code of the answer.
func statusOf(ctx context.Context, url, token string) int {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	Expect(err).NotTo(HaveOccurred())
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // it is self-signed
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	Expect(err).NotTo(HaveOccurred())
	Expect(response.Body.Close()).To(Succeed())
	return response.StatusCode
}

var _ = Describe("The certificate of the metrics", func() {
	It("is the one that is given, and a renewed one without a restart", func(ctx SpecContext) {
		dir := GinkgoT().TempDir()
		writeCertificate(dir, "first.example")
		standby, err := plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: operatorKubeconfig, Args: []string{"--metrics-cert-dir=" + dir}})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(standby.Stop)
		Expect(standby.WaitReady(ctx, time.Minute)).To(Succeed())
		name, protocol := handshake(ctx, standby)
		Expect(name).To(Equal("first.example"))
		Expect(protocol).To(Equal("http/1.1"), "HTTP/2 is off")

		writeCertificate(dir, "second.example")
		Eventually(func() string { name, _ := handshake(ctx, standby); return name }).Should(Equal("second.example"))
	})
})

// writeCertificate writes a self-signed certificate for a host, and its key.
func writeCertificate(dir, host string) {
	GinkgoHelper()
	cert, key, err := certutil.GenerateSelfSignedCertKey(host, nil, nil)
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(filepath.Join(dir, "tls.crt"), cert, 0o600)).To(Succeed())
	Expect(os.WriteFile(filepath.Join(dir, "tls.key"), key, 0o600)).To(Succeed())
}

// handshake returns for which host a replica's metrics have a certificate, and what it speaks with one who speaks HTTP/2.
func handshake(ctx context.Context, replica *harness.Manager) (host, protocol string) {
	GinkgoHelper()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}} //nolint:gosec // the certificate is what is looked at
	connection, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(replica.MetricsURL, "https://"))
	Expect(err).NotTo(HaveOccurred())
	defer func() { Expect(connection.Close()).To(Succeed()) }()
	secure, ok := connection.(*tls.Conn)
	Expect(ok).To(BeTrue())
	state := secure.ConnectionState()
	Expect(state.PeerCertificates).NotTo(BeEmpty())
	return state.PeerCertificates[0].DNSNames[0], state.NegotiatedProtocol
}

var _ = Describe("The metrics about profiles", func() {
	const segp = `{kind="SegmentationProfile"`
	series := func(ctx context.Context, name string) func(Gomega) float64 {
		return func(g Gomega) float64 { return scrape(ctx, g)[name] }
	}

	BeforeEach(func(ctx SpecContext) {
		// Those that earlier specs left go on their own.
		Eventually(func(g Gomega) {
			var list v1alpha1.SegmentationProfileList
			g.Expect(k8s.List(ctx, &list)).To(Succeed())
			g.Expect(list.Items).To(BeEmpty())
			now := scrape(ctx, g)
			for _, ready := range []string{"true", "false", "unknown"} {
				g.Expect(now).To(HaveKeyWithValue("firebreak_profiles"+segp+`,ready="`+ready+`"}`, 0.0))
			}
		}, "60s").Should(Succeed())
	})

	It("follow a profile from its beginning to its end", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile := newProfile(ctx, namespace, "shop", twoTiers)
		expectReady(ctx, profile)
		Eventually(func(g Gomega) {
			now := scrape(ctx, g)
			g.Expect(now).To(HaveKeyWithValue("firebreak_policies"+segp+"}", 3.0))
			g.Expect(now).To(HaveKeyWithValue("firebreak_profiles"+segp+`,ready="true"}`, 1.0))
			g.Expect(now).To(HaveKeyWithValue("firebreak_namespaces"+segp+`,state="applied"}`, 1.0))
			g.Expect(now).To(HaveKeyWithValue("firebreak_not_converged_seconds"+segp+"}", 0.0))
			g.Expect(now).To(HaveKeyWithValue(`firebreak_findings{code="TierSelectsNothing",severity="Warning"}`, 2.0))
			g.Expect(now).To(HaveKey(HavePrefix("firebreak_build_info{")))
		}).Should(Succeed())

		remove(ctx, profile)
		Eventually(series(ctx, "firebreak_profiles"+segp+`,ready="true"}`)).Should(BeZero())
		Expect(scrape(ctx, NewWithT(GinkgoT()))).To(SatisfyAll(
			HaveKeyWithValue("firebreak_policies"+segp+"}", 0.0),
			Not(HaveKey(`firebreak_findings{code="TierSelectsNothing",severity="Warning"}`)),
		))
	})

	It("count corrections by what was changed, and the writes they took", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		expectReady(ctx, newProfile(ctx, namespace, "shop", twoTiers))
		before := scrape(ctx, NewWithT(GinkgoT()))
		patchObject(ctx, policyOf(ctx, namespace, "db"), map[string]any{"metadata": map[string]any{"labels": map[string]any{v1alpha1.LabelTier: nil}}})
		patchObject(ctx, policyOf(ctx, namespace, "default-deny"), map[string]any{"spec": map[string]any{"egress": []any{map[string]any{}}}})
		remove(ctx, policyOf(ctx, namespace, "web"))
		for name, more := range map[string]float64{
			`firebreak_drift_corrections_total{change="metadata"}`:            1,
			`firebreak_drift_corrections_total{change="spec"}`:                1,
			`firebreak_drift_corrections_total{change="deleted"}`:             1,
			`firebreak_policy_writes_total{action="update",result="success"}`: 2,
			`firebreak_policy_writes_total{action="create",result="success"}`: 1,
			`firebreak_policy_writes_total{action="update",result="refused"}`: 0,
		} {
			Expect(before).To(HaveKey(name))
			Eventually(series(ctx, name)).Should(Equal(before[name]+more), name)
		}
	})

	It("tell of a conflict, and for how long it has lasted", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		newForeignPolicy(ctx, namespace, nameOfPolicy(ctx, "web"))
		expectStalled(ctx, newProfile(ctx, namespace, "shop", twoTiers), "NameConflict")
		Eventually(func(g Gomega) {
			now := scrape(ctx, g)
			g.Expect(now).To(HaveKeyWithValue(`firebreak_findings{code="NameConflict",severity="Error"}`, 1.0))
			g.Expect(now).To(HaveKeyWithValue("firebreak_namespaces"+segp+`,state="conflicted"}`, 1.0))
			g.Expect(now).To(HaveKeyWithValue("firebreak_profiles"+segp+`,ready="false"}`, 1.0))
			g.Expect(now).To(HaveKeyWithValue("firebreak_not_converged_seconds"+segp+"}", BeNumerically(">", 1)))
		}).Should(Succeed())
	})
})

// scrape returns the operator's metrics by series, as Prometheus sees them: `name{label="value"}`, or the bare name.
func scrape(ctx context.Context, g Gomega) map[string]float64 {
	GinkgoHelper()
	code, body, err := operator.Metrics(ctx, scraper)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(code).To(Equal(http.StatusOK), body)
	out := map[string]float64{}
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndex(line, " ")
		g.Expect(at).To(BeNumerically(">", 0), line)
		value, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
		g.Expect(err).NotTo(HaveOccurred())
		out[line[:at]] = value
	}
	return out
}

// newScraper makes a ServiceAccount that may do nothing but scrape, and returns a token of it.
func newScraper(ctx context.Context) string {
	GinkgoHelper()
	const name = "scraper"
	Expect(k8s.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "firebreak-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: metav1.NamespaceDefault, Name: name}},
	})).To(Succeed())
	return tokenOf(ctx, name)
}

func operatorToken(ctx context.Context) string {
	GinkgoHelper()
	token, err := plane.ServiceAccountToken(ctx, harness.ManagerNamespace, harness.ManagerServiceAccount)
	Expect(err).NotTo(HaveOccurred())
	return token
}

// tokenOf makes a ServiceAccount in namespace default and returns a token of it.
func tokenOf(ctx context.Context, name string) string {
	GinkgoHelper()
	Expect(k8s.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: name}})).To(Succeed())
	token, err := plane.ServiceAccountToken(ctx, metav1.NamespaceDefault, name)
	Expect(err).NotTo(HaveOccurred())
	return token
}
