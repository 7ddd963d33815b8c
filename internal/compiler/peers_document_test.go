package compiler

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

const peersDocument = "../../docs/peers.md"

// A YAML block of the document stands below a line that says what it is: an entry of a sample, or the rules that the entry
// becomes. With -update they are written anew.
var documentBlock = regexp.MustCompile("(?s)<!-- (entry|rules): ([^ ]+) ([^ ]+) -->\n```yaml\n(.*?)```\n")

func TestThePeersDocumentShowsEntriesOfSamplesAndWhatTheyBecome(t *testing.T) {
	document, everything := readFile(t, peersDocument), readSamples(t)
	shown := 0
	wanted := documentBlock.ReplaceAllStringFunc(document, func(block string) string {
		shown++
		parts := documentBlock.FindStringSubmatch(block)
		what, file, entry := parts[1], parts[2], parts[3]
		text := entryText(t, file, entry)
		if what == "rules" {
			text = rulesOfEntry(t, everything, file, entry)
		}
		return fmt.Sprintf("<!-- %s: %s %s -->\n```yaml\n%s```\n", what, file, entry, text)
	})
	if blocks := strings.Count(document, "```yaml\n"); blocks != shown {
		t.Errorf("%d YAML blocks of %s are held by nothing", blocks-shown, peersDocument)
	}
	if *update {
		if err := os.WriteFile(peersDocument, []byte(wanted), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if document != wanted {
		t.Errorf("%s is not what the samples and the compiler say (write it with: make golden); it should be:\n%s", peersDocument, wanted)
	}
}

func TestThePeersDocumentHasASectionForEveryPeer(t *testing.T) {
	var forms, sections []string
	for field := range reflect.TypeFor[v1alpha1.Peer]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		forms = append(forms, name)
	}
	for _, match := range regexp.MustCompile("(?m)^## `(\\w+)`$").FindAllStringSubmatch(readFile(t, peersDocument), -1) {
		sections = append(sections, match[1])
	}
	if !slices.Equal(forms, sections) {
		t.Errorf("the document has sections about %q, the API has the peers %q", sections, forms)
	}
}

// entryText cuts an allow entry out of a sample, without the comment before it and the indentation.
func entryText(t *testing.T, file, entry string) string {
	t.Helper()
	_, text, found := strings.Cut(readFile(t, samplesDir+"/"+file), "\n  - name: "+entry+"\n")
	if !found {
		t.Fatalf("%s has no entry %s", file, entry)
	}
	out := "- name: " + entry + "\n"
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "    ") {
			break
		}
		out += strings.TrimPrefix(line, "  ")
	}
	return out
}

// rulesOfEntry returns the rules that a sample's profile would have in a cluster if it had this entry alone, and no DNS.
// They are those of the first namespace where each tier has any.
func rulesOfEntry(t *testing.T, c cluster, file, entry string) string {
	t.Helper()
	profiles := aloneWith(entry, readSamples(t, file).Profiles)
	var out strings.Builder
	done := map[string]bool{}
	for _, ns := range c.Namespaces {
		s := c.In(ns)
		s.Profiles = profiles
		for _, o := range Compile(s) {
			for _, policy := range o.Policies {
				rules := map[string]any{}
				if len(policy.Spec.Egress) > 0 {
					rules["egress"] = policy.Spec.Egress
				}
				if len(policy.Spec.Ingress) > 0 {
					rules["ingress"] = policy.Spec.Ingress
				}
				tier := policy.Labels[v1alpha1.LabelTier]
				if len(rules) > 0 && !done[tier] {
					out.WriteString("# tier " + tier + "\n" + toYAML(t, rules))
					done[tier] = true
				}
			}
		}
	}
	if out.Len() == 0 {
		t.Fatalf("entry %s of %s becomes nothing", entry, file)
	}
	return out.String()
}

// aloneWith returns the profiles that have an allow entry, with no other.
func aloneWith(entry string, profiles []snapshot.Profile) []snapshot.Profile {
	var out []snapshot.Profile
	for _, p := range profiles {
		i := slices.IndexFunc(p.Allow, func(e v1alpha1.AllowEntry) bool { return e.Name == entry })
		if i < 0 {
			continue
		}
		p.Allow, p.DNS = p.Allow[i:i+1], v1alpha1.DNSNone
		for j := range p.Tiers {
			p.Tiers[j].DNS = v1alpha1.DNSNone
		}
		out = append(out, p)
	}
	return out
}
