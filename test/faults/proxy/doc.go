// Package proxy stands between a program and a kube-apiserver and makes requests go wrong on purpose: answers that no API
// server gave, delays, lost replies, silence, watches that freeze or break, and the death of the program at a chosen point
// of a chosen write.
//
// The program is given the proxy's URL and certificate instead of the API server's, and nothing else changes for it. Its
// bearer token is passed on: the proxy has no identity and no rights. It knows nothing of what is asked for beyond what
// the URL says, and depends on no test framework.
//
//	p, err := proxy.Start(ctx, proxy.Target{URL: config.Host, CA: config.CAData})
//	...
//	defer p.Close()
//	p.SetRules(&proxy.Rule{
//		Name:     "the second write of a policy is made, and nobody hears of it",
//		Requests: proxy.Requests{Verbs: proxy.Writes(), Resources: []string{"networkpolicies"}},
//		When:     proxy.Nth(2),
//		Fault:    proxy.LoseReply(),
//	})
//	...
//	fmt.Println(p.Acts())
package proxy
