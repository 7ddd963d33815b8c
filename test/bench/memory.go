package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/test/bench/figures"
)

const (
	// startsEach is how often an operator is started with so many pods and policies.
	startsEach = 3
	// looks is how often memory is looked at, lookEvery apart.
	looks     = 15
	lookEvery = 2 * time.Second
)

// memory looks at what an operator has that starts where there are ever more pods and, at last, policies.
func (b *bench) memory(ctx context.Context) (out []figures.Figure, err error) {
	namespaces, most := b.of(5000), b.of(50000)
	b.say("Looking at memory in %d namespaces with up to %d pods", namespaces, most)
	err = b.at(ctx, placeOptions{}, func(ctx context.Context, p *place) error {
		r, err := p.newRollOut(ctx, namespaces)
		if err != nil {
			return err
		}
		pods, err := r.newPods(most)
		if err != nil {
			return err
		}
		out, err = b.memoryOf(ctx, r, pods)
		return err
	})
	return out, err
}

// sample is what an operator has, in bytes, where there are so many pods and policies: the medians of some starts.
type sample struct {
	pods, policies int
	// mean is how much it has on average when it has come to rest, and peak the most it had since its start.
	mean, peak int
}

func (b *bench) memoryOf(ctx context.Context, r *rollOut, p *pods) ([]figures.Figure, error) {
	half, policies := len(p.all)/2, policiesEach*len(r.namespaces)
	var samples []sample
	for _, step := range []struct {
		pods, policies int
		prepare        func() error
	}{
		{0, 0, func() error { return nil }},
		{half, 0, func() error { return p.createAll(ctx, 0, half) }},
		{len(p.all), 0, func() error { return p.createAll(ctx, half, len(p.all)) }},
		{len(p.all), policies, func() error { _, err := r.newDrift(ctx, 0, 0); return err }},
	} {
		if err := step.prepare(); err != nil {
			return nil, err
		}
		s, err := r.sample(ctx, step.pods, step.policies)
		if err != nil {
			return nil, err
		}
		b.say("  %d pods, %d policies: %.1f MiB, at most %.1f", s.pods, s.policies, mebi(s.mean), mebi(s.peak))
		samples = append(samples, s)
	}
	size, err := p.sizeOnTheWire(ctx)
	if err != nil {
		return nil, err
	}
	none, some, all, whole := samples[0].mean, samples[1].mean, samples[2].mean, samples[3].mean
	where := fmt.Sprintf("%d pods, %d policies and %d namespaces, median of %d starts", len(p.all), policies, len(r.namespaces), startsEach)
	perPod := figures.Figure{ID: "memory-pod", Value: float64(all-none) / float64(len(p.all)), Detail: fmt.Sprintf(
		"%.1f MiB with none, %.1f with %d, %.1f with %d of %d B each in JSON", mebi(none), mebi(some), half, mebi(all), len(p.all), size)}
	if none >= some || some >= all {
		perPod.Unsteady = "it does not grow with the pods"
	}
	return []figures.Figure{
		perPod,
		{ID: "memory-policy", Value: float64(whole-all) / float64(policies), Detail: fmt.Sprintf("%.1f MiB with %d more", mebi(whole), policies)},
		{ID: "memory-total", Value: mebi(whole), Detail: where},
		{ID: "memory-peak", Value: mebi(samples[3].peak), Detail: where},
	}, nil
}

func mebi(bytes int) float64 { return float64(bytes) / (1 << 20) }

// sample starts an operator some times.
func (r *rollOut) sample(ctx context.Context, pods, policies int) (sample, error) {
	var means, peaks []int
	for range startsEach {
		mean, peak, err := r.residentsOfOne(ctx, policies/policiesEach)
		if err != nil {
			return sample{}, err
		}
		means, peaks = append(means, mean), append(peaks, peak)
	}
	slices.Sort(means)
	slices.Sort(peaks)
	return sample{pods, policies, means[startsEach/2], peaks[startsEach/2]}, nil
}

// residentsOfOne returns how much memory an operator has, on average, when it has come to rest and so many namespaces have a
// profile, and the most that it had.
func (r *rollOut) residentsOfOne(ctx context.Context, namespaces int) (mean, peak int, err error) {
	manager, err := r.startOperatorLeft(ctx, namespaces)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, manager.Stop()) }()
	sum := 0
	for range looks {
		now, most, err := residents(manager)
		if err != nil {
			return 0, 0, err
		}
		sum, peak = sum+now, most
		if err := pause(ctx, r.during(lookEvery)); err != nil {
			return 0, 0, err
		}
	}
	return sum / looks, peak, r.shown.heap(ctx)
}

// sizeOnTheWire returns how large a pod is, with what the API server adds.
func (p *pods) sizeOnTheWire(ctx context.Context) (int, error) {
	pod := &corev1.Pod{}
	if err := p.admin.Get(ctx, client.ObjectKeyFromObject(p.all[0]), pod); err != nil {
		return 0, err
	}
	text, err := json.Marshal(pod)
	return len(text), err
}
