package analyzer

import (
	"errors"
	"net/netip"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/selector"
)

// errPodAddresses: what is left uncovered is addresses of pods only, and whether an ipBlock means pods depends on the network
// plugin.
var errPodAddresses = errors.New("addresses of pods")

// maxAddressSteps bounds how many sets of policies are looked at that may select a pod together.
const maxAddressSteps = 1000

// addressSearch looks for a pod and an address that no declared rule admits.
type addressSearch struct {
	question *question
	// declared are the addresses that each policy declares on the ports in question.
	declared []declaredAddresses
	steps    int
	// ofPods: an address was found, but it is a pod's.
	ofPods bool
}

type declaredAddresses struct {
	pods      *metav1.LabelSelector
	addresses []netip.Prefix
}

// someAddress says whether there is one of these addresses, and could be a pod, such that no declared rule admits the two. The error
// is errPodAddresses when there are only addresses of pods.
func (q *question) someAddress(addresses []netip.Prefix, a atom) (bool, error) {
	s := addressSearch{question: q}
	last := -1
	for _, i := range a.covering {
		c := &q.covers[i]
		var list []netip.Prefix
		for _, peer := range c.rule.peers {
			list = append(list, peer.addresses...)
		}
		if len(list) == 0 {
			continue
		}
		if c.policy != last {
			s.declared, last = append(s.declared, declaredAddresses{pods: c.pods}), c.policy
		}
		if err := q.budget.Spend(len(list)); err != nil {
			return false, err
		}
		d := &s.declared[len(s.declared)-1]
		d.addresses = append(d.addresses, list...)
	}
	found, err := s.search(0, addresses, q.pods)
	if err == nil && !found && s.ofPods {
		err = errPodAddresses
	}
	return found, err
}

// search looks at the policies from an index on: the pod is in the set, and the address one of these, which those before leave
// uncovered.
func (s *addressSearch) search(from int, addresses []netip.Prefix, pods podSet) (bool, error) {
	if len(addresses) == 0 {
		return false, nil
	}
	if s.steps++; s.steps > maxAddressSteps {
		return false, selector.ErrTooComplex
	}
	if err := s.question.budget.Spend(len(addresses)); err != nil {
		return false, err
	}
	if possible, err := pods.possible(s.question.budget); err != nil || !possible {
		return false, err
	}
	if from == len(s.declared) {
		if len(ipset.Subtract(addresses, s.question.podAddresses)) == 0 {
			s.ofPods = true
			return false, nil
		}
		return true, nil
	}
	d := s.declared[from]
	outside := ipset.Subtract(addresses, d.addresses)
	if found, err := s.search(from+1, outside, pods); found || err != nil {
		return found, err
	}
	return s.search(from+1, ipset.Subtract(addresses, outside), pods.butNot(d.pods))
}
