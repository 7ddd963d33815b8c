package crd_test

import (
	"context"
	"fmt"
	"math/rand/v2"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/test/random"
)

// clusters is the number of random clusters of each kind whose policies the API server is shown.
const clusters = 60

var _ = Describe("NetworkPolicies of random clusters", Ordered, func() {
	var (
		server client.Client
		seed   uint64
	)

	BeforeAll(func(ctx context.Context) {
		scheme := runtime.NewScheme()
		Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
		var err error
		server, err = client.New(apiServer.environment.Config, client.Options{Scheme: scheme})
		Expect(err).NotTo(HaveOccurred())
		server = client.WithFieldValidation(server, metav1.FieldValidationStrict)
		for _, name := range []string{"shop", "data"} {
			ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
			Expect(server.Create(ctx, ns)).To(Succeed())
		}
		seed = rand.Uint64()
		GinkgoWriter.Println("seed", seed)
	})

	accepts := func(ctx context.Context, number uint64, policy *networkingv1.NetworkPolicy) {
		GinkgoHelper()
		err := server.Create(ctx, policy.DeepCopy(), client.DryRunAll)
		Expect(err).NotTo(HaveOccurred(), fmt.Sprintf("seed %d, case %d: %+v", seed, number, policy))
	}

	It("are accepted when profiles were compiled to them", func(ctx context.Context) {
		n := 0
		for number := range uint64(clusters) {
			c := random.New(seed, number).Cluster()
			for _, ns := range c.Namespaces {
				for _, o := range compiler.Compile(c.In(ns)) {
					for i := range o.Policies {
						accepts(ctx, number, &o.Policies[i])
						n++
					}
				}
			}
		}
		Expect(n).To(BeNumerically(">", clusters))
		GinkgoWriter.Println(n, "policies")
	})

	It("are accepted when they were drawn as anybody may write them", func(ctx context.Context) {
		for number := range uint64(clusters) {
			for _, policy := range random.New(seed, number).Foreign().Policies {
				accepts(ctx, number, policy)
			}
		}
	})
})
