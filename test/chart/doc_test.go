// Package chart_test holds the two ways to install Firebreak, the kustomization config/default and the Helm chart
// config/chart, against each other and against a real API server.
package chart_test
