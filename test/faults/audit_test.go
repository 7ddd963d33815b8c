package faults_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"firebreak.dev/firebreak/test/audit"
)

// excuses are for specs that take rights away on purpose: each says in which namespaces, or for how long. What the proxy answers by
// itself needs none, for the API server never hears of it.
var excuses audit.Excuses

// expectNothingDenied says that the shipped rights sufficed for whatever the operator did in this suite, after faults, too.
func expectNothingDenied() {
	GinkgoHelper()
	requests, err := audit.Requests(plane)
	Expect(err).NotTo(HaveOccurred())
	Expect(audit.Denied(requests, &excuses)).To(BeEmpty(), "RBAC denied the operator")
}
