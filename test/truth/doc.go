// Package truth records every version of every profile that an API server has while tests run, and judges each of them: does
// its status say more than is known, does it contradict itself, do the tools that read it disagree? Any test suite is then
// a test of this, too.
//
//	recorder, err := truth.Record(ctx, config)
//	...
//	defer recorder.Stop()
//	... // Whatever the suite does.
//	report, err := recorder.Judge(ctx)
//	for _, lie := range report.Violations { ... }
//
// It reads what docs/concepts.md and the API say of the status, and nothing of how the operator comes to it. It goes by
// resourceVersions, which the resources of one etcd share: integers that grow with each write.
//
// What it cannot see: a watch is taken up where it was cut, but when the API server does not have the versions since then any
// more (it was started again, or a CRD was deleted), they are lost and only the last one is judged. Nothing is said then of
// policies that stood in the meantime. When etcd is set back to an earlier state, revisions begin again and nothing
// recorded makes sense any more: such a suite needs a recorder for each time.
//
// A policy that was there and that somebody else takes away again is drift. The status cannot know of it at once, so it is not held
// against the status; that drift is corrected is for other tests.
package truth
