package kubernetes

import (
	"regexp"
	"strings"
)

// attribute is the name of the attribute or field of an agent that stands for a label of a node.
func attribute(label string) string {
	switch label {
	case "kubernetes.io/hostname":
		return "hostname"
	case "topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone":
		return "@zone"
	case "topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region":
		return "@region"
	}
	return label[strings.LastIndexByte(label, '/')+1:]
}

// renamed says which attribute agents must have.
func renamed(label string) string {
	switch name := attribute(label); {
	case name == "hostname", strings.HasPrefix(name, "@"):
		return ""
	default:
		return "agents need the attribute " + name
	}
}

// nodeSelector translates labels that a node must have.
func (p *pod) nodeSelector(f field) {
	f.all(func(label string, child field) {
		value, ok := child.text()
		switch {
		case !ok:
		case strings.HasPrefix(label, "kubernetes.io/os"), strings.HasPrefix(label, "kubernetes.io/arch"):
			child.meaningless("agents run what the distribution is built for")
		default:
			p.constraints = append(p.constraints, []string{attribute(label), "LIKE", regexp.QuoteMeta(value)})
			child.translate("constraints", renamed(label))
		}
	})
}

// affinity translates where tasks may run, and next to which.
func (p *pod) affinity(f field) {
	const weak = "is a wish: the service spreads tasks by itself, and constraints are rules"
	f.each(handlers{
		"nodeAffinity": func(f field) {
			f.each(handlers{
				"preferredDuringSchedulingIgnoredDuringExecution": nothing(weak),
				"requiredDuringSchedulingIgnoredDuringExecution":  p.required,
			})
		},
		"podAffinity": func(f field) {
			f.each(handlers{
				"preferredDuringSchedulingIgnoredDuringExecution": nothing(weak),
				"requiredDuringSchedulingIgnoredDuringExecution":  never("write constraints: [\"@zone\", \"CLUSTER\"] keeps the tasks of a role together"),
			})
		},
		"podAntiAffinity": func(f field) {
			f.each(handlers{
				"preferredDuringSchedulingIgnoredDuringExecution": nothing(weak),
				"requiredDuringSchedulingIgnoredDuringExecution": func(f field) {
					f.list(func(f field) {
						p.constraints = append(p.constraints, []string{attribute(f.child("topologyKey")), "UNIQUE"})
						f.translate("constraints", "is for the tasks of the same role of this cluster")
					})
				},
			})
		},
	})
}

// required translates terms of a node affinity. Several terms are alternatives, which constraints do not have.
func (p *pod) required(f field) {
	f.each(handlers{"nodeSelectorTerms": func(f field) {
		if len(f.node.Content) != 1 {
			f.refuse("has alternatives, and constraints are all to be met: write one term")
			return
		}
		f.list(func(f field) {
			f.each(handlers{
				"matchExpressions": func(f field) { f.list(p.expression) },
				"matchFields":      never("fields of a node do not exist here: use labels"),
			})
		})
	}})
}

// expression translates one condition on a label of a node.
func (p *pod) expression(f field) {
	key := f.child("key")
	var values []string
	if n := lookup(f.node, "values"); n != nil {
		for _, v := range n.Content {
			values = append(values, regexp.QuoteMeta(v.Value))
		}
	}
	any := strings.Join(values, "|")
	switch op := f.child("operator"); {
	case key == "":
		f.refuse("has no key")
		return
	case op == "In" && any != "":
		p.constraints = append(p.constraints, []string{attribute(key), "LIKE", any})
	case op == "NotIn" && any != "":
		p.constraints = append(p.constraints, []string{attribute(key), "UNLIKE", any})
	case op == "Exists":
		p.constraints = append(p.constraints, []string{attribute(key), "LIKE", ".*"})
	default:
		f.refuse("has an operator that constraints do not have: use In, NotIn or Exists")
		return
	}
	f.translate("constraints", renamed(key))
}

// spread translates how tasks are divided among zones or hosts.
func (p *pod) spread(f field) {
	f.list(func(f field) {
		if f.child("whenUnsatisfiable") == "ScheduleAnyway" {
			f.meaningless("is a wish: the service spreads tasks by itself, and constraints are rules")
			return
		}
		p.constraints = append(p.constraints, []string{attribute(f.child("topologyKey")), "GROUP_BY"})
		f.translate("constraints", "is for the tasks of the same role of this cluster")
	})
}
