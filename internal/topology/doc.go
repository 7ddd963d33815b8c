// Package topology makes the picture that a page of YAML hides: tiers and those whom they talk to as boxes, what profiles allow
// as arrows. It answers who may talk to whom, on which ports and by which entry, and which findings are about what. What is
// denied is left out.
//
// A Graph is made for people and does not grow with the cluster: a tier that lives in many namespaces is one box. It knows
// neither how a picture is drawn nor in which format; package render does. It decides nothing: what policies are made of
// profiles says package compiler, and what is wrong with them package analyzer.
package topology
