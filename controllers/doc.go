// Package controllers connects the pure core to a cluster. It holds two kinds of controller: one reconciles namespaces
// (gather, compile, plan, apply, record), the other folds what became of a profile's namespaces into its status. They
// get, call and write; what policies should be, and what status should say, is decided elsewhere.
package controllers
