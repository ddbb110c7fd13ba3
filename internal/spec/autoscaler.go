package spec

import "strings"

// Autoscaled says that the autoscaler is on for the jobs of the cluster (job.autoscaler.enabled).
func (s Spec) Autoscaled() bool {
	on := s.firstOption("job.autoscaler.enabled", "kubernetes.operator.job.autoscaler.enabled")
	return strings.EqualFold(strings.TrimSpace(on), "true")
}
