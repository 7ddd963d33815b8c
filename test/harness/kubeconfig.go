package harness

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// tokenSeconds is how long a ServiceAccount's token lasts: longer than any test.
const tokenSeconds = 12 * 60 * 60

// AdminKubeconfig writes a kubeconfig with all rights to path.
func (c *ControlPlane) AdminKubeconfig(path string) error {
	if err := os.WriteFile(path, c.env.KubeConfig, 0o600); err != nil {
		return fmt.Errorf("write the admin's kubeconfig: %w", err)
	}
	return nil
}

func (c *ControlPlane) adminKubeconfig() string {
	return filepath.Join(c.dir, "admin.kubeconfig")
}

// Server is where an API server is reached: its URL, and the certificates that its own is checked against, in PEM.
type Server struct {
	URL string
	CA  []byte
}

// ServiceAccountKubeconfig asks the API server for a token of a ServiceAccount, which must exist, and returns the path
// of a kubeconfig with it: whoever uses it has exactly the rights that RBAC gives to that ServiceAccount.
func (c *ControlPlane) ServiceAccountKubeconfig(ctx context.Context, namespace, name string) (string, error) {
	return c.ServiceAccountKubeconfigVia(ctx, namespace, name, c.Server())
}

// ServiceAccountKubeconfigVia is ServiceAccountKubeconfig for a client that reaches the API server through something that
// stands before it. Each server has a kubeconfig of its own.
func (c *ControlPlane) ServiceAccountKubeconfigVia(ctx context.Context, namespace, name string, server Server) (string, error) {
	token, err := c.ServiceAccountToken(ctx, namespace, name)
	if err != nil {
		return "", err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{
		Server:                   server.URL,
		CertificateAuthorityData: server.CA,
	}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: name, Namespace: namespace}
	config.CurrentContext = "test"

	file := fmt.Sprintf("%s.%s.kubeconfig", namespace, name)
	if server.URL != c.Server().URL {
		file = fmt.Sprintf("%s.%s.%s.kubeconfig", namespace, name, url.PathEscape(server.URL))
	}
	path := filepath.Join(c.dir, file)
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return "", fmt.Errorf("write the kubeconfig of ServiceAccount %s/%s: %w", namespace, name, err)
	}
	return path, nil
}

// Server returns where the API server is reached.
func (c *ControlPlane) Server() Server {
	return Server{URL: c.config.Host, CA: c.config.CAData}
}

// ServiceAccountToken asks the API server for a token of a ServiceAccount, which must exist.
func (c *ControlPlane) ServiceAccountToken(ctx context.Context, namespace, name string) (string, error) {
	client, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return "", err
	}
	seconds := int64(tokenSeconds)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	answer, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("get a token of ServiceAccount %s/%s: %w", namespace, name, err)
	}
	return answer.Status.Token, nil
}
