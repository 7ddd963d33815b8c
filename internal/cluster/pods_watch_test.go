package cluster

import (
	"bytes"
	"net/http"
	"slices"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func version(version string, p *corev1.Pod) *corev1.Pod {
	return with(p, func(p *corev1.Pod) { p.ResourceVersion = version })
}

// bookmark is what the API server sends when nothing happens.
func bookmark(version string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{ResourceVersion: version}}
}

// endOfFirst is the bookmark after the first pods of a watch.
func endOfFirst(version string) *corev1.Pod {
	return with(bookmark(version), func(p *corev1.Pod) { p.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"} })
}

// first sends the first pods of a watch.
func first(r *reply, version string, list ...*corev1.Pod) {
	r.asks(map[string]string{"watch": "true", "sendInitialEvents": "true", "allowWatchBookmarks": "true"})
	for _, p := range list {
		r.event("ADDED", p)
	}
	r.event("BOOKMARK", endOfFirst(version))
}

func (f *followed) has(want ...string) {
	f.t.Helper()
	if got := counts(f.Pods, "shop"); !slices.Equal(got, want) {
		f.t.Errorf("got %q, want %q", got, want)
	}
}

func TestPodsAreFollowedByOneWatch(t *testing.T) {
	f := follow(t, func(f *followed, r *reply) {
		r.event("ADDED", version("3", pod("a", "web")))
		r.event("BOOKMARK", bookmark("4"))
		if f.Synced() {
			t.Error("some of the pods were taken for all of them")
		}
		first(r, "10", version("7", pod("b", "web")))
		await(t, f.synced, "the first pods")
		f.has("app=web host=false 2")
		r.event("MODIFIED", version("11", pod("a", "db")))
		await(t, f.changed, "a pod that changes")
		f.has("app=db host=false 1", "app=web host=false 1")
		r.event("DELETED", version("12", pod("b", "web")))
		await(t, f.changed, "a pod that goes")
		f.has("app=db host=false 1")
		r.event("ADDED", version("13", pod("c", "web")))
		await(t, f.changed, "a pod that comes")
		f.has("app=db host=false 1", "app=web host=false 1")
		r.event("BOOKMARK", bookmark("20"))
	}, func(_ *followed, r *reply) {
		r.asks(map[string]string{"watch": "true", "sendInitialEvents": "", "resourceVersion": "20"})
		r.event("DELETED", version("21", pod("c", "web")))
	})
	await(t, f.changed, "a pod that goes after the watch was renewed")
	f.has("app=db host=false 1")
}

func TestPodsAreListedInPagesWhereAWatchDoesNotBeginWithThem(t *testing.T) {
	f := follow(t, func(_ *followed, r *reply) {
		status := apierrors.NewBadRequest("sendInitialEvents is forbidden for watch").Status()
		r.asks(map[string]string{"sendInitialEvents": "true"})
		r.whole(http.StatusBadRequest, runtime.ContentTypeProtobuf, encoded(t, &status))
	}, func(_ *followed, r *reply) {
		r.asks(map[string]string{"watch": "", "resourceVersion": "", "resourceVersionMatch": "", "limit": "500"})
		r.object(&corev1.PodList{
			ListMeta: metav1.ListMeta{ResourceVersion: "10", Continue: "more", RemainingItemCount: new(int64(1))},
			Items:    []corev1.Pod{*pod("a", "web"), *pod("b", "web")},
		})
	}, func(f *followed, r *reply) {
		r.asks(map[string]string{"watch": "", "continue": "more", "limit": "500"})
		if f.Synced() {
			t.Error("a page was taken for all pods")
		}
		r.object(&corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: "10"}, Items: []corev1.Pod{*pod("c", "db")}})
	}, func(f *followed, r *reply) {
		r.asks(map[string]string{"watch": "true", "sendInitialEvents": "", "resourceVersion": "10"})
		f.has("app=db host=false 1", "app=web host=false 2")
		r.event("MODIFIED", version("11", pod("c", "web")))
	})
	await(t, f.changed, "a pod that changes")
	f.has("app=web host=false 3")
}

// spoilt returns an object as it is sent, but for the name of the pod misnamed, which is said to be a number.
func spoilt(t *testing.T, obj runtime.Object) []byte {
	t.Helper()
	data := encoded(t, obj)
	out := bytes.Replace(data, []byte("\x0a\x08misnamed"), []byte("\x08\x08misnamed"), 1)
	if bytes.Equal(out, data) {
		t.Fatal("the name is not where it was")
	}
	return out
}

