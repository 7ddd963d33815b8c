package validation_test

import (
	"testing"

	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/validation"
)

// BenchmarkValidate checks a profile of two tiers and three entries.
func BenchmarkValidate(b *testing.B) {
	object := &v1alpha1.SegmentationProfile{}
	spec := tiers + `allow:
- {name: users, from: [{pods: {namespaces: [ingress]}}], to: [{tier: web}]}
- {name: mail, from: [{tier: web}], to: [{internet: {except: [192.0.2.0/24]}}], ports: [{port: 443}]}
- {name: inside, from: [{tier: bare}], to: [{tier: web}]}
`
	if err := yaml.UnmarshalStrict([]byte(spec), &object.Spec); err != nil {
		b.Fatal(err)
	}
	object.Namespace, object.Name = "shop", "shop"
	p := snapshot.FromSegmentationProfile(object)
	b.ReportAllocs()
	for b.Loop() {
		if errs := validation.Validate(p); len(errs) > 0 {
			b.Fatal(errs)
		}
	}
}
