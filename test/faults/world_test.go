package faults_test

import (
	"context"
	"errors"
	"fmt"
	"maps"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// world is what is taken away bit by bit: profiles of both kinds with either deletionPolicy, each with a namespace that stays,
// and one namespace for all of them, which goes as a whole.
type world struct {
	site  *site
	parts []*part
	// doomed is the namespace that goes, emptied says whether its deletion was asked for, and tenants are the profiles in it.
	doomed  *corev1.Namespace
	emptied bool
	tenants []client.Object
	// fresh are the policies of each namespace where nothing was before.
	fresh map[string]map[string]string
	// checked is the number of writes after which the policies were looked at.
	checked int
}

// newWorld makes a world of this name, and returns when it is complete.
func (s *site) newWorld(ctx context.Context, name string) *world {
	GinkgoHelper()
	doomed := name + "-doomed"
	w := &world{site: s, fresh: map[string]map[string]string{}, doomed: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: doomed}}}
	for _, policy := range []v1alpha1.DeletionPolicy{v1alpha1.DeletionPolicyDelete, v1alpha1.DeletionPolicyRetain} {
		suffix := map[v1alpha1.DeletionPolicy]string{v1alpha1.DeletionPolicyRetain: "-kept"}[policy]
		team, platform := name+"-team"+suffix, name+"-platform"+suffix
		w.parts = append(w.parts,
			&part{site: s, namespace: team, profile: namespacedProfile(team, "shop", policy)},
			&part{site: s, namespace: platform, profile: clusterProfile(platform, policy, v1alpha1.LabelValue(platform), v1alpha1.LabelValue(doomed))})
		w.tenants = append(w.tenants, namespacedProfile(doomed, "shop"+suffix, policy))
	}
	for _, p := range w.parts {
		Expect(s.k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.namespace}})).To(Succeed())
		Expect(s.k8s.Create(ctx, theirs(p.namespace))).To(Succeed())
		p.trace = s.recordThroughOutages(ctx, p.namespace)
	}
	w.declare(ctx)
	for _, namespace := range w.namespaces() {
		w.fresh[namespace] = policiesIn(ctx, s.k8s, namespace)
	}
	w.stand(ctx)
	return w
}

func (w *world) namespaces() []string {
	out := []string{w.doomed.Name}
	for _, p := range w.parts {
		out = append(out, p.namespace)
	}
	return out
}

// declare creates all that is not there, and returns when every profile is ready.
func (w *world) declare(ctx context.Context) {
	GinkgoHelper()
	objects := append([]client.Object{w.doomed, theirs(w.doomed.Name)}, w.tenants...)
	for _, p := range w.parts {
		objects = append(objects, p.profile)
		p.deleted, p.tended = false, false
	}
	w.emptied = false
	for _, obj := range objects {
		Eventually(func() error {
			copied, ok := obj.DeepCopyObject().(client.Object)
			Expect(ok).To(BeTrue())
			err := w.site.k8s.Create(ctx, copied)
			if apierrors.IsAlreadyExists(err) {
				return nil
			}
			return err
		}).WithTimeout(backWithin).Should(Succeed(), obj.GetName())
	}
	for _, obj := range objects[2:] {
		Eventually(w.site.unready).WithArguments(ctx, obj).WithTimeout(backWithin).Should(Succeed())
	}
}

// unready returns an error unless a profile is ready.
func (s *site) unready(ctx context.Context, declared client.Object) error {
	obj, ok := declared.DeepCopyObject().(client.Object)
	if !ok {
		return errors.New("no object of the API")
	}
	if err := s.k8s.Get(ctx, client.ObjectKeyFromObject(declared), obj); err != nil {
		return err
	}
	return unready(obj)
}

// gone returns an error unless an object is gone, or even its kind.
func (s *site) gone(ctx context.Context, declared client.Object) error {
	obj, ok := declared.DeepCopyObject().(client.Object)
	if !ok {
		return errors.New("no object of the API")
	}
	err := s.k8s.Get(ctx, client.ObjectKeyFromObject(declared), obj)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s is there, deleted %s, with finalizers %v", obj.GetName(), obj.GetDeletionTimestamp(), obj.GetFinalizers())
}

// stand takes note of the policies as they stand now.
func (w *world) stand(ctx context.Context) {
	GinkgoHelper()
	w.look(ctx, "creation")
	for _, p := range w.parts {
		now, err := p.site.policies(ctx, p.namespace)
		Expect(err).NotTo(HaveOccurred())
		if p.retains() && p.stood != nil {
			Expect(maps.EqualFunc(now, p.stood, isSameButForMetadata)).To(BeTrue(), "%s: the policies are %v, were %v", p.namespace, now, p.stood)
		}
		p.stood = now
	}
}

// look holds the invariant against the writes since the last look.
func (w *world) look(ctx context.Context, during string) {
	GinkgoHelper()
	for _, p := range w.parts {
		w.checked += p.look(ctx, during)
	}
}

// empty deletes the namespace that goes.
func (w *world) empty(ctx context.Context) {
	GinkgoHelper()
	w.emptied = true
	Expect(w.site.k8s.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.doomed.Name}})).To(Succeed())
}

// tend takes note that the operator is at work.
func (w *world) tend() {
	for _, p := range w.parts {
		p.tended = p.deleted
	}
}

// wrong returns what is not as it must be all the time.
func (w *world) wrong(ctx context.Context) error {
	var errs []error
	for _, p := range w.parts {
		errs = append(errs, p.wrong(ctx))
	}
	return errors.Join(errs...)
}

// unfinished returns what should have gone and is there yet.
func (w *world) unfinished(ctx context.Context, working bool) error {
	var errs []error
	for _, p := range w.parts {
		errs = append(errs, p.unfinished(ctx, working))
	}
	if w.emptied {
		errs = append(errs, w.site.gone(ctx, w.doomed))
	}
	return errors.Join(errs...)
}

// expectAsFresh expects the policies of a first installation.
func (w *world) expectAsFresh(ctx context.Context) {
	GinkgoHelper()
	for namespace, fresh := range w.fresh {
		Eventually(func() map[string]string { return policiesIn(ctx, w.site.k8s, namespace) }).WithTimeout(backWithin).Should(Equal(fresh), namespace)
	}
}
