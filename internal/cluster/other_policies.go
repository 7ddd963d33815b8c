package cluster

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"firebreak.dev/firebreak/internal/enforcement"
)

// OtherPolicies keeps how many objects of other policy APIs than NetworkPolicy there are in each namespace, and nothing of
// the objects. It is safe for concurrent use.
type OtherPolicies struct {
	mu sync.Mutex
	// definitionsListed: which kinds the API server has is known.
	definitionsListed bool
	// kinds are those that the API server has.
	kinds map[schema.GroupResource]*policyObjects
	// order is the kinds that there may be; present are those of them that the API server has, in the same order.
	order    []enforcement.PolicyKind
	present  []presentKind
	onChange func(namespace string)
}

type presentKind struct {
	enforcement.PolicyKind
	objects *policyObjects
}

// policyObjects is what is known of the objects of one kind.
type policyObjects struct {
	// run is the one that may change this. Another one, which is stopped, may still have something to say.
	run *policyRun
	// listed: the counts are those of all objects.
	listed bool
	// counts has the number of objects of each namespace that has any; that of objects without namespace is under "".
	counts map[string]int
}

// policyRun follows the objects of one kind, as one version of its definition describes it.
type policyRun struct {
	kind schema.GroupResource
	// definition is the resourceVersion of the definition.
	definition string
	stop       context.CancelFunc
}

// NewOtherPolicies returns an empty store. OnChange is called, outside any lock, with a namespace when there begins or
// ceases to be an object of some kind, and with none when that concerns all namespaces, as does what cannot be read; not
// when only the number of objects changes.
func NewOtherPolicies(onChange func(namespace string)) *OtherPolicies {
	return &OtherPolicies{kinds: map[schema.GroupResource]*policyObjects{}, order: enforcement.OtherPolicyKinds(), onChange: onChange}
}

// In returns what is known of objects that may decide about connections of a namespace. Before everything has been listed,
// and when something cannot be, that is not known.
func (o *OtherPolicies) In(namespace string) enforcement.OtherPolicyUse {
	o.mu.Lock()
	defer o.mu.Unlock()
	unread := o.unread()
	use := enforcement.OtherPolicyUse{Known: unread.Empty(), Unread: unread}
	for _, kind := range o.present {
		number := kind.objects.counts[metav1.NamespaceAll]
		if namespace != metav1.NamespaceAll {
			number += kind.objects.counts[namespace]
		}
		if number > 0 && use.Number == 0 {
			use.Kind = kind.PolicyKind
		}
		use.Number += number
	}
	return use
}

// unread returns the first thing that is not listed; empty when there is none.
func (o *OtherPolicies) unread() schema.GroupResource {
	if !o.definitionsListed {
		return definitions().GroupResource()
	}
	for _, kind := range o.present {
		if !kind.objects.listed {
			return kind.Resource
		}
	}
	return schema.GroupResource{}
}

// change makes a change, which returns the namespaces that it gave a first object or took the last, and tells of it.
func (o *OtherPolicies) change(change func() []string) {
	o.mu.Lock()
	before := o.unread()
	news := change()
	o.putInOrder()
	if before != o.unread() || slices.Contains(news, metav1.NamespaceAll) {
		news = []string{metav1.NamespaceAll}
	}
	o.mu.Unlock()
	for _, namespace := range news {
		o.onChange(namespace)
	}
}

// putInOrder notes which kinds are present: all namespaces of a profile ask for them, again and again.
func (o *OtherPolicies) putInOrder() {
	o.present = o.present[:0]
	for _, kind := range o.order {
		if objects, ok := o.kinds[kind.Resource]; ok {
			o.present = append(o.present, presentKind{kind, objects})
		}
	}
}

// changeObjects is like change, for a run that has not been stopped.
func (o *OtherPolicies) changeObjects(run *policyRun, change func(*policyObjects) []string) {
	o.change(func() []string {
		objects, ok := o.kinds[run.kind]
		if !ok || objects.run != run {
			return nil
		}
		return change(objects)
	})
}

// begin makes a run the one that follows its kind, and says whether it has anything to do: its definition is another than
// that of the run before. What is known stands until the new run knows better.
func (o *OtherPolicies) begin(run *policyRun) bool {
	news := false
	o.change(func() []string {
		objects, ok := o.kinds[run.kind]
		if !ok {
			objects = &policyObjects{}
			o.kinds[run.kind] = objects
		}
		if ok && objects.run.definition == run.definition {
			return nil
		}
		if ok {
			objects.run.stop()
		}
		objects.run, news = run, true
		return nil
	})
	return news
}

// end stops following a kind whose definition is gone, and with it all objects.
func (o *OtherPolicies) end(kind schema.GroupResource) {
	o.change(func() []string {
		objects, ok := o.kinds[kind]
		if !ok {
			return nil
		}
		objects.run.stop()
		delete(o.kinds, kind)
		return slices.Collect(maps.Keys(objects.counts))
	})
}

// endAllBut stops following all kinds but these: they are all that the API server has.
func (o *OtherPolicies) endAllBut(have map[schema.GroupResource]bool) {
	for _, kind := range o.order {
		if !have[kind.Resource] {
			o.end(kind.Resource)
		}
	}
	o.change(func() []string {
		o.definitionsListed = true
		return nil
	})
}

// add counts objects of a namespace.
func (o *policyObjects) add(namespace string, number int) []string {
	before := o.counts[namespace]
	if o.counts == nil {
		o.counts = map[string]int{}
	}
	o.counts[namespace] = max(before+number, 0)
	if o.counts[namespace] == 0 {
		delete(o.counts, namespace)
	}
	if (before > 0) == (o.counts[namespace] > 0) {
		return nil
	}
	return []string{namespace}
}

// replace takes these counts for those before.
func (o *policyObjects) replace(counts map[string]int) []string {
	var news []string
	for namespace := range o.counts {
		if counts[namespace] == 0 {
			news = append(news, namespace)
		}
	}
	for namespace := range counts {
		if o.counts[namespace] == 0 {
			news = append(news, namespace)
		}
	}
	o.counts = counts
	return news
}

// unreadable forgets what was known of the objects of a run.
func (o *OtherPolicies) unreadable(run *policyRun) {
	o.changeObjects(run, func(objects *policyObjects) []string {
		objects.listed = false
		return objects.replace(nil)
	})
}

// refused says whether the API server answered a list with an error other than that it should be asked again: that it cannot convert
// what it has is an answer, and that it, or somebody on the way to it, is not there is none. When it does not answer, what was known
// stands, as all does that is known of a cluster.
func refused(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Code < http.StatusBadGateway && !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) && !apierrors.IsTimeout(err) &&
		!apierrors.IsServerTimeout(err) && !apierrors.IsTooManyRequests(err)
}
