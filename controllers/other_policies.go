package controllers

import (
	"context"
	"fmt"

	apiextensionsclient "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/typed/apiextensions/v1"
	"k8s.io/client-go/metadata"
	ctrl "sigs.k8s.io/controller-runtime"

	"firebreak.dev/firebreak/internal/cluster"
)

// watchOtherPolicies adds to a manager the watches that tell of objects of other policy APIs. They wake no namespace:
// nothing that is written depends on them.
func watchOtherPolicies(mgr ctrl.Manager, onChange func(namespace string)) (*cluster.OtherPolicies, error) {
	client, err := metadata.NewForConfigAndClient(metadata.ConfigFor(mgr.GetConfig()), mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("make a client for other policies: %w", err)
	}
	definitions, err := apiextensionsclient.NewForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("make a client for definitions: %w", err)
	}
	policies := cluster.NewOtherPolicies(onChange)
	err = mgr.Add(unelected{func(ctx context.Context) error {
		policies.Watch(ctx, client, definitions.CustomResourceDefinitions())
		return nil
	}})
	if err != nil {
		return nil, fmt.Errorf("add the watch for other policies: %w", err)
	}
	return policies, nil
}
