package controllers_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/internal/networkpolicy"
)

var _ = Describe("what the compiler emits", func() {
	It("is accepted by the API server, and comes back as it was sent", func(ctx SpecContext) {
		files, err := filepath.Glob("../internal/compiler/testdata/*.out.yaml")
		Expect(err).NotTo(HaveOccurred())
		Expect(len(files)).To(BeNumerically(">", 10))
		ns := newNamespace(ctx, nil)
		sent := 0
		for _, file := range files {
			data, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			for document := range bytes.SplitSeq(data, []byte("\n---\n")) {
				if !strings.Contains(string(document), "kind: NetworkPolicy") {
					continue
				}
				var policy networkingv1.NetworkPolicy
				Expect(yaml.UnmarshalStrict(document, &policy)).To(Succeed(), file)
				want := policy.Spec.DeepCopy()
				policy.ObjectMeta = metav1.ObjectMeta{Name: policy.Name, Namespace: ns, Labels: policy.Labels, Annotations: policy.Annotations}
				Expect(k8s.Create(ctx, &policy, client.DryRunAll)).To(Succeed(), "%s: %s", file, policy.Name)
				Expect(networkpolicy.Compare(policy.Spec, *want).Equal).To(BeTrue(), "%s: %s", file, policy.Name)
				Expect(policy.Spec).To(Equal(*want), "every default is written out: %s: %s", file, policy.Name)
				sent++
			}
		}
		Expect(sent).To(BeNumerically(">", 40))
	})
})
