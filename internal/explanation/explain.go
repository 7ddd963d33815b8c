package explanation

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
)

// explainer is the work on one question.
type explainer struct {
	world               World
	question            Question
	source, destination *end
	// scenarios begin with what is in force.
	scenarios []*scenario
	// taken are the names of entries and tiers that were written, by profile: whoever follows all answers needs no name twice. A tier
	// that is written again keeps its name.
	taken map[string]string
	notes []string
}

// Explain answers a question. Errors name what cannot be looked up, and what there is instead.
func Explain(world World, question Question) (Explanation, error) {
	x := &explainer{world: world, question: question, taken: map[string]string{}}
	r := resolver{world, question.Namespace}
	var err error
	if x.source, err = r.resolve(question.Source); err != nil {
		return Explanation{}, fmt.Errorf("source %s: %w", question.Source.Given, err)
	}
	if x.destination, err = r.resolve(question.Destination); err != nil {
		return Explanation{}, fmt.Errorf("destination %s: %w", question.Destination.Given, err)
	}
	if x.source.place == nil && x.destination.place == nil {
		return Explanation{}, fmt.Errorf("neither %s nor %s is a pod, and policies decide at pods only", question.Source.Given, question.Destination.Given)
	}
	if err := x.imagine(); err != nil {
		return Explanation{}, err
	}
	x.lookOutside()
	x.noteState()
	return x.answer()
}

// pair is a class of the source and one of the destination, and what is decided between them.
type pair struct {
	source, destination *class
	outcomes            []outcome
}

// outcome is what is decided on one port.
type outcome struct {
	port Port
	// verdicts are by scenario.
	verdicts []evaluator.Verdict
	egress   Decision
	ingress  Decision
	// key is equal for outcomes that are told as one.
	key string
}

// answer decides about all pairs and puts together what fares alike.
func (x *explainer) answer() (Explanation, error) {
	sources, destinations := x.classesOf(x.source, x.destination), x.classesOf(x.destination, x.source)
	ports, err := x.ports(destinations)
	if err != nil {
		return Explanation{}, err
	}
	table := map[*class]map[*class]*pair{}
	for _, s := range sources {
		table[s] = map[*class]*pair{}
		for _, d := range destinations {
			if table[s][d], err = x.decide(s, d, ports[d]); err != nil {
				return Explanation{}, err
			}
		}
	}
	out := Explanation{Namespace: x.question.Namespace, Source: x.source.End, Destination: x.destination.End}
	out.Source.Pods, out.Destination.Pods = x.source.running(), x.destination.running()
	alikeSources := alikeBy(sources, func(s *class) string {
		return rowKey(x.source, destinations, func(d *class) *pair { return table[s][d] })
	})
	alikeDestinations := alikeBy(destinations, func(d *class) string {
		return rowKey(x.destination, sources, func(s *class) *pair { return table[s][d] })
	})
	for _, s := range alikeSources {
		for _, d := range alikeDestinations {
			x.noteMerged(table, s, d)
			from, to := x.party(x.source, s, without(sources, s)), x.party(x.destination, d, without(destinations, d))
			for _, a := range x.answers(table[s[0]][d[0]], s, d) {
				a.Source, a.Destination = from, to
				out.Answers = append(out.Answers, a)
			}
		}
	}
	slices.SortStableFunc(out.Answers, func(a, b Answer) int { return cmp.Compare(gravity(a.Verdict), gravity(b.Verdict)) })
	out.Verdict = overall(out.Answers)
	out.Notes = slices.Concat(x.source.notes, x.destination.notes, x.notes)
	return out, nil
}

// ports are those that are asked for, by class of the destination. A class without them is an error only when all are.
func (x *explainer) ports(destinations []*class) (map[*class][]Port, error) {
	if x.destination.Kind == KindNamespace && (x.question.Port == nil || x.question.Port.Name != "") {
		return nil, fmt.Errorf("destination %s: give the number of a port: %s:8080, for instance", x.destination.Given, x.destination.Given)
	}
	out := map[*class][]Port{}
	var first error
	for _, d := range destinations {
		list, err := portsAt(x.destination, x.question.Port, d.pod)
		if err != nil {
			first = cmp.Or(first, err)
			continue
		}
		out[d] = list
	}
	switch {
	case len(out) == 0:
		return nil, fmt.Errorf("destination %s: %w", x.destination.Given, first)
	case first != nil:
		x.note("Not all pods of %s have such a port: %v.", x.destination.Name, first)
	}
	return out, nil
}

