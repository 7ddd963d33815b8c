package crd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kubeschema "k8s.io/apimachinery/pkg/runtime/schema"
	fielderror "k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/internal/schema"
)

// request is the creation of an object that both the API server and package schema are asked to judge.
func (k kind) request(text []byte, format schema.Format) schema.Request {
	return schema.Request{Kind: kubeschema.GroupVersionKind{Group: "firebreak.dev", Version: "v1alpha1", Kind: k.name}, Text: text, Format: format, Namespace: "default"}
}

// answer is what the API server says to a request: an object, or a status that is no success.
type answer struct {
	object *unstructured.Unstructured
	status *metav1.Status
}

// asked sends a request to the API server as it stands, without storing anything.
func asked(ctx context.Context, k kind, request schema.Request) answer {
	GinkgoHelper()
	config := apiServer.environment.Config
	url := strings.TrimSuffix(config.Host, "/") + "/apis/firebreak.dev/v1alpha1/"
	if k.namespace != "" {
		url += "namespaces/" + request.Namespace + "/"
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, url+k.resource+"s?dryRun=All&fieldValidation=Strict", bytes.NewReader(request.Text))
	Expect(err).NotTo(HaveOccurred())
	contentType := "application/json"
	if request.Format == schema.YAML {
		contentType = "application/yaml"
	}
	post.Header.Set("Content-Type", contentType)
	post.Header.Set("Accept", "application/json")
	client, err := rest.HTTPClientFor(config)
	Expect(err).NotTo(HaveOccurred())
	response, err := client.Do(post)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close() //nolint:errcheck // What matters was read.
	body, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	if response.StatusCode == http.StatusCreated {
		object := &unstructured.Unstructured{}
		Expect(object.UnmarshalJSON(body)).To(Succeed())
		return answer{object: object}
	}
	status := &metav1.Status{}
	Expect(json.Unmarshal(body, status)).To(Succeed())
	return answer{status: status}
}

// judgedAlike expects the same answer from the API server and from package schema, and returns the API server's.
func judgedAlike(ctx context.Context, server *schema.Server, k kind, request schema.Request) answer {
	GinkgoHelper()
	verdict, err := server.Create(ctx, request)
	Expect(err).NotTo(HaveOccurred())
	said := asked(ctx, k, request)
	if said.status == nil {
		Expect(verdict.Err()).NotTo(HaveOccurred())
		Expect(stored(verdict.Object)).To(Equal(stored(said.object)))
		return said
	}
	Expect(verdict.Err()).To(HaveOccurred(), "the API server says: %s", said.status.Message)
	Expect(verdict.Err().Error()).To(Equal(inOrder(verdict, said.status)))
	return said
}

// inOrder is what the API server says, with the causes in the order of the verdict if they are the same: it lists them as
// it comes across them in maps.
func inOrder(verdict *schema.Verdict, status *metav1.Status) string {
	GinkgoHelper()
	if status.Reason != metav1.StatusReasonInvalid || status.Details == nil || len(verdict.Unknown) > 0 {
		return status.Message
	}
	rest := slices.Clone(verdict.Invalid)
	var sorted fielderror.ErrorList
	for _, cause := range status.Details.Causes {
		i := slices.IndexFunc(rest, func(err *fielderror.Error) bool {
			return err.Field == cause.Field && err.ErrorBody() == cause.Message && string(err.Type) == string(cause.Type)
		})
		Expect(i).NotTo(Equal(-1), "%v\nis said by the API server, and not by\n%v", cause, verdict.Invalid)
		sorted = append(sorted, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	Expect(rest).To(BeEmpty(), "not said by the API server: %s", status.Message)
	again := apierrors.NewInvalid(kubeschema.GroupKind{Group: status.Details.Group, Kind: status.Details.Kind}, status.Details.Name, sorted)
	Expect(again.Error()).To(Equal(status.Message))
	return verdict.Err().Error()
}

// stored is an object without what differs each time it is created.
func stored(object *unstructured.Unstructured) map[string]any {
	content := object.DeepCopy().Object
	for _, drawn := range []string{"uid", "creationTimestamp", "managedFields"} {
		unstructured.RemoveNestedField(content, "metadata", drawn)
	}
	if object.GetGenerateName() != "" {
		unstructured.RemoveNestedField(content, "metadata", "name")
	}
	return content
}

// asJSON is the request for an object made from YAML.
func asJSON(k kind, object *unstructured.Unstructured) schema.Request {
	GinkgoHelper()
	text, err := object.MarshalJSON()
	Expect(err).NotTo(HaveOccurred())
	return k.request(text, schema.JSON)
}

var _ = Describe("Without an API server, what it answers is known", Ordered, ContinueOnFailure, func() {
	var server *schema.Server

	BeforeAll(func() {
		var err error
		server, err = schema.New()
		Expect(err).NotTo(HaveOccurred())
	})

	for _, k := range bothKinds() {
		Context("for a "+k.name, func() {
			for _, r := range slices.Concat(allRules(), bounds(), mixtures()) {
				It("with "+r.refuses+", and its neighbour", func(ctx context.Context) {
					Expect(judgedAlike(ctx, server, k, asJSON(k, profile(k, "shop", r.accepted))).status).To(BeNil())
					Expect(judgedAlike(ctx, server, k, asJSON(k, profile(k, "shop", r.refused))).status).NotTo(BeNil())
				})
			}

			for name, text := range documents(k) {
				It("written as a document with "+name, func(ctx context.Context) {
					judgedAlike(ctx, server, k, k.request([]byte(text), schema.YAML))
					asJSON, err := yaml.YAMLToJSON([]byte(text))
					if err == nil {
						judgedAlike(ctx, server, k, k.request(asJSON, schema.JSON))
					}
				})
			}

			It("with a field that is given twice", func(ctx context.Context) {
				text := `{"apiVersion": "firebreak.dev/v1alpha1", "kind": "` + k.name + `", "metadata": {"name": "shop", "name": "shop"},
					"spec": {"tiers": [], "namespaceSelector": {}, "tiers": [], "mode": 1}}`
				Expect(judgedAlike(ctx, server, k, k.request([]byte(text), schema.JSON)).status.Message).To(ContainSubstring(`duplicate field "metadata.name"`))
			})

			It("with a status that nobody has written yet", func(ctx context.Context) {
				verdict, err := server.Create(ctx, asJSON(k, profile(k, "shop", tiers)))
				Expect(err).NotTo(HaveOccurred())
				Expect(verdict.Err()).NotTo(HaveOccurred())
				Expect(verdict.Object.Object["status"]).To(Equal(created(ctx, profile(k, "shop", tiers)).Object["status"]))
			})
		})
	}

	It("for every sample", func(ctx context.Context) {
		n := 0
		Expect(filepath.WalkDir(samples, func(path string, _ os.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".yaml" {
				return err
			}
			text, err := os.ReadFile(path)
			for document := range strings.SplitSeq(string(text), "\n---\n") {
				for _, k := range bothKinds() {
					if strings.Contains(document, "kind: "+k.name+"\n") {
						request := k.request([]byte(document), schema.YAML)
						object := &unstructured.Unstructured{}
						Expect(yaml.Unmarshal(request.Text, object)).To(Succeed())
						if object.GetNamespace() != "" {
							object.SetNamespace("default") // The others are not there.
							request = asJSON(k, object)
						}
						Expect(judgedAlike(ctx, server, k, request).status).To(BeNil())
						n++
					}
				}
			}
			return err
		})).To(Succeed())
		Expect(n).To(BeNumerically(">", 10))
	})
})
