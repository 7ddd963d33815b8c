package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// the kinds that these tests speak of, and the names of their definitions.
const (
	cilium      = "ciliumnetworkpolicies.cilium.io"
	clusterwide = "ciliumclusterwidenetworkpolicies.cilium.io"
	antrea      = "networkpolicies.crd.antrea.io"
)

// watched is a store whose runs do nothing by themselves.
type watched struct {
	*OtherPolicies
	t *testing.T
	// told are the namespaces of which news were told.
	told []string
	// runs are those that began, by kind, and stopped how many were stopped.
	runs    map[string]*policyRun
	stopped int
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	w := &watched{t: t, runs: map[string]*policyRun{}}
	w.OtherPolicies = NewOtherPolicies(func(namespace string) { w.told = append(w.told, namespace) })
	return w
}

func (w *watched) definitions() definitionStore {
	return definitionStore{w.OtherPolicies, func(kind schema.GroupResource, definition string) {
		run := &policyRun{kind: kind, definition: definition, stop: func() { w.stopped++ }}
		if w.begin(run) {
			w.runs[kind.String()] = run
		}
	}}
}

func (w *watched) objects(kind string) objectStore { return objectStore{w.OtherPolicies, w.runs[kind]} }

func (w *watched) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Error(err)
	}
}

func definition(name, version string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: version}}
}

