// Command bare does with nothing but client-go what the operator does, and no more.
//
//	bare create     -kubeconfig FILE -policies FILE [-workers 16]
//	bare write-back -kubeconfig FILE -policies FILE [-workers 16]
//	bare sync       -kubeconfig FILE
//
// The policies are a NetworkPolicyList in JSON. It prints "ready" when it watches policies and can begin, and waits for a line.
// To create, it begins then, and ends when all are created. To write back, it has begun: whatever the watch shows to be another
// than in the file, it updates to what is in the file, without a look at anything else; the line ends it. To sync, it lists and
// watches then what the operator does, and nothing before, and ends when it knows all of it. At last it prints how long it took,
// in nanoseconds.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		stop()
		os.Exit(1)
	}
}

// bare is a client and the policies that it works with.
type bare struct {
	client kubernetes.Interface
	// others is for kinds that Kubernetes does not have itself.
	others   dynamic.Interface
	policies []networkingv1.NetworkPolicy
	workers  int
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("say what to do: create, write-back or sync")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "kubeconfig of the API server")
	file := flags.String("policies", "", "NetworkPolicyList to work with, in JSON")
	workers := flags.Int("workers", 16, "how many write side by side")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	client, others, err := newClients(*kubeconfig)
	if err != nil {
		return err
	}
	b := &bare{client: client, others: others, workers: *workers}
	if args[0] == "sync" {
		return b.sync(ctx)
	}
	if b.policies, err = read(*file); err != nil {
		return err
	}
	switch args[0] {
	case "create":
		return b.createAll(ctx)
	case "write-back":
		return b.writeBack(ctx)
	}
	return fmt.Errorf("there is no %q: create, write-back or sync", args[0])
}

func newClients(kubeconfig string) (kubernetes.Interface, dynamic.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, nil, fmt.Errorf("read kubeconfig %s: %w", kubeconfig, err)
	}
	config.QPS = -1
	others, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf
	client, err := kubernetes.NewForConfig(config)
	return client, others, err
}

func read(file string) ([]networkingv1.NetworkPolicy, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	var list networkingv1.NetworkPolicyList
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("read policies from %s: %w", file, err)
	}
	return list.Items, nil
}

// watch watches all policies until ctx ends, and returns when it has been shown those that are there.
func (b *bare) watch(ctx context.Context, handler cache.ResourceEventHandler) error {
	factory := informers.NewSharedInformerFactory(b.client, 0)
	informer := factory.Networking().V1().NetworkPolicies().Informer()
	registration, err := informer.AddEventHandler(handler)
	if err != nil {
		return err
	}
	factory.StartWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		return errors.New("watch the policies: interrupted")
	}
	return nil
}

// untilTold says that it is ready, and returns when it reads a line.
func untilTold() error {
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return fmt.Errorf("wait for the word: %w", err)
	}
	return nil
}

func tell(took time.Duration) { fmt.Println(took.Nanoseconds()) }
