package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/internal/live"
	"firebreak.dev/firebreak/internal/overview"
	"firebreak.dev/firebreak/internal/snapshot"
)

// statusLook looks at profiles and at what their policies are made from, as far as it may.
type statusLook struct {
	*statusCommand
	client    client.WithWatch
	sight     *live.Sight
	namespace string
}

// newLook returns a look at a namespace, or all when that is empty. With a function, it keeps looking, and calls it after changes.
func (o *statusCommand) newLook(c client.WithWatch, namespace string, changed func()) *statusLook {
	l := &statusLook{statusCommand: o, client: c, namespace: namespace, sight: live.NewSight(c)}
	if changed != nil {
		l.sight = live.Following(c, changed)
	}
	return l
}

// overview returns what is seen. An error says what could not be seen and must be.
func (l *statusLook) overview(ctx context.Context) (*overview.Overview, error) {
	in := overview.Input{Options: l.options, Namespace: l.namespace, Names: l.names}
	in.Options.ProtectedNamespaces = append(in.Options.ProtectedNamespaces[:len(in.Options.ProtectedNamespaces):len(in.Options.ProtectedNamespaces)], l.operatorNamespace)
	var err error
	if in.Gaps, err = l.seeProfiles(ctx); err != nil {
		return nil, err
	}
	if err := l.seeFacts(ctx, &in); err != nil {
		return nil, err
	}
	if in.Operator, err = l.operator(ctx, l.client); err != nil {
		return nil, err
	}
	in.Now = time.Now()
	return overview.Of(in), nil
}

// howToInstall is what is said of a cluster without Firebreak.
const howToInstall = "the cluster has no Firebreak: its CRDs are not installed. Install them and the operator, with Helm from config/chart or with \"make deploy\" (see README.md)"

// seeProfiles looks at the profiles, their namespaces and policies. The profiles of namespaces must be seen; when only cluster
// profiles are asked for, those.
func (l *statusLook) seeProfiles(ctx context.Context) (overview.Gaps, error) {
	var gaps overview.Gaps
	err := l.sight.See(ctx, live.Place{Plural: "segmentationprofiles", Namespace: l.namespace})
	switch {
	case errors.Is(err, live.ErrNotInstalled):
		return gaps, errors.New(howToInstall)
	case apierrors.IsForbidden(err) && l.namespace == "":
		return gaps, fmt.Errorf("%w\nLook at one namespace with -n, or ask for the right to list segmentationprofiles in all namespaces", err)
	case apierrors.IsForbidden(err):
		return gaps, fmt.Errorf("%w\nAsk for the right to list segmentationprofiles in namespace %s; the ClusterRole view has it", err, l.namespace)
	case err != nil:
		return gaps, err
	}
	for _, next := range []struct {
		at  live.Place
		gap *string
	}{
		{live.Place{Plural: "clustersegmentationprofiles"}, &gaps.ClusterProfiles},
		{live.Place{Plural: "namespaces", Name: l.namespace}, &gaps.Namespaces},
		{live.Place{Plural: "networkpolicies", Namespace: l.namespace}, &gaps.Policies},
	} {
		if *next.gap, err = l.see(ctx, next.at); err != nil {
			return gaps, err
		}
	}
	return gaps, nil
}

// see looks at a place, and returns why that may not be done; empty when it may.
func (l *statusLook) see(ctx context.Context, at live.Place) (gap string, err error) {
	err = l.sight.See(ctx, at)
	switch {
	case apierrors.IsForbidden(err) && at.Name != "":
		return fmt.Sprintf("you may not read namespace %s", at.Name), nil
	case apierrors.IsForbidden(err) && at.Namespace != "":
		return fmt.Sprintf("you may not list %s in namespace %s", at.Plural, at.Namespace), nil
	case apierrors.IsForbidden(err):
		return fmt.Sprintf("you may not list %s", at.Plural), nil
	case errors.Is(err, live.ErrNotInstalled):
		return "", nil
	}
	return "", err
}

// seeFacts looks at what policies are made from, until nothing more is asked for: what is seen may bring up other things.
func (l *statusLook) seeFacts(ctx context.Context, in *overview.Input) error {
	gaps := map[snapshot.Fact]string{}
	in.Gaps.Fact = func(f snapshot.Fact) string { return gaps[f] }
	for seen := -1; len(gaps) > seen; {
		seen = len(gaps)
		in.Inventory = l.sight.Inventory()
		facts, err := overview.Facts(*in)
		if err != nil {
			// A policy that cannot be read: the overview says so.
			return nil //nolint:nilerr // see above
		}
		for _, f := range facts {
			if _, ok := gaps[f]; ok {
				continue
			}
			if gaps[f], err = l.seeFact(ctx, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// seeFact looks at the places of a fact, and returns why one may not be looked at.
func (l *statusLook) seeFact(ctx context.Context, f snapshot.Fact) (string, error) {
	for _, at := range live.PlacesOf(f, l.options) {
		if gap, err := l.see(ctx, at); gap != "" || err != nil {
			return gap, err
		}
	}
	return "", nil
}
