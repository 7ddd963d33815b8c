package plugin_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
)

// relay passes connections on to the API server, until it is cut.
type relay struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	conns []net.Conn
}

// newRelay listens at an address until it is cut.
func newRelay(ctx context.Context, address, target string) *relay {
	GinkgoHelper()
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	Expect(err).NotTo(HaveOccurred())
	r := &relay{listener: listener, target: target}
	go r.serve(ctx)
	return r
}

func (r *relay) serve(ctx context.Context) {
	var dialer net.Dialer
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		out, err := dialer.DialContext(ctx, "tcp", r.target)
		if err != nil {
			_ = in.Close()
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, in, out)
		r.mu.Unlock()
		go func() { _, _ = io.Copy(in, out) }()
		go func() { _, _ = io.Copy(out, in) }()
	}
}

// cut ends all connections and takes no more.
func (r *relay) cut() {
	_ = r.listener.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		_ = c.Close()
	}
}

var _ = Describe("status --watch over a connection that breaks", func() {
	It("says that it may not be current, and goes on when it is there again", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		newWell(ctx, namespace, "web")
		host, err := url.Parse(plane.Config().Host)
		Expect(err).NotTo(HaveOccurred())
		through := newRelay(ctx, "127.0.0.1:0", host.Host)
		address := through.listener.Addr().String()
		text, err := os.ReadFile(admin)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(text)).To(ContainSubstring(host.Host))
		kubeconfig := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
		Expect(os.WriteFile(kubeconfig, []byte(strings.ReplaceAll(string(text), host.Host, address)), 0o600)).To(Succeed())

		session := watching(ctx, kubeconfig, "-n", namespace)
		Eventually(session.Out).Should(gbytes.Say(`segp/web +Enforce +True`))
		through.cut()
		Eventually(session.Err).Should(gbytes.Say("Note: What is shown may not be current; trying again:"))

		newDeny(ctx, namespace, "meanwhile")
		through = newRelay(ctx, address, host.Host)
		DeferCleanup(func() { through.cut() })
		Eventually(session.Out, "60s").Should(gbytes.Say(`segp/meanwhile +Enforce +True`))
		Expect(session.ExitCode()).To(Equal(-1), "it is still at work")
	})
})