// decide decides about the ports between two classes.
func (x *explainer) decide(s, d *class, ports []Port) (*pair, error) {
	p := &pair{source: s, destination: d}
	for _, port := range ports {
		for _, piece := range x.pieces(s, d, port) {
			o := outcome{port: piece}
			for i, scenario := range x.scenarios {
				answer := scenario.evaluator.Evaluate(connection(s, d, piece))
				x.lookAtServiceAddress(scenario, s, piece, &answer)
				o.verdicts = append(o.verdicts, answer.Verdict())
				if i > 0 {
					continue
				}
				var err error
				if o.egress, err = x.decision(networkpolicy.Egress, s, d, piece, answer.Egress); err != nil {
					return nil, err
				}
				if o.ingress, err = x.decision(networkpolicy.Ingress, d, s, piece, answer.Ingress); err != nil {
					return nil, err
				}
			}
			if err := x.setKey(&o, s, d); err != nil {
				return nil, err
			}
			p.outcomes = append(p.outcomes, o)
		}
	}
	return p, nil
}

func connection(s, d *class, port Port) evaluator.Connection {
	return evaluator.Connection{Source: s.endpoint(), Destination: d.endpoint(), Protocol: port.Protocol, Port: port.evaluated}
}

// setKey makes the key from what is told of an outcome, and from the tiers that the pods are in: a remedy names them.
func (x *explainer) setKey(o *outcome, s, d *class) error {
	var tiers []string
	for _, c := range []*class{s, d} {
		for _, m := range x.membershipsOf(c) {
			tiers = append(tiers, m.output.Profile.Key.String()+"/"+m.tier)
		}
		tiers = append(tiers, "")
	}
	text, err := json.Marshal([]any{o.verdicts, likened(o.egress, d), likened(o.ingress, s), tiers})
	o.key = string(text)
	return err
}

// likened is a decision without what does not matter when two are compared: addresses of both families are peers of one entry.
func likened(d Decision, other *class) Decision {
	if other.pod != nil {
		return d
	}
	d.Admitting = slices.Clone(d.Admitting)
	for i := range d.Admitting {
		d.Admitting[i].Peer = 0
	}
	return d
}

func (x *explainer) membershipsOf(c *class) []membership {
	if c.pod == nil {
		return nil
	}
	return x.placeOf(c).memberships(c.pod)
}

// answers tells what is decided between two numbers of classes that fare alike.
func (x *explainer) answers(p *pair, s, d []*class) []Answer {
	var out []Answer
	index := map[string]int{}
	for _, o := range p.outcomes {
		at, known := index[o.key]
		if !known {
			at = len(out)
			index[o.key] = at
			out = append(out, Answer{Verdict: o.verdicts[0], Egress: o.egress, Ingress: o.ingress})
		}
		out[at].Ports = append(out[at].Ports, o.port)
	}
	for i := range out {
		first := p.outcomes[slices.IndexFunc(p.outcomes, func(o outcome) bool { return o.port == out[i].Ports[0] })]
		x.help(&out[i], first.verdicts, s, d)
	}
	return out
}

// alikeBy puts classes together that have the same key, in their order.
func alikeBy(classes []*class, key func(*class) string) [][]*class {
	index := map[string]int{}
	var out [][]*class
	for _, c := range classes {
		k := key(c)
		at, known := index[k]
		if !known {
			at = len(out)
			index[k] = at
			out = append(out, nil)
		}
		out[at] = append(out[at], c)
	}
	return out
}

// rowKey is equal for classes of an end that fare alike with all classes of the other end.
func rowKey(e *end, others []*class, with func(*class) *pair) string {
	var row [][]string
	for _, other := range others {
		var cell []string
		for _, o := range with(other).outcomes {
			key := o.key
			if e.Kind == KindNamespace {
				// Many workloads make a namespace, and which fare otherwise is what matters.
				key = fmt.Sprint(o.verdicts, o.egress.Verdict, o.ingress.Verdict)
			}
			cell = append(cell, fmt.Sprint(o.port), key)
		}
		row = append(row, cell)
	}
	text, err := json.Marshal(row)
	if err != nil {
		return ""
	}
	return string(text)
}

func without(all, these []*class) []*class {
	return slices.DeleteFunc(slices.Clone(all), func(c *class) bool { return slices.Contains(these, c) })
}

func gravity(v evaluator.Verdict) int {
	return slices.Index([]evaluator.Verdict{evaluator.Denied, evaluator.Undecidable, evaluator.Allowed}, v)
}

func overall(answers []Answer) evaluator.Verdict {
	for _, a := range answers {
		if a.Verdict != answers[0].Verdict {
			return Mixed
		}
	}
	return answers[0].Verdict
}
