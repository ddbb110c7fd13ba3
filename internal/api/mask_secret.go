package api

import (
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// secretList is one of the lists of secrets in a spec.
type secretList struct {
	field string
	at    *[]spec.TaskSecret
}

// secretLists are always in the same order.
func secretLists(spec *spec.Spec) []secretList {
	return []secretList{{"secrets", &spec.Secrets}, {"jobManager.secrets", &spec.JobManager.Secrets}, {"taskManager.secrets", &spec.TaskManager.Secrets}}
}

// maskSecrets hides the values that the spec itself holds; names of files and of stores' secrets are none.
func maskSecrets(spec *spec.Spec) {
	for _, l := range secretLists(spec) {
		*l.at = slices.Clone(*l.at)
		for i := range *l.at {
			if (*l.at)[i].Value != "" {
				(*l.at)[i].Value = mask
			}
		}
	}
}

// unmaskSecrets puts the stored values where the mask is: that of the secret for the same place.
func unmaskSecrets(l *fault.List, sp *spec.Spec, stored spec.Spec) {
	before := secretLists(&stored)
	for n, list := range secretLists(sp) {
		*list.at = slices.Clone(*list.at)
		for i := range *list.at {
			s := &(*list.at)[i]
			if s.Value != mask {
				continue
			}
			was := slices.IndexFunc(*before[n].at, func(o spec.TaskSecret) bool {
				return o.Environment == s.Environment && o.File == s.File && o.Value != ""
			})
			if was < 0 {
				l.Add(indexed(list.field, i)+".value", "is masked (%s) and no value is stored: write the value itself", mask)
				continue
			}
			s.Value = (*before[n].at)[was].Value
		}
	}
}
