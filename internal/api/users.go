package api

import (
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/decide"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// ArtifactUsers names the clusters whose spec refers to an artifact, in order: what artifact.Options.InUse asks for.
func ArtifactUsers(view *decide.State, sha string) []string {
	var users []string
	for _, name := range decide.Names(view) {
		spec, ok := decide.Spec(view, name)
		running, _ := decide.RunningSpec(view, name)
		if ok && (uses(spec, sha) || uses(running, sha)) {
			users = append(users, "cluster "+name)
		}
	}
	return users
}

func uses(spec spec.Spec, sha string) bool {
	refers := func(uri string) bool { return strings.HasPrefix(uri, "artifact:"+sha+"/") }
	if j := spec.Job; j != nil && (refers(j.JarURI) || refers(j.JobGraphURI) || refers(j.Python)) {
		return true
	}
	if k := spec.Kerberos; k != nil && refers(k.KeytabURI) {
		return true
	}
	for _, u := range spec.URIs {
		if refers(u.Value) {
			return true
		}
	}
	return false
}
