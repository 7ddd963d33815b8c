package render

import (
	"bytes"
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
)

func TestAProfileIsReadAsItWasWritten(t *testing.T) {
	p := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: "no", Namespace: "off"}}
	p.APIVersion, p.Kind = v1alpha1.GroupVersion.String(), string(v1alpha1.KindSegmentationProfile)
	for _, word := range []string{"yes", "No", "ON", "off", "y", "n", "true", "1", "1e3", "null", "0x1", "2026-01-01"} {
		p.Spec.Tiers = append(p.Spec.Tiers, v1alpha1.Tier{
			Name: word, PodSelector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{word: v1alpha1.LabelValue(word)}},
		})
	}
	var out bytes.Buffer
	if err := Profile(&out, p, Remarks{}); err != nil {
		t.Fatal(err)
	}
	read := &v1alpha1.SegmentationProfile{}
	if err := yaml.UnmarshalStrict(out.Bytes(), read); err != nil || !reflect.DeepEqual(p, read) {
		t.Errorf("%v: it is read otherwise than\n%s", err, out.String())
	}
}
