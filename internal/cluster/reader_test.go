package cluster

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// pagedPolicies is an API server with so many network policies, p0, p1 and so on, of which it never returns more than it is asked for.
type pagedPolicies struct {
	client.Reader
	size int
	// failsAt is the number of the request that fails; zero for none.
	failsAt, asked int
}

// List implements client.Reader.
func (p *pagedPolicies) List(_ context.Context, into client.ObjectList, opts ...client.ListOption) error {
	p.asked++
	if p.asked == p.failsAt {
		return errHot
	}
	options := (&client.ListOptions{}).ApplyOptions(opts)
	from, _ := strconv.Atoi(options.Continue)
	to := p.size
	if options.Limit > 0 {
		to = min(to, from+int(options.Limit))
	}
	list, ok := into.(*networkingv1.NetworkPolicyList)
	if !ok {
		return errors.New("not a list of policies")
	}
	for i := from; i < to; i++ {
		list.Items = append(list.Items, networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p" + strconv.Itoa(i)}})
	}
	if to < p.size {
		list.Continue = strconv.Itoa(to)
	}
	return nil
}

func TestAllLivePoliciesAreReadInPages(t *testing.T) {
	for _, size := range []int{0, 1, livePage, livePage + 1, 3 * livePage} {
		live := &pagedPolicies{size: size}
		var names, want []string
		for page, err := range (&Reader{Live: live}).AllLivePolicies(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if len(page) > livePage {
				t.Fatalf("%d policies at once", len(page))
			}
			for _, policy := range page {
				names = append(names, policy.Name)
			}
		}
		for i := range size {
			want = append(want, "p"+strconv.Itoa(i))
		}
		if !slices.Equal(names, want) {
			t.Errorf("of %d policies %d are read: %v", size, len(names), names)
		}
	}
}

func TestAPageThatCannotBeReadIsAnErrorAndTheEnd(t *testing.T) {
	live := &pagedPolicies{size: 3 * livePage, failsAt: 2}
	read, errs := 0, 0
	for page, err := range (&Reader{Live: live}).AllLivePolicies(t.Context()) {
		if errors.Is(err, errHot) {
			errs++
		}
		read += len(page)
	}
	if read != livePage || errs != 1 || live.asked != 2 {
		t.Errorf("read %d policies with %d errors in %d requests", read, errs, live.asked)
	}
}
