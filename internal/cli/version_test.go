package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/internal/version"
)

func TestVersionSaysWhyTheOperatorsIsUnknownAndDoesNotFail(t *testing.T) {
	mustBeGolden(t, "version",
		session{args: "version"},
		session{args: "version --client"},
		session{args: "version --server http://127.0.0.1:1"},
		session{args: "version -o xml"},
		session{args: "version --help"},
	)
}

func TestVersionsCanBeReadByMachines(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	unmarshal := map[string]func([]byte, *versions) error{
		"json": func(text []byte, into *versions) error {
			decoder := json.NewDecoder(bytes.NewReader(text))
			decoder.DisallowUnknownFields()
			return decoder.Decode(into)
		},
		"yaml": func(text []byte, into *versions) error { return yaml.UnmarshalStrict(text, into) },
	}
	for format, read := range unmarshal {
		streams, _, stdout, _ := genericiooptions.NewTestIOStreams()
		if code := Run(context.Background(), []string{"version", "-o", format}, "v0.0.0-test", streams); code != exitYes {
			t.Errorf("%s: exit code %d", format, code)
		}
		var got versions
		if err := read(stdout.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v in\n%s", format, err, stdout)
		}
		want := version.Info{Version: "v0.0.0-test", GitCommit: version.Get().GitCommit, GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
		if got.Plugin != want || got.Operators != nil {
			t.Errorf("%s: got %+v, want the plugin %+v and no operators", format, got, want)
		}
	}
}

func deployment(namespace, name, component, image string) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app.kubernetes.io/name": "firebreak", "app.kubernetes.io/component": component}},
		Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Name: "sidecar", Image: "proxy:v9"}, {Name: "manager", Image: image},
		}}}},
	}
}

// forbidding returns the errors of one who may list deployments in some namespaces only; "" is all of them.
func forbidding(allowed ...string) interceptor.Funcs {
	return interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
		applied := (&client.ListOptions{}).ApplyOptions(opts)
		for _, namespace := range allowed {
			if namespace == applied.Namespace {
				return c.List(ctx, list, opts...)
			}
		}
		return apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "deployments"}, "", errors.New("not yours"))
	}}
}

func TestOperatorsAreFoundWhereOneMayLook(t *testing.T) {
	usual := deployment("firebreak-system", "firebreak-controller-manager", "controller-manager", "registry:5000/firebreak:v0.1.0")
	other := deployment("security", "barrier", "controller-manager", "firebreak@sha256:abc")
	foreign := deployment("shop", "dashboard", "dashboard", "dashboard:v3")
	first := operator{"firebreak-system", "firebreak-controller-manager", "v0.1.0", "registry:5000/firebreak:v0.1.0"}
	second := operator{"security", "barrier", "sha256:abc", "firebreak@sha256:abc"}
	for name, test := range map[string]struct {
		objects []client.Object
		allowed []string
		want    []operator
		unknown bool
	}{
		"everywhere":                     {[]client.Object{usual, other, foreign}, []string{""}, []operator{first, second}, false},
		"none anywhere":                  {[]client.Object{foreign}, []string{""}, []operator{}, false},
		"in the usual namespace only":    {[]client.Object{usual, other}, []string{"firebreak-system"}, []operator{first}, false},
		"none in the only one looked at": {[]client.Object{other}, []string{"firebreak-system"}, nil, true},
		"nowhere":                        {[]client.Object{usual}, nil, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := fake.NewClientBuilder().WithObjects(test.objects...).WithInterceptorFuncs(forbidding(test.allowed...)).Build()
			got, err := findOperators(context.Background(), c)
			if !reflect.DeepEqual(got, test.want) || (err != nil) != test.unknown {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestTheVersionOfAnImageIsItsTagElseItsDigest(t *testing.T) {
	for image, want := range map[string]string{
		"firebreak:v0.1.0":                    "v0.1.0",
		"registry:5000/team/firebreak:v0.1.0": "v0.1.0",
		"registry:5000/team/firebreak":        "latest",
		"firebreak@sha256:abc":                "sha256:abc",
		"firebreak:v0.1.0@sha256:abc":         "v0.1.0",
		"firebreak":                           "latest",
	} {
		if got := imageVersion(image); got != want {
			t.Errorf("%s: got %s, want %s", image, got, want)
		}
	}
}