func TestPodsStayUntilAllOfThemAreReadAgain(t *testing.T) {
	// client-go tries again after a second: all wait at the same time.
	var wait sync.WaitGroup
	for name, breaks := range map[string]func(t *testing.T, r *reply){
		"a pod that cannot be read":      func(t *testing.T, r *reply) { r.eventOf("MODIFIED", spoilt(t, pod("misnamed", "web"))) },
		"a deletion that cannot be read": func(t *testing.T, r *reply) { r.eventOf("DELETED", spoilt(t, pod("misnamed", "web"))) },
		"a bookmark that cannot be read": func(t *testing.T, r *reply) { r.eventOf("BOOKMARK", spoilt(t, pod("misnamed", "web"))) },
		"half a pod": func(t *testing.T, r *reply) {
			data := encoded(t, pod("a", "web"))
			r.eventOf("MODIFIED", data[:len(data)/2])
		},
		"something that is no pod": func(_ *testing.T, r *reply) { r.event("MODIFIED", &corev1.Node{}) },
		"JSON, which nobody asked for": func(_ *testing.T, r *reply) {
			r.eventOf("DELETED", []byte(`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"shop"}}`))
		},
		"that what happened was forgotten": func(_ *testing.T, r *reply) {
			status := apierrors.NewResourceExpired("too old").Status()
			r.event("ERROR", &status)
		},
	} {
		wait.Go(func() {
			t.Run(name, func(t *testing.T) {
				follow(t, func(f *followed, r *reply) {
					first(r, "10", pod("a", "web"), pod("b", "web"))
					await(t, f.synced, "the first pods")
					breaks(t, r)
				}, func(f *followed, r *reply) {
					f.has("app=web host=false 2")
					status := apierrors.NewResourceExpired("too old").Status()
					if r.asked.Get("sendInitialEvents") == "" {
						r.whole(http.StatusGone, runtime.ContentTypeProtobuf, encoded(t, &status))
						return
					}
					r.event("ERROR", &status)
				}, func(f *followed, r *reply) {
					f.has("app=web host=false 2")
					first(r, "20", pod("a", "web"))
					await(t, f.changed, "the pods after that")
					f.has("app=web host=false 1")
				})
			})
		})
	}
	wait.Wait()
}

func TestAWatchInJSONIsNoWatch(t *testing.T) {
	follow(t, func(f *followed, r *reply) {
		first(r, "10", pod("a", "web"))
		await(t, f.synced, "the first pods")
		r.event("BOOKMARK", bookmark("11"))
	}, func(_ *followed, r *reply) {
		r.asks(map[string]string{"watch": "true", "sendInitialEvents": "", "resourceVersion": "11"})
		r.whole(http.StatusOK, runtime.ContentTypeJSON, []byte(`{"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"b"}}}`))
	}, func(f *followed, _ *reply) {
		f.has("app=web host=false 1")
		if nameless := f.Classes(""); nameless != nil {
			t.Errorf("an empty pod was taken for a pod: %v", nameless)
		}
	})
}

func TestAListThatCannotBeReadIsNoList(t *testing.T) {
	// client-go tries again after a second: all wait at the same time.
	var wait sync.WaitGroup
	list := &corev1.PodList{Items: []corev1.Pod{*pod("b", "web"), *pod("misnamed", "web")}}
	for name, c := range map[string]struct{ contentType, body string }{
		"a pod that cannot be read":    {runtime.ContentTypeProtobuf, string(spoilt(t, list))},
		"half a list":                  {runtime.ContentTypeProtobuf, string(encoded(t, list)[:30])},
		"nothing":                      {runtime.ContentTypeProtobuf, ""},
		"another kind of list":         {runtime.ContentTypeProtobuf, string(encoded(t, &corev1.NodeList{}))},
		"JSON, which nobody asked for": {runtime.ContentTypeJSON, `{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"10"},"items":[]}`},
		"YAML, which nobody asked for": {runtime.ContentTypeYAML, "kind: PodList\napiVersion: v1\nitems: []\n"},
		"a page":                       {"text/html", "<html>"},
	} {
		wait.Go(func() {
			t.Run(name, func(t *testing.T) {
				f := follow(t, func(_ *followed, r *reply) {
					r.whole(http.StatusBadRequest, runtime.ContentTypeProtobuf, encoded(t, &metav1.Status{Status: metav1.StatusFailure, Code: http.StatusBadRequest}))
				}, func(_ *followed, r *reply) {
					r.asks(map[string]string{"watch": ""})
					r.whole(http.StatusOK, c.contentType, []byte(c.body))
				}, func(f *followed, r *reply) {
					if f.Synced() {
						t.Error("was taken for all pods")
					}
					first(r, "20", pod("a", "web"))
				})
				await(t, f.synced, "the first pods")
				f.has("app=web host=false 1")
			})
		})
	}
	wait.Wait()
}
