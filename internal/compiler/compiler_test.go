package compiler

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/random"
)

// TestWhatIsRememberedIsWhatIsCompiled compiles random clusters with one that remembers, namespace by namespace in random order,
// while facts and labels change in between.
func TestWhatIsRememberedIsWhatIsCompiled(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	outputs, recalled := 0, 0
	for number := range uint64(cases / 2) {
		d := random.New(seed, number)
		c := d.Cluster()
		var remembering Compiler
		order := rand.New(rand.NewPCG(seed, number))
		for range 3 {
			for _, i := range order.Perm(len(c.Namespaces)) {
				s := c.In(c.Namespaces[i])
				for _, p := range s.Profiles {
					if last := remembering.versions[p.Key]; last != nil && len(last.last) > 0 && isSame(last.profile, p) {
						recalled++
					}
				}
				got, want := remembering.Compile(s), Compile(s)
				outputs += len(got)
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("case %d: in %s it is\n%+v\nand remembered is\n%+v", number, c.Namespaces[i].Name, want, got)
				}
			}
			// Others in the cluster, and other namespaces.
			switch order.IntN(3) {
			case 0:
				c.Facts = d.Cluster().Facts
			case 1:
				c.Namespaces[0].Labels = c.Namespaces[len(c.Namespaces)-1].Labels
			default:
				c.Options.AllowNAT64 = !c.Options.AllowNAT64
			}
		}
	}
	t.Logf("%d outputs, of %d something was remembered", outputs, recalled)
	if recalled < outputs/20 {
		t.Error("hardly anything was ever remembered")
	}
}

// clusterOver is a cluster profile over two namespaces.
func clusterOver(allow ...v1alpha1.AllowEntry) (snapshot.Profile, func(namespace string) snapshot.Snapshot) {
	p := snapshot.FromClusterSegmentationProfile(&v1alpha1.ClusterSegmentationProfile{
		Spec: v1alpha1.ClusterSegmentationProfileSpec{
			NamespaceSelector: &v1alpha1.LabelSelector{},
			ProfileSettings:   v1alpha1.ProfileSettings{Allow: allow},
			Tiers:             []v1alpha1.ClusterTier{{Tier: v1alpha1.Tier{Name: "web", PodSelector: &v1alpha1.LabelSelector{}}}},
		},
	})
	p.Key.Name, p.UID = "base", "u"
	return p, func(namespace string) snapshot.Snapshot {
		return snapshot.Snapshot{Namespace: snapshot.Namespace{Name: namespace}, Profiles: []snapshot.Profile{p}, Options: snapshot.DefaultOptions("firebreak-system")}
	}
}

func TestAProfileIsCompiledOnceForNamespacesThatAreAlike(t *testing.T) {
	_, in := clusterOver()
	var k Compiler
	first := k.Compile(in("one"))[0]
	if len(first.Policies) == 0 {
		t.Fatalf("nothing was compiled: %+v", first)
	}
	second := k.Compile(in("two"))[0]
	if second.Policies[0].Namespace != "two" || first.Policies[0].Namespace != "one" {
		t.Errorf("the policies are in %s and %s", first.Policies[0].Namespace, second.Policies[0].Namespace)
	}
	if !reflect.DeepEqual(second, Compile(in("two"))[0]) {
		t.Error("it is not what is compiled")
	}
	a, b := reflect.ValueOf(first.Policies[0].Annotations), reflect.ValueOf(second.Policies[0].Annotations)
	if a.Pointer() != b.Pointer() {
		t.Error("it was compiled again")
	}
	other := in("one")
	other.Profiles[0].Key.Name = "other"
	if k.Compile(other); len(k.versions) != 1 || k.versions[other.Profiles[0].Key] == nil {
		t.Errorf("remembered are %d profiles, where one is left", len(k.versions))
	}
}

