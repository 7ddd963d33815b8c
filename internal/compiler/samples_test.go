package compiler

import (
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
)

const samplesDir = "../../config/samples"

// sampleFiles lists the files of config/samples, sorted, with their paths below it.
func sampleFiles(t *testing.T) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(samplesDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "kustomization.yaml" {
			return err
		}
		name, err := filepath.Rel(samplesDir, path)
		out = append(out, name)
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	return out
}

// readSamples returns the cluster that the samples are written for, with the profiles of some of them, or of all.
func readSamples(t *testing.T, files ...string) cluster {
	t.Helper()
	c := readCluster(t, "testdata/samples.facts.yaml")
	c.readFile(t, filepath.Join(samplesDir, "namespaces.yaml"))
	if len(files) == 0 {
		files = sampleFiles(t)
	}
	for _, file := range files {
		if file != "namespaces.yaml" {
			c.readFile(t, filepath.Join(samplesDir, file))
		}
	}
	for i := range c.Profiles {
		// What the API server gives to each.
		c.Profiles[i].UID, c.Profiles[i].Generation = types.UID("uid-of-"+c.Profiles[i].Key.Name), 1
	}
	return c
}

// TestTheSamplesWordForWord holds the policies of all samples together, to the byte.
func TestTheSamplesWordForWord(t *testing.T) {
	mustBeGolden(t, "testdata/samples.out.yaml", render(t, readSamples(t)))
}

func TestEverySampleActsAndFindsWhatItRefersTo(t *testing.T) {
	c := readSamples(t)
	acts := map[string]bool{}
	for _, ns := range c.Namespaces {
		for _, o := range Compile(c.In(ns)) {
			for _, f := range o.Findings {
				if f.Code == v1alpha1.CodeUnresolvedPeer || f.Code == v1alpha1.CodeDNSNotFound {
					t.Errorf("%s: %s: %s", o.Profile.Key, f.Place, f.Message)
				}
			}
			if o.Disposition == Enforce || o.Disposition == Preview {
				acts[o.Profile.Key.String()] = true
			}
		}
	}
	for _, p := range c.Profiles {
		if !acts[p.Key.String()] {
			t.Errorf("%s acts nowhere", p.Key)
		}
	}
}

// fieldsOf adds the fields that a document has, below a path and without the numbers of list items: ".allow.to.nodes",
// and with their value where that is a text or an empty list: ".mode=Preview".
func fieldsOf(value any, path string, into map[string]bool) {
	into[path] = true
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			fieldsOf(member, path+"."+key, into)
		}
	case []any:
		if len(v) == 0 {
			into[path+"=[]"] = true
		}
		for _, item := range v {
			fieldsOf(item, path, into)
		}
	case string:
		into[path+"="+v] = true
	}
}

func TestTheSamplesShowEveryPeerInBothKindsAndEverySetting(t *testing.T) {
	fields := map[v1alpha1.Kind]map[string]bool{v1alpha1.KindSegmentationProfile: {}, v1alpha1.KindClusterSegmentationProfile: {}}
	all := map[string]bool{}
	for _, file := range sampleFiles(t) {
		for document := range strings.SplitSeq(readFile(t, filepath.Join(samplesDir, file)), "\n---\n") {
			var profile struct {
				Kind v1alpha1.Kind  `json:"kind"`
				Spec map[string]any `json:"spec"`
			}
			if err := yaml.Unmarshal([]byte(document), &profile); err != nil {
				t.Fatal(err)
			}
			if into, ok := fields[profile.Kind]; ok {
				fieldsOf(profile.Spec, "", into)
				fieldsOf(profile.Spec, "", all)
			}
		}
	}
	for kind, shown := range fields {
		for field := range reflect.TypeFor[v1alpha1.Peer]().Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !shown[".allow.from."+name] && !shown[".allow.to."+name] {
				t.Errorf("no %s in config/samples has a peer %s", kind, name)
			}
		}
	}
	for _, field := range []string{
		".mode=Preview", ".previewOf", ".deletionPolicy=Retain", ".isolation=Tiers", ".tiers=[]", ".dns=None", ".tiers.dns=Cluster",
		".tiers.dns=Any", ".tiers.dns=None", ".tiers.ports.endPort", ".tiers.ports.protocol=UDP", ".allow.ports.port=metrics",
		".tiers.namespaceSelector", ".allow.from.kubeAPIServer", ".allow.to.kubeAPIServer", ".allow.to.ipBlocks.except", ".allow.to.internet.except",
		".allow.from.nodes.nodeSelector", ".allow.to.service.namespace", ".allow.from.pods.namespaces", ".allow.from.pods.namespaceSelector",
	} {
		if !all[field] {
			t.Errorf("no profile in config/samples has %s", field)
		}
	}
}

func TestTheKustomizationOfTheSamplesHasAllOfThem(t *testing.T) {
	var kustomization struct {
		Resources []string `json:"resources"`
	}
	if err := yaml.Unmarshal([]byte(readFile(t, filepath.Join(samplesDir, "kustomization.yaml"))), &kustomization); err != nil {
		t.Fatal(err)
	}
	if listed, files := slices.Sorted(slices.Values(kustomization.Resources)), sampleFiles(t); !slices.Equal(listed, files) {
		t.Errorf("kustomization.yaml lists %q\nthere are %q", listed, files)
	}
}
