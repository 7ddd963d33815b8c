package faults_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"firebreak.dev/firebreak/test/faults/account"
	"firebreak.dev/firebreak/test/harness"
	"firebreak.dev/firebreak/test/random"
)

// removal takes worlds away bit by bit, and the operator and what it needs with them.
type removal struct {
	site     *site
	drawer   random.Drawer
	operator *replica
	// rights is the operator's ClusterRoleBinding as it is gone; nil while it is there.
	rights *rbacv1.ClusterRoleBinding
	// definitions are the CustomResourceDefinitions as they are gone, of SegmentationProfiles and ClusterSegmentationProfiles; nil
	// while they are there.
	definitions [2]*unstructured.Unstructured
	// blind: one of them went before the operator had listed it, and it may wait for it.
	blind bool
	// listing is since when the operator can list everything; zero when it could never, or may not have come to it.
	listing time.Time
	worlds  []*world
	// done is what was done, in order.
	done []string
	a    account.Account
}

// deed is one thing that is done in a removal.
type deed struct {
	name string
	do   func(context.Context)
}

// cascades are the ways to delete an object that has dependents.
func cascades() []metav1.DeletionPropagation {
	return []metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan}
}

// ofWorld returns what takes the profiles of a world and its namespace away.
func (r *removal) ofWorld(w *world) []deed {
	deeds := []deed{{"delete namespace " + w.doomed.Name, w.empty}}
	for _, p := range w.parts {
		cascade := random.OneOf(r.drawer, cascades()...)
		deeds = append(deeds, deed{fmt.Sprintf("delete the profile of %s, %s", p.namespace, cascade), func(ctx context.Context) {
			GinkgoHelper()
			p.remove(ctx, cascade, r.present())
		}})
	}
	return deeds
}

// unfinished returns what should have gone and is there yet.
func (r *removal) unfinished(ctx context.Context) error {
	var errs []error
	for _, w := range r.worlds {
		errs = append(errs, w.unfinished(ctx, r.working()))
	}
	for kind, d := range r.definitions {
		if d != nil && (kind == 0 || r.working()) {
			errs = append(errs, r.site.gone(ctx, definition(kind)))
		}
	}
	return errors.Join(errs...)
}

// wrong returns what is not as it must be all the time.
func (r *removal) wrong(ctx context.Context) error {
	var errs []error
	for _, w := range r.worlds {
		errs = append(errs, w.wrong(ctx))
	}
	return errors.Join(errs...)
}

// settle waits until all is gone that can go now.
func (r *removal) settle(ctx context.Context) {
	GinkgoHelper()
	Eventually(r.unfinished).WithArguments(ctx).WithTimeout(backWithin).Should(Succeed(), r.text())
	Expect(r.wrong(ctx)).To(Succeed(), r.text())
}

func (r *removal) text() string { return fmt.Sprintf("done: %q%s", r.done, again()) }

// carryOut does deeds one after the other, without a pause.
func (r *removal) carryOut(ctx context.Context, deeds ...deed) {
	GinkgoHelper()
	for _, d := range deeds {
		By(d.name)
		r.done = append(r.done, d.name)
		d.do(ctx)
		Expect(r.wrong(ctx)).To(Succeed(), r.text())
	}
	r.a.Faults += len(deeds)
}

// makeGood brings operator, rights and definitions back, waits until all is gone that was to go, and declares everything anew.
func (r *removal) makeGood(ctx context.Context) {
	GinkgoHelper()
	By("making good")
	r.settle(ctx)
	Consistently(r.wrong).WithArguments(ctx).Should(Succeed(), r.text())
	began := time.Now()
	r.giveRights(ctx)
	r.start(ctx)
	// It may have waited for this one. Of the other one, nothing is there to wait for it when it is gone.
	r.restore(ctx, 0)
	r.blind = false
	r.settle(ctx)
	r.a.Recoveries = append(r.a.Recoveries, time.Since(began))
	for _, w := range r.worlds {
		w.look(ctx, "removal")
	}
	r.restore(ctx, 1)
	if r.drawer.IntN(2) == 0 {
		// As when it is installed again; otherwise it has to find out itself what is there again.
		r.stop(ctx)
		r.start(ctx)
	}
	for _, w := range r.worlds {
		w.declare(ctx)
		w.expectAsFresh(ctx)
		w.stand(ctx)
	}
	r.done = nil
}