func object(namespace, name string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

// said is what is known of a namespace in short.
func said(o *OtherPolicies, namespace string) string {
	use := o.In(namespace)
	if use.Known != (use.Unread == schema.GroupResource{}) {
		return fmt.Sprintf("contradiction: %+v", use)
	}
	if !use.Known {
		return fmt.Sprintf("unread %s, %d", use.Unread, use.Number)
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", use.Number, use.Kind.Kind))
}

func TestObjectsOfOtherPolicyAPIsAreCountedByNamespace(t *testing.T) {
	refuse := func(w *watched, kind string) { w.unreadable(w.runs[kind]) }
	for name, c := range map[string]struct {
		do func(*watched)
		// shop and other are what is said of these namespaces then, and told of which there were news.
		shop, other string
		told        []string
	}{
		"nothing happens": {func(*watched) {}, "1 CiliumNetworkPolicy", "0", nil},
		"a second comes":  {func(w *watched) { w.must(w.objects(cilium).Add(object("shop", "b"))) }, "2 CiliumNetworkPolicy", "0", nil},
		"one changes":     {func(w *watched) { w.must(w.objects(cilium).Update(object("shop", "a"))) }, "1 CiliumNetworkPolicy", "0", nil},
		"the last goes":   {func(w *watched) { w.must(w.objects(cilium).Delete(object("shop", "a"))) }, "0", "0", []string{"shop"}},
		"one comes elsewhere": {func(w *watched) { w.must(w.objects(cilium).Add(object("other", "a"))) },
			"1 CiliumNetworkPolicy", "1 CiliumNetworkPolicy", []string{"other"}},
		"one goes that was never there": {func(w *watched) {
			w.must(w.objects(cilium).Delete(object("other", "a")))
			w.must(w.objects(cilium).Add(object("other", "a")))
		}, "1 CiliumNetworkPolicy", "1 CiliumNetworkPolicy", []string{"other"}},
		"one in no namespace concerns all": {func(w *watched) { w.must(w.objects(clusterwide).Add(object("", "a"))) },
			"2 CiliumNetworkPolicy", "1 CiliumClusterwideNetworkPolicy", []string{""}},
		"others are listed": {func(w *watched) {
			w.must(w.objects(cilium).Replace([]any{object("other", "a"), object("other", "b")}, "9"))
		}, "0", "2 CiliumNetworkPolicy", []string{"other", "shop"}},
		"the same are listed": {func(w *watched) { w.must(w.objects(cilium).Replace([]any{object("shop", "a")}, "9")) },
			"1 CiliumNetworkPolicy", "0", nil},
		"a kind comes": {func(w *watched) { w.must(w.definitions().Add(definition(antrea, "5"))) },
			"unread networkpolicies.crd.antrea.io, 1", "unread networkpolicies.crd.antrea.io, 0", []string{""}},
		"a kind comes and is listed": {func(w *watched) {
			w.must(w.definitions().Add(definition(antrea, "5")))
			w.must(w.objects(antrea).Replace([]any{object("other", "a")}, "9"))
		}, "1 CiliumNetworkPolicy", "1 NetworkPolicy", []string{"", ""}},
		"a kind that is no policy comes": {func(w *watched) { w.must(w.definitions().Add(definition("ciliumnodes.cilium.io", "5"))) },
			"1 CiliumNetworkPolicy", "0", nil},
		"a kind goes": {func(w *watched) { w.must(w.definitions().Delete(definition(cilium, "5"))) }, "0", "0", []string{"shop"}},
		"a kind without objects goes": {func(w *watched) { w.must(w.definitions().Delete(definition(clusterwide, "5"))) },
			"1 CiliumNetworkPolicy", "0", nil},
		"a kind went unseen": {func(w *watched) { w.must(w.definitions().Replace([]any{definition(clusterwide, "1")}, "9")) },
			"0", "0", []string{"shop"}},
		"a kind that is gone has nothing to say any more": {func(w *watched) {
			late := w.objects(cilium)
			w.must(w.definitions().Delete(definition(cilium, "5")))
			w.must(late.Add(object("other", "a")))
			w.must(late.Replace([]any{object("other", "a")}, "9"))
		}, "0", "0", []string{"shop"}},
		"a definition changes, and what is known stands": {func(w *watched) {
			late := w.objects(cilium)
			w.must(w.definitions().Update(definition(cilium, "2")))
			w.must(late.Delete(object("shop", "a")))
		}, "1 CiliumNetworkPolicy", "0", nil},
		"a definition changes, and so do the objects": {func(w *watched) {
			w.must(w.definitions().Update(definition(cilium, "2")))
			w.must(w.objects(cilium).Replace(nil, "9"))
		}, "0", "0", []string{"shop"}},
		"objects may not be listed any more": {func(w *watched) { refuse(w, cilium) },
			"unread ciliumnetworkpolicies.cilium.io, 0", "unread ciliumnetworkpolicies.cilium.io, 0", []string{""}},
		"objects in no namespace may not be listed any more": {func(w *watched) { refuse(w, clusterwide) },
			"unread ciliumclusterwidenetworkpolicies.cilium.io, 1", "unread ciliumclusterwidenetworkpolicies.cilium.io, 0", []string{""}},
		"objects may be listed again": {func(w *watched) {
			refuse(w, cilium)
			w.must(w.objects(cilium).Replace([]any{object("shop", "a")}, "9"))
		}, "1 CiliumNetworkPolicy", "0", []string{"", ""}},
		"what may not be listed is told once": {func(w *watched) { refuse(w, cilium); refuse(w, cilium) },
			"unread ciliumnetworkpolicies.cilium.io, 0", "unread ciliumnetworkpolicies.cilium.io, 0", []string{""}},
		"definitions may not be listed any more": {func(w *watched) { w.definitionsRefused() },
			"unread customresourcedefinitions.apiextensions.k8s.io, 1", "unread customresourcedefinitions.apiextensions.k8s.io, 0", []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatched(t)
			if got := said(w.OtherPolicies, "shop"); got != "unread customresourcedefinitions.apiextensions.k8s.io, 0" {
				t.Fatalf("before anything is listed: %s", got)
			}
			w.must(w.definitions().Replace([]any{definition(cilium, "1"), definition(clusterwide, "1"), definition("x", "1")}, "1"))
			w.must(w.objects(cilium).Replace([]any{object("shop", "a")}, "1"))
			if got := said(w.OtherPolicies, "shop"); got != "unread ciliumclusterwidenetworkpolicies.cilium.io, 1" {
				t.Fatalf("before one kind is listed: %s", got)
			}
			w.must(w.objects(clusterwide).Replace(nil, "1"))
			w.told = nil
			c.do(w)
			slices.Sort(w.told)
			if shop, other := said(w.OtherPolicies, "shop"), said(w.OtherPolicies, "other"); shop != c.shop || other != c.other {
				t.Errorf("said %q and %q\nwant %q and %q", shop, other, c.shop, c.other)
			}
			if !slices.Equal(w.told, c.told) {
				t.Errorf("told %q, want %q", w.told, c.told)
			}
		})
	}
}

func TestAKindIsFollowedAnewWhenItsDefinitionChanges(t *testing.T) {
	w := newWatched(t)
	w.must(w.definitions().Replace([]any{definition(cilium, "1")}, "1"))
	first := w.runs[cilium]
	w.must(w.definitions().Replace([]any{definition(cilium, "1")}, "2"))
	if w.runs[cilium] != first || w.stopped != 0 {
		t.Error("begun anew for the same definition")
	}
	w.must(w.definitions().Update(definition(cilium, "2")))
	if w.runs[cilium] == first || w.stopped != 1 {
		t.Errorf("not begun anew, or the first is not stopped: %d", w.stopped)
	}
	w.must(w.definitions().Delete(definition(cilium, "2")))
	if w.stopped != 2 {
		t.Errorf("%d stopped, want both", w.stopped)
	}
}

func TestAnErrorIsARefusalOnlyWhenTheAPIServerMeansIt(t *testing.T) {
	x := schema.GroupResource{Resource: "x"}
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"none":               {nil, false},
		"no answer":          {errors.New("connection refused"), false},
		"forbidden":          {apierrors.NewForbidden(x, "", nil), true},
		"not there":          {apierrors.NewNotFound(x, ""), true},
		"an error inside":    {apierrors.NewInternalError(errors.New("conversion webhook failed")), true},
		"wrapped":            {fmt.Errorf("list: %w", apierrors.NewForbidden(x, "", nil)), true},
		"too old a list":     {apierrors.NewResourceExpired("too old"), false},
		"ask again":          {apierrors.NewTooManyRequests("later", 1), false},
		"out of time":        {apierrors.NewTimeoutError("later", 1), false},
		"not at home":        {apierrors.NewServiceUnavailable("starting"), false},
		"a bad gateway":      {apierrors.NewGenericServerResponse(502, "list", x, "", "", 0, true), false},
		"server has no time": {apierrors.NewServerTimeout(x, "list", 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := refused(c.err); got != c.want {
				t.Errorf("refused is %t", got)
			}
		})
	}
}

