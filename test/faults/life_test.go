package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/random"
)

// life is a namespace whose profiles go through random specs, one change after the other. What becomes of it is drawn from
// the seed and its number alone, whatever the others do meanwhile.
type life struct {
	drawer   random.Drawer
	labels   map[string]string
	universe *universe
	trace    *trace
	// profiles are those of the namespace itself.
	profiles []*declared
	counts   lifeCounts
}

// lifeCounts are what was seen in a life.
type lifeCounts struct {
	// transitions are the changes of a spec after which all writes were looked at, and effective those that changed what is
	// admitted.
	transitions, effective          int
	writes, tangled, kinds, changed int
	recoveries                      []time.Duration
}

// declared is a profile of either kind, as it was declared last.
type declared struct {
	snapshot.Profile
	// seen is what a watch has shown of profiles.
	seen client.Reader
	// there is false before it is created, and after it was deleted; live is what the API server answered last.
	there bool
	live  client.Object
}

// newLife creates a namespace of this number with one or two profiles that are not there yet.
func newLife(ctx context.Context, seed uint64, number int, seen client.Reader) *life {
	GinkgoHelper()
	l := &life{drawer: random.New(seed, uint64(number))}
	l.labels = map[string]string{"team": random.OneOf(l.drawer, "a", "b", "c"), "group": fmt.Sprint("g", number%groups)}
	namespace := newLifeNamespace(ctx, fmt.Sprint("life-", number), l.labels)
	for i := range 1 + number%2 {
		p := l.drawProfile(v1alpha1.KindSegmentationProfile)
		p.Key = snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: namespace, Name: fmt.Sprint("p", i)}
		l.profiles = append(l.profiles, &declared{Profile: p, seen: seen})
	}
	l.universe = randomUniverse(snapshot.Namespace{Name: namespace, Labels: l.labels})
	l.trace = record(ctx, namespace)
	return l
}

// newLifeNamespace creates a namespace of this name, which goes when the spec ends.
func newLifeNamespace(ctx context.Context, name string, labels map[string]string) string {
	GinkgoHelper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	Expect(k8s.Create(ctx, ns)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(k8s.Delete(ctx, ns))).To(Succeed()) })
	return ns.Name
}

func (l *life) namespace() string { return l.trace.namespace }

// drawProfile draws a profile of a kind.
func (l *life) drawProfile(kind v1alpha1.Kind) snapshot.Profile {
	return drawProfile(l.drawer, kind)
}

func drawProfile(d random.Drawer, kind v1alpha1.Kind) snapshot.Profile {
	for {
		if p := d.Profile(0); p.Key.Kind == kind {
			return p
		}
	}
}

// transit changes one profile, and looks at the writes that follow.
func (l *life) transit(ctx context.Context) {
	GinkgoHelper()
	d := random.OneOf(l.drawer, l.profiles...)
	was := l.describe()
	began := time.Now()
	d.change(ctx, l.drawer)
	d.expectSettled(ctx)
	l.counts.recoveries = append(l.counts.recoveries, time.Since(began))
	l.look(ctx, was)
}

// change draws what becomes of a profile, and declares it.
func (d *declared) change(ctx context.Context, drawer random.Drawer) {
	GinkgoHelper()
	next := d.Profile
	switch drawer.IntN(20) {
	case 0, 1, 2:
		next = drawProfile(drawer, d.Key.Kind)
		next.Key, next.NamespaceSelector = d.Key, d.NamespaceSelector
	case 3:
		if next.Mode = v1alpha1.ModePreview; d.Mode == next.Mode {
			next.Mode = v1alpha1.ModeEnforce
		}
	case 4:
		// One that does not retain its policies goes in no order, because the garbage collector deletes them, too. In mode
		// Preview it marks none to be retained.
		if d.there && d.Retains() && d.Mode == v1alpha1.ModeEnforce {
			d.remove(ctx)
			return
		}
		next.DeletionPolicy, next.Mode = v1alpha1.DeletionPolicyRetain, v1alpha1.ModeEnforce
	default:
		next = drawer.Altered(next)
	}
	d.declare(ctx, next)
}

