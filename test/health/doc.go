// Package health says how well a profile is by the two judges that deployment tools go by: Argo CD, which runs the script in
// config/argocd, and kstatus, which Flux and others use.
//
//	argo, err := health.NewArgoCD()
//	...
//	verdict, err := argo.Judge(ctx, object)
//	if verdict.Status == health.Healthy {
//		...
//	}
//
// It knows nothing of what a profile means. It depends on no test framework.
package health
