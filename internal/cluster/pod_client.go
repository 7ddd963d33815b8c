package cluster

import (
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
)

// NewPodClient returns a client for Pods.Run, of which it is the only use: it reads pods in part, and from protobuf alone.
// Pods are large, and reading all of each at every change of its status is most of what an operator at rest would do.
func NewPodClient(config *rest.Config, over *http.Client) (*rest.RESTClient, error) {
	config = rest.CopyConfig(config)
	config.APIPath, config.GroupVersion = "/api", &corev1.SchemeGroupVersion
	config.NegotiatedSerializer = podSerializer()
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf
	return rest.RESTClientForConfigAndClient(config, over)
}

// podSerializer reads pods, lists of them, and what the API server says of errors.
func podSerializer() runtime.NegotiatedSerializer {
	v1 := corev1.SchemeGroupVersion
	scheme := runtime.NewScheme()
	scheme.AddKnownTypeWithName(v1.WithKind("Pod"), &watchedPod{})
	scheme.AddKnownTypeWithName(v1.WithKind("PodList"), &watchedPodList{})
	metav1.AddToGroupVersion(scheme, v1)
	return serializer.NewCodecFactory(scheme).WithoutConversion()
}
