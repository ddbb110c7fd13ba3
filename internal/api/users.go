package api

import (
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/decide"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// ArtifactUsers names the clusters whose spec refers to an artifact, in order: what artifact.Options.InUse asks for.
func ArtifactUsers(view *decide.State, sha string) []string {
	var users []string
	for _, name := range decide.Names(view) {
		sp, ok := decide.Spec(view, name)
		running, _ := decide.RunningSpec(view, name)
		refers := func(u spec.ArtifactURI) bool { return u.SHA256 == sha }
		if ok && (slices.ContainsFunc(sp.Artifacts(), refers) || slices.ContainsFunc(running.Artifacts(), refers)) {
			users = append(users, "cluster "+name)
		}
	}
	return users
}
