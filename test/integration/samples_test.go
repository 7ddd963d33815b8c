package integration_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
)

var _ = Describe("Every file of config/samples", Ordered, func() {
	const facts = "internal/compiler/testdata/samples"
	// By the path of their file.
	profiles := map[string][]client.Object{}
	var created []client.Object

	BeforeAll(func(ctx SpecContext) {
		for _, object := range append(objectsOf("config/samples/namespaces.yaml"), objectsOf(facts+".facts.yaml")...) {
			if object.GetNamespace() == "default" || object.GetNamespace() == "kube-system" {
				continue // the API server's own Service, and that of DNS, are there
			}
			// A namespace of an earlier spec may still be going.
			Eventually(func() error { return k8s.Create(ctx, object) }, "60s").Should(Succeed())
			created = append(created, object)
		}
		root := filepath.Join(plane.Root(), "config", "samples")
		Expect(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || entry.Name() == "kustomization.yaml" || entry.Name() == "namespaces.yaml" {
				return err
			}
			file, err := filepath.Rel(plane.Root(), path)
			for _, object := range objectsOf(file) {
				profiles[file] = append(profiles[file], profileOf(object))
			}
			return err
		})).To(Succeed())
	})

	AfterAll(func(ctx SpecContext) {
		removeAll(ctx, slices.Concat(slices.Collect(maps.Values(profiles))...))
		// Namespaces are used by others, too.
		removeAll(ctx, created)
	})

	It("is applied as it stands, becomes ready, and finds everything that it refers to", func(ctx SpecContext) {
		for file := range profiles {
			kubectl(ctx, "apply", "--validate=strict", "-f", file)
		}
		for file, list := range profiles {
			for _, profile := range list {
				expectReady(ctx, profile)
				Eventually(func() string { return condition(ctx, profile, "ResolvedRefs") }).Should(Equal("True/Resolved"), "%s: %s", file, profile.GetName())
			}
		}
	})

	It("becomes the policies that the compiler's test expects", func(ctx SpecContext) {
		previews := map[string]bool{}
		for _, list := range profiles {
			for _, profile := range list {
				p, ok := profile.(*v1alpha1.SegmentationProfile)
				previews[profile.GetName()] = ok && p.Spec.Mode == v1alpha1.ModePreview
			}
		}
		compared := 0
		for _, want := range goldenPolicies(facts + ".out.yaml") {
			live := policies(ctx, want.Namespace)
			if previews[want.Labels[v1alpha1.LabelProfile]] {
				Expect(live).NotTo(HaveKey(want.Name))
				continue
			}
			Expect(live).To(HaveKey(want.Name))
			if namesAPIServer(want) {
				continue // this API server has another address
			}
			Expect(live[want.Name].Spec).To(Equal(want.Spec), "%s in %s", want.Name, want.Namespace)
			compared++
		}
		Expect(compared).To(BeNumerically(">", 30))
	})

	It("says of the profile that would replace another what that would mean", func(ctx SpecContext) {
		preview := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "shop-with-cache"}}
		Eventually(func() string { return message(ctx, preview, "Ready") }).Should(ContainSubstring("would create 5, update 0 and delete 4 policies"))
	})
})

func removeAll(ctx context.Context, objects []client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		remove(ctx, object)
	}
	for _, object := range objects {
		expectGone(ctx, object)
	}
}

// namesAPIServer says whether a golden policy has the address that the golden files give to the API server.
func namesAPIServer(policy networkingv1.NetworkPolicy) bool {
	GinkgoHelper()
	text, err := yaml.Marshal(policy.Spec)
	Expect(err).NotTo(HaveOccurred())
	return strings.Contains(string(text), "192.168.10.1/32")
}

// objectsOf reads the objects of a file of the repository.
func objectsOf(path string) []*unstructured.Unstructured {
	GinkgoHelper()
	file, err := os.Open(filepath.Join(plane.Root(), path))
	Expect(err).NotTo(HaveOccurred())
	defer func() { Expect(file.Close()).To(Succeed()) }()
	var out []*unstructured.Unstructured
	documents := utilyaml.NewYAMLReader(bufio.NewReader(file))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		Expect(err).NotTo(HaveOccurred())
		object := &unstructured.Unstructured{}
		Expect(yaml.Unmarshal(document, &object.Object)).To(Succeed())
		if object.GetKind() != "" { // else a document of comments
			out = append(out, object)
		}
	}
}

// profileOf returns a profile as its type.
func profileOf(object *unstructured.Unstructured) client.Object {
	GinkgoHelper()
	profile, err := k8s.Scheme().New(object.GroupVersionKind())
	Expect(err).NotTo(HaveOccurred())
	text, err := object.MarshalJSON()
	Expect(err).NotTo(HaveOccurred())
	Expect(yaml.UnmarshalStrict(text, profile)).To(Succeed())
	typed, ok := profile.(client.Object)
	Expect(ok).To(BeTrue())
	return typed
}