// declare creates a profile, or gives it another spec.
func (d *declared) declare(ctx context.Context, next snapshot.Profile) {
	GinkgoHelper()
	d.Profile = next
	if !d.there {
		d.there, d.live = true, d.object()
		Expect(k8s.Create(ctx, d.live)).To(Succeed(), d.text())
		return
	}
	patch, err := json.Marshal([]map[string]any{{"op": "replace", "path": "/spec", "value": d.spec()}})
	Expect(err).NotTo(HaveOccurred())
	Expect(k8s.Patch(ctx, d.live, client.RawPatch(types.JSONPatchType, patch))).To(Succeed(), d.text())
}

func (d *declared) remove(ctx context.Context) {
	GinkgoHelper()
	d.there = false
	Expect(k8s.Delete(ctx, d.live)).To(Succeed())
}

// empty returns the API object without spec.
func (d *declared) empty() client.Object {
	m := metav1.ObjectMeta{Namespace: d.Key.Namespace, Name: d.Key.Name}
	if d.Key.Kind == v1alpha1.KindClusterSegmentationProfile {
		return &v1alpha1.ClusterSegmentationProfile{ObjectMeta: m}
	}
	return &v1alpha1.SegmentationProfile{ObjectMeta: m}
}

func (d *declared) object() client.Object {
	switch p := d.empty().(type) {
	case *v1alpha1.ClusterSegmentationProfile:
		p.Spec = d.clusterSpec()
		return p
	case *v1alpha1.SegmentationProfile:
		p.Spec = d.namespacedSpec()
		return p
	}
	return nil
}

func (d *declared) spec() any {
	if d.Key.Kind == v1alpha1.KindClusterSegmentationProfile {
		return d.clusterSpec()
	}
	return d.namespacedSpec()
}

func (d *declared) clusterSpec() v1alpha1.ClusterSegmentationProfileSpec {
	return v1alpha1.ClusterSegmentationProfileSpec{ProfileSettings: d.ProfileSettings, NamespaceSelector: d.NamespaceSelector, Tiers: d.Tiers}
}

func (d *declared) namespacedSpec() v1alpha1.SegmentationProfileSpec {
	out := v1alpha1.SegmentationProfileSpec{ProfileSettings: d.ProfileSettings, Tiers: []v1alpha1.Tier{}}
	for _, t := range d.Tiers {
		out.Tiers = append(out.Tiers, t.Tier)
	}
	return out
}

// text writes a profile down for who reads a failure.
func (d *declared) text() string {
	if !d.there {
		return "# " + d.Key.String() + " is not there\n"
	}
	text, err := yaml.Marshal(d.spec())
	if err != nil {
		text = []byte(err.Error())
	}
	return "# " + d.Key.String() + "\n" + string(text)
}

// expectSettled waits until what is declared is ready, or gone with what it must take along.
func (d *declared) expectSettled(ctx context.Context) {
	GinkgoHelper()
	Eventually(func() error {
		obj := d.empty()
		err := d.seen.Get(ctx, client.ObjectKeyFromObject(obj), obj)
		switch {
		case apierrors.IsNotFound(err) && !d.there:
			return d.left(ctx)
		case client.IgnoreNotFound(err) != nil:
			return err
		case !d.there:
			return errors.New("still there")
		case obj.GetUID() != d.live.GetUID() || obj.GetGeneration() < d.live.GetGeneration():
			return errors.New("not seen yet")
		}
		return unready(obj)
	}, 2*recoveredWithin, "50ms").Should(Succeed(), func() string { return d.text() + again() })
}

// left returns an error when there is what a profile that is gone should have taken along.
func (d *declared) left(ctx context.Context) error {
	var list networkingv1.NetworkPolicyList
	if err := k8s.List(ctx, &list, client.InNamespace(d.Key.Namespace), client.MatchingLabels{
		v1alpha1.LabelProfileKind: string(d.Key.Kind), v1alpha1.LabelProfile: d.Key.Name,
	}); err != nil {
		return err
	}
	for _, p := range list.Items {
		if !d.Retains() || len(p.OwnerReferences) > 0 {
			return fmt.Errorf("%s/%s is left", p.Namespace, p.Name)
		}
	}
	return nil
}

