package api

import (
	"fmt"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/core/revision"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// ArtifactUsers names the clusters whose spec refers to an artifact, in order, and the revisions of a spec that do and are
// kept on purpose: those with a tag, and the last stable one. It is what artifact.Options.InUse asks for.
func ArtifactUsers(vw *state.State, sha string) []string {
	var users []string
	refers := func(s spec.Spec) bool {
		return slices.ContainsFunc(s.Artifacts(), func(u spec.ArtifactURI) bool { return u.SHA256 == sha })
	}
	for _, name := range view.Names(vw) {
		sp, ok := view.Spec(vw, name)
		running, _ := view.RunningSpec(vw, name)
		if ok && (refers(sp) || refers(running)) {
			users = append(users, "cluster "+name)
			continue
		}
		list := vw.RevisionsOf(name)
		stable := revision.LastStable(list)
		for _, r := range list {
			if (r == stable || r.Tag != "") && refers(r.Spec) {
				users = append(users, fmt.Sprintf("revision %d of cluster %s", r.Number, name))
			}
		}
	}
	return users
}
