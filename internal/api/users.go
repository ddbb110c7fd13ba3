package api

import (
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// ArtifactUsers names the clusters whose spec refers to an artifact, in order: what artifact.Options.InUse asks for.
func ArtifactUsers(vw *state.State, sha string) []string {
	var users []string
	for _, name := range view.Names(vw) {
		sp, ok := view.Spec(vw, name)
		running, _ := view.RunningSpec(vw, name)
		refers := func(u spec.ArtifactURI) bool { return u.SHA256 == sha }
		if ok && (slices.ContainsFunc(sp.Artifacts(), refers) || slices.ContainsFunc(running.Artifacts(), refers)) {
			users = append(users, "cluster "+name)
		}
	}
	return users
}
