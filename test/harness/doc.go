// Package harness starts what the tests and the demo run against: a real etcd and kube-apiserver, kubectl, where wanted
// kube-controller-manager, and the operator's own binary with the ServiceAccount and RBAC that are shipped.
//
// It knows processes, ports, kubeconfigs and files. It knows nothing of profiles and policies, and depends on no test
// framework, so that Ginkgo suites, plain tests and programs can all use it.
//
//	plane, err := harness.Start(ctx, harness.Options{ControllerManager: true})
//	...
//	defer plane.Stop()
//	if err := plane.ApplyConfig(ctx); err != nil { ... }
//	kubeconfig, err := plane.ServiceAccountKubeconfig(ctx, "firebreak-system", "firebreak-controller-manager")
//	...
//	manager, err := plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: kubeconfig})
//	...
//	defer manager.Stop()
//	err = manager.WaitReady(ctx, 30*time.Second)
package harness
