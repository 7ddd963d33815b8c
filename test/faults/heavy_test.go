package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/faults/account"
)

const (
	// hugeSize is about how large a profile can be that etcd still stores, in bytes.
	hugeSize = 1_400_000
	// hugeTiers is over how many tiers that is spread, as many as there may be.
	hugeTiers = 64
	// listedServices and listedAddresses are how many Services without selector a profile refers to, and the addresses that
	// the EndpointSlices of each list: as many as are taken of one.
	listedServices, listedAddresses = 20, 1000
)

// hugeTier returns a tier whose selector takes about so many bytes, in as few values as that can be said.
func hugeTier(number, port, size int) map[string]any {
	var requirements []any
	for key := 0; size > 0; key++ {
		var values []string
		for value := 0; value < 32 && size > 0; value++ {
			values = append(values, fmt.Sprintf("%063d", 1000*key+value))
			size -= 66
		}
		requirements = append(requirements, map[string]any{"key": fmt.Sprint("not-", key), "operator": "NotIn", "values": values})
	}
	return map[string]any{
		"name": fmt.Sprint("tier-", number), "ports": []any{map[string]any{"port": port}},
		"podSelector": map[string]any{"matchLabels": map[string]any{"app": fmt.Sprint("app-", number)}, "matchExpressions": requirements},
	}
}

// hugeSpec returns the spec of a profile of hugeSize, as YAML. Each tier talks to the next one, or, when it is too much,
// as many to as many as one entry may name.
func hugeSpec(port int, tooMuch bool) string {
	GinkgoHelper()
	spec := map[string]any{"dns": "None"}
	var tiers, allow, all []any
	for i := range hugeTiers {
		tiers = append(tiers, hugeTier(i, port, hugeSize/hugeTiers))
		all = append(all, map[string]any{"tier": fmt.Sprint("tier-", i)})
		if i > 0 {
			allow = append(allow, map[string]any{"name": fmt.Sprint("to-", i), "from": all[i-1 : i], "to": all[i : i+1]})
		}
	}
	if tooMuch {
		allow = []any{map[string]any{"name": "all", "from": all[:32], "to": all[:32]}}
	}
	spec["tiers"], spec["allow"] = tiers, allow
	text, err := json.Marshal(spec)
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}

// listSpec returns the spec of a profile that refers to many Services.
func listSpec(services int) string {
	var to []string
	for i := range services {
		to = append(to, fmt.Sprintf("{service: {name: list-%d}}", i))
	}
	return fmt.Sprintf(`
dns: None
tiers: [{name: app, podSelector: {matchLabels: {app: app}}}]
allow: [{name: lists, from: [{tier: app}], to: [%s]}]
`, strings.Join(to, ", "))
}

// newList makes a Service without selector in a home, and the EndpointSlice that stands for it.
func (h *home) newList(ctx context.Context, number int, kind discoveryv1.AddressType, address func(int) string) *discoveryv1.EndpointSlice {
	GinkgoHelper()
	port, where := int32(443), metav1.ObjectMeta{Namespace: h.profile.Namespace, Name: fmt.Sprint("list-", number)}
	service := &corev1.Service{ObjectMeta: where, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: port}}}}
	Expect(h.site.k8s.Create(ctx, service)).To(Succeed())
	where.Labels = map[string]string{discoveryv1.LabelServiceName: where.Name}
	list := &discoveryv1.EndpointSlice{ObjectMeta: where, AddressType: kind, Ports: []discoveryv1.EndpointPort{{Port: &port}}}
	for i := range listedAddresses {
		list.Endpoints = append(list.Endpoints, discoveryv1.Endpoint{Addresses: []string{address(i)}})
	}
	Expect(h.site.k8s.Create(ctx, list)).To(Succeed())
	return list
}

// reason returns why the profile is, or is not, ready, as status/reason; empty while that is not said of its generation.
func (h *home) reason(ctx context.Context) (string, error) {
	if err := h.site.k8s.Get(ctx, client.ObjectKeyFromObject(h.profile), h.profile); err != nil {
		return "", err
	}
	return reasonOf(h.profile), nil
}

// message returns what Ready says; empty while that is not said of the profile's generation.
func (h *home) message() string {
	if c := readyOf(h.profile); c != nil {
		return c.Message
	}
	return ""
}

// keepBusy does something every second until it is told to stop, and then returns how often it did.
func keepBusy(something func(ctx context.Context, nth int) error) (stop func() int) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int)
	go func() {
		defer GinkgoRecover()
		times := 0
		for ticker := time.NewTicker(time.Second); ctx.Err() == nil; <-ticker.C {
			if err := something(ctx, times); ctx.Err() == nil {
				Expect(err).NotTo(HaveOccurred())
				times++
			}
		}
		done <- times
	}()
	return func() int {
		cancel()
		return <-done
	}
}