// look holds the invariant against the writes since the last look.
func (l *life) look(ctx context.Context, was string) {
	GinkgoHelper()
	writes := l.trace.take(ctx)
	for _, w := range writes {
		GinkgoWriter.Printf("%s: %s\n", l.namespace(), w.what)
	}
	if len(writes) == 0 {
		return
	}
	from := l.trace.from
	l.trace.from = writes[len(writes)-1].after
	found, err := l.universe.judge(from, writes)
	Expect(err).NotTo(HaveOccurred())
	if found.breach != "" {
		Fail(fmt.Sprintf("In %s, %s\nBefore:\n%s\nAfter:\n%s\nWhat went wrong meanwhile: %v\n%s",
			l.namespace(), found.breach, was, l.describe(), l.acts(), again()))
	}
	l.counts.transitions++
	if found.changed > 0 {
		l.counts.effective++
	}
	l.counts.writes += len(writes)
	l.counts.tangled += found.tangled
	l.counts.kinds += found.all
	l.counts.changed += found.changed
}

// describe writes down the profiles of the namespace.
func (l *life) describe() string {
	var out strings.Builder
	for _, d := range l.profiles {
		out.WriteString(d.text())
	}
	return out.String()
}

// acts are the last faults that had to do with the namespace.
func (l *life) acts() []string {
	var out []string
	for _, act := range before.Acts() {
		if act.Namespace == l.namespace() || act.Rule == crashRule {
			out = append(out, act.String())
		}
	}
	return out[max(0, len(out)-20):]
}

// again returns the command that does the random transitions of this run again.
func again() string {
	return fmt.Sprintf("\nAgain: go test -race ./test/faults -ginkgo.v -ginkgo.seed=%d -ginkgo.focus='%s'\n",
		GinkgoRandomSeed(), strings.ReplaceAll(CurrentSpecReport().FullText(), "'", "."))
}

// policiesOf returns the policies of a namespace by name, as text in which its name is replaced.
func policiesOf(ctx context.Context, namespace string) map[string]string {
	GinkgoHelper()
	return policiesIn(ctx, k8s, namespace)
}

// policiesIn is policiesOf for the API server of any site.
func policiesIn(ctx context.Context, k8s client.Reader, namespace string) map[string]string {
	GinkgoHelper()
	var list networkingv1.NetworkPolicyList
	Expect(k8s.List(ctx, &list, client.InNamespace(namespace))).To(Succeed())
	out := map[string]string{}
	for _, p := range list.Items {
		text, err := yaml.Marshal(map[string]any{"labels": p.Labels, "spec": p.Spec})
		Expect(err).NotTo(HaveOccurred())
		out[p.Name] = strings.ReplaceAll(string(text), namespace, "NAMESPACE")
	}
	return out
}

// expectAsFresh lets all profiles of the namespace enforce, and holds what they came to in the end against what they come to
// in a namespace where nothing was before.
func (l *life) expectAsFresh(ctx context.Context) {
	GinkgoHelper()
	for _, d := range l.profiles {
		was := l.describe()
		next := d.Profile
		next.Mode = v1alpha1.ModeEnforce
		d.declare(ctx, next)
		d.expectSettled(ctx)
		l.look(ctx, was)
	}
	fresh := newLifeNamespace(ctx, "fresh-"+l.namespace(), l.labels)
	for _, d := range l.profiles {
		next := d.Profile
		next.Key.Namespace = fresh
		other := declared{Profile: next, seen: d.seen}
		other.declare(ctx, next)
		other.expectSettled(ctx)
	}
	Expect(policiesOf(ctx, l.namespace())).To(Equal(policiesOf(ctx, fresh)), "%s%s", l.describe(), again())
}
