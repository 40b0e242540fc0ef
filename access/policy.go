package access

// Policy is the decision table: rules in order, the first that matches decides,
// and what no rule matches is denied. It is data, so that a whole security mode is
// one value that can be listed, compared and tested exhaustively.
type Policy struct {
	// Name is the policy in words, as audit records write it.
	Name  string
	Rules []Rule
}

// Rule decides the requests that match all its conditions. An empty condition
// matches anything.
type Rule struct {
	Paths       []Path
	Credentials []CredentialKind
	Operations  []Operation
	Allow       bool
	// Refusal is what a client is told where Allow is false.
	Refusal Refusal
	// Source says where the rule comes from.
	Source string
}

// Request is what a policy decides on.
type Request struct {
	Path       Path
	Credential CredentialKind
	Operation  Operation
}

// Decide returns nil where the policy allows r, or the refusal.
func (p Policy) Decide(r Request) *Refusal {
	for _, rule := range p.Rules {
		if !has(rule.Paths, r.Path) || !has(rule.Credentials, r.Credential) || !has(rule.Operations, r.Operation) {
			continue
		}
		if rule.Allow {
			return nil
		}
		refusal := rule.Refusal
		refusal.Operation = r.Operation
		return &refusal
	}
	return &Refusal{
		Code:      CodeNoPermission,
		Reason:    "no rule allows this",
		Remedy:    "ask the administrator of the meter for the right to do it",
		Operation: r.Operation,
	}
}

func has[T comparable](list []T, x T) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return len(list) == 0
}

// OpenRead is the policy of a meter without accounts: whoever reaches it may read
// measurements and setup, and nobody may change anything.
func OpenRead() Policy {
	return Policy{
		Name: "open read",
		Rules: []Rule{
			{Operations: []Operation{ReadMeasurement}, Allow: true, Source: "reading needs no credential"},
			{Refusal: Refusal{
				Code:   CodeNoPermission,
				Reason: "this meter is read only",
				Remedy: "change the setup in the meter's own configuration and start it again",
			}, Source: "no accounts exist yet that could allow it"},
		},
	}
}