func TestWhatDependsOnTheNamespaceIsCompiledInEach(t *testing.T) {
	service := func(namespace string) v1alpha1.AllowEntry {
		return v1alpha1.AllowEntry{
			Name: "mail", From: []v1alpha1.Peer{{Tier: "web"}},
			To: []v1alpha1.Peer{{Service: &v1alpha1.ServicePeer{Namespace: namespace, Name: "mail"}}},
		}
	}
	for name, c := range map[string]struct {
		entry v1alpha1.AllowEntry
		alike [2]string
		same  bool
	}{
		"a Service of the namespace itself":                {service(""), [2]string{"one", "two"}, false},
		"a Service of one of them":                         {service("two"), [2]string{"one", "two"}, false},
		"a Service of one of them, which comes first":      {service("one"), [2]string{"one", "two"}, false},
		"a Service of a third":                             {service("three"), [2]string{"one", "two"}, true},
		"the same Service, in the namespace that it is in": {service("three"), [2]string{"two", "three"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, in := clusterOver(c.entry)
			facts := snapshot.Facts{}
			for _, namespace := range []string{"one", "two", "three"} {
				mail := corev1.Service{Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "mail"}, Ports: []corev1.ServicePort{{Port: 25}}}}
				mail.Namespace, mail.Name = namespace, "mail"
				facts.Services = append(facts.Services, mail)
			}
			var k Compiler
			var annotations []uintptr
			for _, namespace := range c.alike {
				s := in(namespace)
				s.Facts = facts
				got := k.Compile(s)
				if want := Compile(s); !reflect.DeepEqual(got, want) {
					t.Fatalf("in %s it is\n%+v\nand remembered is\n%+v", namespace, want, got)
				}
				annotations = append(annotations, reflect.ValueOf(got[0].Policies[0].Annotations).Pointer())
			}
			if same := annotations[0] == annotations[1]; same != c.same {
				t.Errorf("compiled once: %v, want %v", same, c.same)
			}
		})
	}
}

// TestAnotherProfileIsNotTheSame changes each field of a profile, those that come later too.
func TestAnotherProfileIsNotTheSame(t *testing.T) {
	p, _ := clusterOver(v1alpha1.AllowEntry{Name: "a"})
	if !isSame(p, p) {
		t.Fatal("a profile is not the same as itself")
	}
	again, _ := clusterOver(v1alpha1.AllowEntry{Name: "a"})
	if isSame(p, again) {
		t.Error("another one with the same spec is the same: it may have been changed in between")
	}
	changed := 0
	each(reflect.ValueOf(&p).Elem(), func(name string, field reflect.Value) {
		q := p
		before := reflect.New(field.Type()).Elem()
		before.Set(field)
		switch field.Kind() {
		case reflect.String:
			field.SetString(field.String() + "x")
		case reflect.Int64:
			field.SetInt(field.Int() + 1)
		case reflect.Bool:
			field.SetBool(!field.Bool())
		case reflect.Pointer:
			field.Set(reflect.New(field.Type().Elem()))
		case reflect.Slice:
			field.Set(reflect.AppendSlice(reflect.MakeSlice(field.Type(), 0, 1), field))
		default:
			t.Fatalf("no way to change %s", name)
		}
		if isSame(p, q) {
			t.Errorf("another %s is the same", name)
		}
		field.Set(before)
		changed++
	})
	if changed < 12 {
		t.Errorf("%d fields were changed", changed)
	}
}

// each calls with each field of a struct, and of those in it.
func each(v reflect.Value, do func(name string, field reflect.Value)) {
	for i := range v.NumField() {
		if field := v.Field(i); field.Kind() == reflect.Struct {
			each(field, do)
		} else {
			do(v.Type().Field(i).Name, field)
		}
	}
}

func TestRememberedPoliciesAreInTheOrderOfTheirNames(t *testing.T) {
	_, in := clusterOver()
	var k Compiler
	k.Compile(in("one"))
	var names []string
	for _, policy := range k.Compile(in("two"))[0].Policies {
		names = append(names, policy.Name)
	}
	if !slices.IsSorted(names) {
		t.Errorf("they are %v", names)
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	var v version
	for i := range 3 * maxRemembered {
		v.remember(strconv.Itoa(i), &remembered{peers: maxPeersBeside})
		v.remember("again", &remembered{})
		if len(v.last) > maxRemembered || v.recall("again") == nil {
			t.Fatalf("after %d sets of tiers, %d are remembered", i+1, len(v.last))
		}
	}
	v.remember("large", &remembered{peers: maxPeersBeside + 1})
	if len(v.last) != 1 || v.recall("large") == nil {
		t.Errorf("beside what is large, %d others are remembered", len(v.last)-1)
	}
}
