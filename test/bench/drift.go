package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/bench/figures"
	"firebreak.dev/firebreak/test/bench/rounds"
)

// hole is what a tampering makes of a policy.
func hole() client.Patch {
	return client.RawPatch(types.MergePatchType, []byte(`{"spec": {"egress": [{}]}}`))
}

// repairedWithin is how long a hole may stand before something is wrong.
const repairedWithin = time.Minute

// apart is how long it is waited between two tries, until what the one brought about is over: the event and the status, which are
// written besides, would hold up the next.
const apart = 50 * time.Millisecond

// drift is policies that are there all the time, and that somebody opens.
type drift struct {
	*rollOut
	// want is what the policies are to be, in an order in which no two of a namespace follow each other; next is which is
	// opened next.
	want []networkingv1.NetworkPolicy
	next int
	// times is how often something is opened in a turn, and together how many are at once.
	times, together int
}

// drifts compares how long single holes stand, at two sizes.
func (b *bench) drifts(ctx context.Context) ([]figures.Figure, error) {
	var out []figures.Figure
	var compared []rounds.Comparison
	for _, size := range []int{50, 5000} {
		c, err := b.driftIn(ctx, b.of(size), b.tries, 1)
		if err != nil {
			return out, err
		}
		compared = append(compared, c)
		id := fmt.Sprintf("drift-%d", size)
		out = append(out, ratio(id, c), slowest(id+"-slowest", c))
	}
	small, large := compared[0].Ratio(), compared[1].Ratio()
	return append(out, growth("drift-growth", small, large, large/small, compared...)), nil
}

// burst compares how long many holes stand that are made at once.
func (b *bench) burst(ctx context.Context) ([]figures.Figure, error) {
	c, err := b.driftIn(ctx, b.of(1000), 1, b.of(500))
	if err != nil {
		return nil, err
	}
	return []figures.Figure{ratio("burst-500", c)}, nil
}

// driftIn opens policies in so many namespaces.
func (b *bench) driftIn(ctx context.Context, size, times, together int) (c rounds.Comparison, err error) {
	b.say("Letting policies of %d namespaces drift, %d at once", size, together)
	err = b.at(ctx, placeOptions{}, func(ctx context.Context, p *place) error {
		r, err := p.newRollOut(ctx, size)
		if err != nil {
			return err
		}
		d, err := r.newDrift(ctx, times, together)
		if err != nil {
			return err
		}
		c, err = rounds.Compare(ctx, b.rounds, d.byBare, d.byFirebreak, b.tell)
		return err
	})
	return c, err
}

// newDrift rolls the profile out, and leaves it.
func (r *rollOut) newDrift(ctx context.Context, times, together int) (_ *drift, err error) {
	d := &drift{rollOut: r, times: times, together: together}
	err = r.withOperator(ctx, func(ctx context.Context) error {
		profile, _, err := r.create(ctx, profileName, v1alpha1.ModeEnforce)
		if err != nil {
			return err
		}
		if err := r.untilJudged(ctx, profile); err != nil {
			return err
		}
		return d.remember(ctx)
	})
	if err != nil {
		return nil, fmt.Errorf("roll out what is to drift: %w", err)
	}
	return d, nil
}

func (d *drift) remember(ctx context.Context) error {
	var list networkingv1.NetworkPolicyList
	if err := d.admin.List(ctx, &list, ours()); err != nil {
		return err
	}
	// They come sorted by namespace.
	for i := range policiesEach {
		for j := i; j < len(list.Items); j += policiesEach {
			d.want = append(d.want, list.Items[j])
		}
	}
	return d.keep(ctx)
}

// byFirebreak returns how long holes stand where the operator has nothing else to do: when a profile has come or gone, it judges
// every namespace anew, and the bare client does not.
func (d *drift) byFirebreak(ctx context.Context) (took []time.Duration, err error) {
	manager, err := d.startOperatorLeft(ctx, len(d.namespaces))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, manager.Stop()) }()
	err = d.shown.while(ctx, manager, func(ctx context.Context) error {
		took, err = d.openAll(ctx)
		return err
	})
	return took, err
}

// byBare returns how long holes stand while the bare client writes back.
func (d *drift) byBare(ctx context.Context) ([]time.Duration, error) {
	bare, err := d.startBare(ctx, "write-back", "-policies="+d.policies)
	if err != nil {
		return nil, err
	}
	took, err := d.openAll(ctx)
	_, endErr := bare.finish()
	return took, errors.Join(err, endErr)
}

// openAll opens policies as often as a turn has it, and returns how long that stood each time.
func (d *drift) openAll(ctx context.Context) ([]time.Duration, error) {
	events, err := d.watchFromNow(ctx)
	if err != nil {
		return nil, err
	}
	defer events.Stop()
	var out []time.Duration
	for range d.times {
		if err := pause(ctx, apart); err != nil {
			return out, err
		}
		opened := map[types.UID]*networkingv1.NetworkPolicy{}
		for range d.together {
			policy := &d.want[d.next]
			opened[policy.UID] = policy
			d.next = (d.next + 1) % len(d.want)
		}
		took, err := d.open(ctx, opened, events)
		if err != nil {
			return out, fmt.Errorf("open %d policies: %w", len(opened), err)
		}
		out = append(out, took)
	}
	return out, nil
}

// watchFromNow watches what becomes of the profile's policies, without what they are now.
func (p *place) watchFromNow(ctx context.Context) (watch.Interface, error) {
	now := &networkingv1.NetworkPolicyList{}
	if err := p.admin.List(ctx, now, client.Limit(1)); err != nil {
		return nil, err
	}
	from := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: now.ResourceVersion}}
	return p.admin.Watch(ctx, &networkingv1.NetworkPolicyList{}, from, ours())
}

// open makes holes into policies, and returns how long a watch shows one: from the first that is made to the last that is closed.
func (d *drift) open(ctx context.Context, policies map[types.UID]*networkingv1.NetworkPolicy, events watch.Interface) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, repairedWithin)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce + 1)
	var took time.Duration
	group.Go(func() (err error) {
		took, err = untilClosed(ctx, policies, events)
		return err
	})
	for _, policy := range policies {
		group.Go(func() error {
			object := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: policy.Namespace, Name: policy.Name}}
			return d.admin.Patch(ctx, object, hole(), client.FieldOwner("somebody"))
		})
	}
	return took, group.Wait()
}

// untilClosed watches until each policy was another than it is to be, and is that again.
func untilClosed(ctx context.Context, policies map[types.UID]*networkingv1.NetworkPolicy, events watch.Interface) (time.Duration, error) {
	var began time.Time
	open := map[types.UID]bool{}
	for closed := 0; closed < len(policies); {
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%d of %d are not put right: %w", len(policies)-closed, len(policies), context.Cause(ctx))
		case event, ok := <-events.ResultChan():
			if !ok {
				return 0, errors.New("the watch ended, as it does when its reader is slow: does something else run on this machine?")
			}
			seen, ok := event.Object.(*networkingv1.NetworkPolicy)
			if !ok || policies[seen.UID] == nil {
				continue
			}
			isWhole := equality.Semantic.DeepEqual(seen.Spec, policies[seen.UID].Spec)
			if !isWhole && began.IsZero() {
				began = time.Now()
			}
			if open[seen.UID] && isWhole {
				closed++
			}
			open[seen.UID] = !isWhole
		}
	}
	return time.Since(began), nil
}
