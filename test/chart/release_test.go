package chart_test

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

func TestTheLinterOfHelmFindsNothing(t *testing.T) {
	if _, err := helm(t, nil, "lint", "--strict", "config/chart"); err != nil {
		t.Error(err)
	}
}

// Nothing may point to names or namespaces that only a release named firebreak in firebreak-system has.
func TestAReleaseOfAnotherNameInAnotherNamespaceIsWhole(t *testing.T) {
	for name, prefix := range map[string]string{"barrier": "barrier-firebreak-", "firebreak-eu": "firebreak-eu-"} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			manifests := render(t, nil, name, "--namespace=security")
			for key, object := range manifests {
				if object.GetKind() == "CustomResourceDefinition" {
					continue
				}
				g.Expect(object.GetName()).To(HavePrefix(prefix), key)
				g.Expect(object.GetNamespace()).To(Or(BeEmpty(), Equal("security")), key)
				text, err := yaml.Marshal(object.Object)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(string(text)).NotTo(ContainSubstring(namespace), key)
			}
			g.Expect(manifests).To(HaveKey("ServiceAccount security/" + one[appsv1.Deployment](t, manifests, "Deployment").Spec.Template.Spec.ServiceAccountName))
			for key, object := range manifests {
				if !strings.HasSuffix(object.GetKind(), "RoleBinding") {
					continue
				}
				var binding rbacv1.RoleBinding
				g.Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &binding)).To(Succeed())
				role := binding.RoleRef.Kind + " " + binding.RoleRef.Name
				if binding.RoleRef.Kind == "Role" {
					role = "Role security/" + binding.RoleRef.Name
				}
				g.Expect(manifests).To(HaveKey(role), key)
				for _, subject := range binding.Subjects {
					g.Expect(manifests).To(HaveKey(subject.Kind+" "+subject.Namespace+"/"+subject.Name), key)
				}
			}
		})
	}
}
