package service

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/document"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// checkFirstCluster adds what the service would refuse of the first cluster although the package's schema accepts it. A
// service with a first cluster that is wrong runs without it.
func checkFirstCluster(l *fault.List, options map[string]any) {
	if !flag(options, "session", "enabled") {
		return
	}
	typed := text(options, "session", "spec")
	sp := form(l, options)
	if strings.TrimSpace(typed) != "" {
		sp = spec.Spec{}
		if err := document.UnmarshalText([]byte(typed), "the specification of a cluster", &sp); err != nil {
			l.Add("session.spec", "%v", err)
			return
		}
	}
	sp = sp.Complete(spec.Defaults{Allocation: spec.Allocation(text(options, "flink", "default_allocation"))})
	refused, ok := errors.AsType[*fault.Error](sp.Validate(spec.Rules{Roles: roles(options), Constraints: true, Privileged: true}))
	if !ok {
		return
	}
	for _, d := range refused.Details {
		switch {
		case typed != "":
			l.Add("session.spec", "%s %s", d.Field, d.Message)
		case d.Field == "role":
			l.Add("session.role", "%s is not one of mesos.roles, which are %s", sp.Role, strings.Join(roles(options), ", "))
		case d.Field == "taskManagers.min":
			l.Add("taskmanager.min", "%d is above taskmanager.max, which is %d", sp.TaskManagers.Min, sp.TaskManagers.Max)
		case strings.HasPrefix(d.Field, "taskManager.constraints"):
			l.Add("session.placement_constraint"+strings.TrimPrefix(d.Field, "taskManager.constraints"), "%s", d.Message)
		}
	}
}

// form is the part of the first cluster that the form describes and a schema cannot check.
func form(l *fault.List, options map[string]any) spec.Spec {
	sp := spec.Spec{Name: text(options, "session", "name"), Kind: spec.Session, Allocation: spec.Static, Role: text(options, "session", "role")}
	if flag(options, "session", "dynamic_allocation") {
		sp.Allocation = spec.Dynamic
		sp.TaskManagers = spec.TaskManagers{Min: number(options, "taskmanager", "min"), Max: number(options, "taskmanager", "max")}
	}
	if rules := text(options, "session", "placement_constraint"); rules != "" {
		if err := json.Unmarshal([]byte(rules), &sp.TaskManager.Constraints); err != nil {
			l.Add("session.placement_constraint", "is not a list of lists of texts: %v", err)
		}
	}
	return sp
}