func TestAVersionIsReadThatIsServed(t *testing.T) {
	version := func(name string, served, storage bool) apiextensionsv1.CustomResourceDefinitionVersion {
		return apiextensionsv1.CustomResourceDefinitionVersion{Name: name, Served: served, Storage: storage}
	}
	established := apiextensionsv1.CustomResourceDefinitionCondition{Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionTrue}
	for name, c := range map[string]struct {
		versions    []apiextensionsv1.CustomResourceDefinitionVersion
		established bool
		want        string
	}{
		"the only one":                {[]apiextensionsv1.CustomResourceDefinitionVersion{version("v1", true, true)}, true, "v1"},
		"that which is stored":        {[]apiextensionsv1.CustomResourceDefinitionVersion{version("v1", true, false), version("v2", true, true), version("v3", true, false)}, true, "v2"},
		"not one that is only stored": {[]apiextensionsv1.CustomResourceDefinitionVersion{version("v1", false, true), version("v2", true, false), version("v3", true, false)}, true, "v2"},
		"none is served":              {[]apiextensionsv1.CustomResourceDefinitionVersion{version("v1", false, true)}, true, ""},
		"not yet established":         {[]apiextensionsv1.CustomResourceDefinitionVersion{version("v1", true, true)}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			definition := &apiextensionsv1.CustomResourceDefinition{Spec: apiextensionsv1.CustomResourceDefinitionSpec{Versions: c.versions}}
			if c.established {
				definition.Status.Conditions = []apiextensionsv1.CustomResourceDefinitionCondition{established}
			}
			if got := servedVersion(definition); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatIsNoMetadataIsAnError(t *testing.T) {
	w := newWatched(t)
	w.must(w.definitions().Replace([]any{definition(cilium, "1")}, "1"))
	d, o := w.definitions(), w.objects(cilium)
	for i, err := range []error{d.Add(1), d.Update(1), d.Delete(1), d.Replace([]any{1}, ""), o.Add(1), o.Update(1), o.Delete(1), o.Replace([]any{1}, "")} {
		if err == nil {
			t.Errorf("%d took a number", i)
		}
	}
	if said(w.OtherPolicies, "shop") != "unread "+cilium+", 0" {
		t.Error("a list that cannot be read is no list")
	}
}