// report hands over what was measured.
func (r *removal) report(test string) {
	r.a.Test = test
	for _, w := range r.worlds {
		r.a.Writes += w.checked
	}
	AddReportEntry(account.EntryName, r.a)
}

// neighbours returns orders of so many things, an even number, in which each comes directly after each other once (E. J. Williams,
// 1949).
func neighbours(n int) [][]int {
	first := []int{0}
	for i := 1; len(first) < n; i++ {
		first = append(first, i)
		if len(first) < n {
			first = append(first, n-i)
		}
	}
	var out [][]int
	for shift := range n {
		var row []int
		for _, i := range first {
			row = append(row, (i+shift)%n)
		}
		out = append(out, row)
	}
	return out
}

var _ = Describe("Removal", func() {
	It("takes away what is to go and nothing else, in whatever order, with the operator killed in between", func(ctx SpecContext) {
		size, rounds := 2, 1
		if soaking() {
			size, rounds = 8, 4
		}
		r := &removal{site: suiteSite(), drawer: random.New(uint64(GinkgoRandomSeed()), 12)}
		r.start(ctx)
		for i := range size {
			r.worlds = append(r.worlds, r.site.newWorld(ctx, fmt.Sprint("removal-", i)))
		}
		for range rounds {
			r.cutShort(ctx)
		}
		r.report("removal in any order, with the operator killed in between")
		r.clear(ctx)
	})
})

// cutShort removes all worlds side by side, each in an order of its own, and kills the operator when some things are done.
func (r *removal) cutShort(ctx context.Context) {
	GinkgoHelper()
	var former, latter []deed
	for _, w := range r.worlds {
		deeds := r.ofWorld(w)
		r.drawer.Shuffle(len(deeds), func(i, j int) { deeds[i], deeds[j] = deeds[j], deeds[i] })
		cut := r.drawer.IntN(len(deeds) + 1)
		former, latter = append(former, deeds[:cut]...), append(latter, deeds[cut:]...)
	}
	r.carryOut(ctx, former...)
	r.carryOut(ctx, deed{"kill the operator", r.stop})
	r.carryOut(ctx, latter...)
	r.makeGood(ctx)
}

// clear deletes what is left.
func (r *removal) clear(ctx context.Context) {
	GinkgoHelper()
	for _, w := range r.worlds {
		w.empty(ctx)
		for _, p := range w.parts {
			p.remove(ctx, metav1.DeletePropagationBackground, r.present())
		}
	}
	r.settle(ctx)
	for _, w := range r.worlds {
		for _, p := range w.parts {
			Expect(r.site.k8s.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.namespace}})).To(Succeed())
		}
	}
}

var _ = Describe("Removal with definitions and rights", Ordered, func() {
	var (
		r *removal
		// labels says which deed each number of an order stands for.
		labels []int
	)

	BeforeAll(func(ctx SpecContext) {
		r = &removal{site: startSite(ctx, harness.Options{ControllerManager: true}), drawer: random.New(uint64(GinkgoRandomSeed()), 12)}
		r.start(ctx)
		r.worlds = []*world{r.site.newWorld(ctx, "removal")}
		number := len(r.ofWorld(r.worlds[0])) + len(r.ofOperator())
		labels = r.drawer.Perm(number + number%2)
	})

	const parts = 5
	for n := range parts {
		soakIt(fmt.Sprintf("takes away what is to go and nothing else, each thing directly after each other, part %d of %d", n+1, parts), func(ctx SpecContext) {
			r.stop(ctx)
			r.start(ctx)
			r.a = account.Account{}
			r.worlds[0].checked = 0
			orders := neighbours(len(labels))
			for i := n; i < len(orders); i += parts {
				r.inOrder(ctx, labels, orders[i])
			}
			r.report("removal with definitions and rights")
		})
	}
})

// inOrder removes everything in an order.
func (r *removal) inOrder(ctx context.Context, labels, order []int) {
	GinkgoHelper()
	r.site.restartGarbageCollector(ctx)
	deeds := slices.Concat(r.ofWorld(r.worlds[0]), r.ofOperator())
	for _, number := range order {
		// There may be one number more than there are deeds.
		if label := labels[number]; label < len(deeds) {
			r.carryOut(ctx, deeds[label])
		}
	}
	r.makeGood(ctx)
}
