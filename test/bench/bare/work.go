package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// manager is the name of the field manager of its writes.
const manager = "bare"

// sideBySide lets workers do something with what comes from a queue, until it is closed.
func sideBySide[T any](workers int, queue <-chan T, do func(T)) *sync.WaitGroup {
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for item := range queue {
				do(item)
			}
		})
	}
	return &all
}

// createAll creates the policies in their order, some at a time, until one fails.
func (b *bare) createAll(ctx context.Context) error {
	if err := b.watch(ctx, cache.ResourceEventHandlerFuncs{}); err != nil {
		return err
	}
	if err := untilTold(); err != nil {
		return err
	}
	began := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan *networkingv1.NetworkPolicy)
	all := sideBySide(b.workers, queue, func(policy *networkingv1.NetworkPolicy) {
		_, err := b.client.NetworkingV1().NetworkPolicies(policy.Namespace).Create(ctx, policy, metav1.CreateOptions{FieldManager: manager})
		if err != nil {
			cancel(fmt.Errorf("create %s/%s: %w", policy.Namespace, policy.Name, err))
		}
	})
	for i := range b.policies {
		if ctx.Err() != nil {
			break
		}
		queue <- &b.policies[i]
	}
	close(queue)
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	tell(time.Since(began))
	return nil
}

// writeBack updates each policy that changes to what it is to be, until it is told to end.
func (b *bare) writeBack(ctx context.Context) error {
	began := time.Now()
	want := map[cache.ObjectName]*networkingv1.NetworkPolicy{}
	for i := range b.policies {
		want[cache.MetaObjectToName(&b.policies[i])] = &b.policies[i]
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan *networkingv1.NetworkPolicy, len(b.policies)+1)
	handler := cache.ResourceEventHandlerFuncs{UpdateFunc: func(_, now any) {
		policy, ok := now.(*networkingv1.NetworkPolicy)
		if !ok {
			return
		}
		if is := want[cache.MetaObjectToName(policy)]; is != nil && !equality.Semantic.DeepEqual(is.Spec, policy.Spec) {
			update := is.DeepCopy()
			update.ResourceVersion, update.UID = policy.ResourceVersion, policy.UID
			queue <- update
		}
	}}
	if err := b.watch(ctx, handler); err != nil {
		return err
	}
	sideBySide(b.workers, queue, func(policy *networkingv1.NetworkPolicy) {
		_, err := b.client.NetworkingV1().NetworkPolicies(policy.Namespace).Update(ctx, policy, metav1.UpdateOptions{FieldManager: manager})
		if err != nil {
			cancel(fmt.Errorf("update %s/%s: %w", policy.Namespace, policy.Name, err))
		}
	})
	if err := untilTold(); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	tell(time.Since(began))
	return nil
}

// sync lists and watches everything that the operator does.
func (b *bare) sync(ctx context.Context) error {
	if err := untilTold(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	factory := informers.NewSharedInformerFactory(b.client, 0)
	all := []cache.SharedIndexInformer{
		factory.Core().V1().Namespaces().Informer(), factory.Core().V1().Pods().Informer(),
		factory.Core().V1().Services().Informer(), factory.Core().V1().Nodes().Informer(),
		factory.Discovery().V1().EndpointSlices().Informer(), factory.Networking().V1().NetworkPolicies().Informer(),
		factory.Networking().V1().ServiceCIDRs().Informer(),
	}
	others := dynamicinformer.NewDynamicSharedInformerFactory(b.others, 0)
	for _, resource := range []string{"segmentationprofiles", "clustersegmentationprofiles"} {
		all = append(all, others.ForResource(v1alpha1.GroupVersion.WithResource(resource)).Informer())
	}
	factory.StartWithContext(ctx)
	others.Start(ctx.Done())
	var synced []cache.DoneChecker
	for _, informer := range all {
		synced = append(synced, informer.HasSyncedChecker())
	}
	if !cache.WaitFor(ctx, "", synced...) {
		return errors.New("wait until all is known: interrupted")
	}
	tell(time.Since(began))
	return nil
}