var _ = Describe("A huge profile", Ordered, ContinueOnFailure, func() {
	var (
		e     *estate
		usual repairs
	)

	BeforeAll(func(ctx SpecContext) {
		operator := suiteSite().startReplica(ctx, before)
		DeferCleanup(operator.terminate)
		e = suiteSite().newEstate(ctx, 20)
		usual = e.repairs(ctx, e.homes)
	})

	// expectNobodyWaits holds holes in other namespaces against those before, while something happens to the huge profile.
	expectNobodyWaits := func(ctx context.Context, huge string, something func(ctx context.Context, nth int) error) {
		GinkgoHelper()
		stop := keepBusy(something)
		meanwhile := e.repairs(ctx, e.homes)
		times := stop()
		AddReportEntry(account.EntryName, account.Account{
			Test: "others beside " + huge, Faults: 2 * holes,
			Note: fmt.Sprintf("%d changes of it; meanwhile %s; before, %s", times, meanwhile, usual),
		})
		meanwhile.expectAsQuickAs(usual)
	}

	soakIt("of nearly 1.4 MB is enforced, or refused and frozen, and nobody waits for it", func(ctx SpecContext) {
		huge := suiteSite().newEmptyHome(ctx)
		began := time.Now()
		huge.create(ctx, hugeSpec(8080, false))
		Eventually(huge.ready).WithArguments(ctx).WithTimeout(2 * backWithin).Should(Succeed())
		text, err := json.Marshal(huge.profile.Spec)
		Expect(err).NotTo(HaveOccurred())
		policies := huge.settle(ctx)
		Expect(policies).To(HaveLen(hugeTiers + 1))
		AddReportEntry("huge", fmt.Sprintf("%d bytes of spec ready after %s", len(text), time.Since(began)))

		By("being changed")
		patches := [][]byte{}
		for _, port := range []int{8080, 8081} {
			patch, err := patchOf(hugeSpec(port, false))
			Expect(err).NotTo(HaveOccurred())
			patches = append(patches, patch)
		}
		change := func(ctx context.Context, nth int) error {
			return k8s.Patch(ctx, huge.profile.DeepCopy(), client.RawPatch("application/merge-patch+json", patches[nth%2]))
		}
		expectNobodyWaits(ctx, "a profile of 1.4 MB", change)
		Eventually(huge.ready).WithArguments(ctx).WithTimeout(backWithin).Should(Succeed())
		policies = huge.settle(ctx)

		By("asking for more than can be stored")
		huge.declare(ctx, hugeSpec(8080, true))
		Eventually(huge.reason).WithArguments(ctx).WithTimeout(backWithin).Should(Equal("False/" + v1alpha1.ReasonInvalid))
		Expect(huge.message()).To(And(ContainSubstring("more than the 1024 KiB that can be stored"), ContainSubstring("65 policies applied before stay as they are")))
		expectNobodyWaits(ctx, "a profile of 1.4 MB that asks for too much", func(context.Context, int) error { return nil })
		Expect(huge.policies(ctx)).To(Equal(policies), "nothing is written there")
	})

	soakIt("of 20,000 addresses is enforced, or too large and frozen, and nobody waits for it", func(ctx SpecContext) {
		huge := suiteSite().newEmptyHome(ctx)
		var lists []*discoveryv1.EndpointSlice
		for i := range listedServices {
			lists = append(lists, huge.newList(ctx, i, discoveryv1.AddressTypeIPv4, func(j int) string { return fmt.Sprintf("198.18.%d.%d", 8*i+j/250, j%250) }))
		}
		began := time.Now()
		huge.create(ctx, listSpec(listedServices))
		Eventually(huge.ready).WithArguments(ctx).WithTimeout(backWithin).Should(Succeed())
		AddReportEntry("huge", fmt.Sprintf("%d addresses ready after %s", listedServices*listedAddresses, time.Since(began)))
		policies, err := huge.policies(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.Count(policies["app"].spec, `"cidr"`)).To(Equal(listedServices * listedAddresses))

		By("getting another address every second")
		last := ""
		expectNobodyWaits(ctx, "20,000 addresses", func(ctx context.Context, nth int) error {
			last = fmt.Sprintf("198.19.0.%d", nth%250)
			patch := fmt.Sprintf(`[{"op": "replace", "path": "/endpoints/0/addresses/0", "value": %q}]`, last)
			return k8s.Patch(ctx, lists[0].DeepCopy(), client.RawPatch("application/json-patch+json", []byte(patch)))
		})
		Eventually(func() (string, error) {
			policies, err = huge.policies(ctx)
			return policies["app"].spec, err
		}).WithTimeout(backWithin).Should(ContainSubstring(last + "/32"))
		policies = huge.settle(ctx)

		By("getting more than can be stored")
		for i := listedServices; i < 32; i++ {
			huge.newList(ctx, i, discoveryv1.AddressTypeIPv6, func(j int) string { return fmt.Sprintf("2001:db8:aaaa:bbbb:cccc:dddd:%x:%x", 0xa000+i, 0xb000+j) })
		}
		huge.declare(ctx, listSpec(32))
		Eventually(huge.reason).WithArguments(ctx).WithTimeout(backWithin).Should(Equal("False/" + v1alpha1.ReasonPolicyTooLarge))
		Expect(huge.message()).To(ContainSubstring("The policy of tier app would take more than the 1024 KiB that can be stored"))
		expectNobodyWaits(ctx, "more addresses than can be stored", func(ctx context.Context, nth int) error {
			patch := fmt.Sprintf(`[{"op": "replace", "path": "/endpoints/0/addresses/0", "value": "198.19.1.%d"}]`, nth%250)
			return k8s.Patch(ctx, lists[0].DeepCopy(), client.RawPatch("application/json-patch+json", []byte(patch)))
		})
		Expect(huge.policies(ctx)).To(Equal(policies), "nothing is written there")
	})
})
