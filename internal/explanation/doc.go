// Package explanation answers the question of whoever stands before a connection that does not come about: may it pass, who
// decides at either end, by which rule and which entry of which profile, and what line would allow it? It says what policies
// and profiles say, and knows nothing of what a network plugin makes of it.
//
//	question, err := explanation.Ask("deploy/web", "tier:shop/database:5432", "production")
//	answer, err := explanation.Explain(world, question)
//	answer.Verdict // Denied
package explanation
