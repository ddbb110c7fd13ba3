// Package kubernetes translates the objects of the Flink Kubernetes operator (flink.apache.org/v1beta1) into specs of
// clusters and requests for snapshots, and specs back into a FlinkDeployment. Each field of an object gets one line: it is
// kept, translated, meaningless here, or refused with the reason and the way out. Nothing is dropped without a line.
//
// The package reads text and returns values. It talks to nobody, and never puts the value of an option or of a variable
// into a note.
package kubernetes

import (
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Outcome is what becomes of a field.
type Outcome string

// The outcomes.
const (
	// Kept: the field is in the spec under the same name, with the same value.
	Kept Outcome = "kept"
	// Translated: another field of the spec has its meaning.
	Translated Outcome = "translated"
	// Meaningless: the field has no meaning here, and the cluster does not miss it.
	Meaningless Outcome = "meaningless"
	// Refused: the cluster would miss what the field asks for. An object with such a line is not applied.
	Refused Outcome = "refused"
	// Ignored: the field would be refused, and the caller asked for it to be left out.
	Ignored Outcome = "ignored"
)

// Line says what became of one field.
type Line struct {
	// Field is its path in the object, such as spec.podTemplate.spec.containers[flink-main-container].env[TZ].
	Field   string  `json:"field"`
	Outcome Outcome `json:"outcome"`
	// To is the field of the spec that has it now, for what is kept or translated.
	To string `json:"to,omitempty"`
	// Note gives the reason and the way out, or what to look at.
	Note string `json:"note,omitempty"`
}

// The kinds of object that are translated.
const (
	Deployment = "FlinkDeployment"
	SessionJob = "FlinkSessionJob"
	Snapshot   = "FlinkStateSnapshot"
)

// Object is one object and what it becomes.
type Object struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Row is the line of the text on which it begins.
	Row int `json:"row"`
	// Spec is that of the cluster, for a FlinkDeployment and a FlinkSessionJob that becomes a cluster of its own.
	Spec *spec.Spec `json:"spec,omitempty"`
	// Session is the cluster that a FlinkSessionJob belongs to.
	Session string `json:"session,omitempty"`
	// Snapshot is what to ask for, for a FlinkStateSnapshot.
	Snapshot *SnapshotOf `json:"snapshot,omitempty"`
	Lines    []Line      `json:"lines"`
}

// SnapshotOf is a request for a snapshot of a cluster.
type SnapshotOf struct {
	Cluster string               `json:"cluster"`
	Request wire.SnapshotRequest `json:"request"`
}

// Refused lists the lines that keep the object from being applied.
func (o Object) Refused() []Line {
	var all []Line
	for _, l := range o.Lines {
		if l.Outcome == Refused {
			all = append(all, l)
		}
	}
	return all
}

// Options say how objects are translated.
type Options struct {
	// Jars has the URI that takes the place of a file in an image, by its local:// URI.
	Jars map[string]string
	// Ignore are paths of fields that are left out instead of refused, with all below them.
	Ignore []string
	// KeepImages keeps the official images of Flink, too. They are left out otherwise, since the service brings Flink
	// and Java.
	KeepImages bool
	// SessionJobs makes a FlinkSessionJob an application cluster of its own, shaped as its session.
	SessionJobs bool
}
