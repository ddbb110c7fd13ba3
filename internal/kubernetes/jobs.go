package kubernetes

import (
	"cmp"
	"maps"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// sessionJob translates a FlinkSessionJob into an application of its own, which Link shapes as its session.
func (t *translation) sessionJob(top field) {
	t.spec.Kind = spec.Application
	t.spec.Job = &spec.JobSpec{}
	t.object(top, func(f field) {
		f.each(handlers{
			"deploymentName": func(f field) {
				if _, ok := f.text(); !ok {
					return
				}
				if !t.o.SessionJobs {
					f.refuse("jobs of a session are submitted to it here: dcos flink job run SESSION JAR; or make the job a cluster of its own, shaped as its session, with --session-jobs-as-applications")
					return
				}
				f.translate("kind", "is an application of its own, shaped as the session")
			},
			"job":                t.job,
			"flinkConfiguration": t.flinkConfiguration,
			"restartNonce":       t.restartNonce,
		})
		if f.child("deploymentName") == "" {
			field{t, f.path + ".deploymentName", f.node}.refuse("is missing")
		}
	})
	t.finish()
}

// snapshot translates a FlinkStateSnapshot.
func (t *translation) snapshot(top field) *SnapshotOf {
	got := &SnapshotOf{}
	t.object(top, func(f field) {
		f.each(handlers{
			"backoffLimit": nothing("a snapshot that fails is tried again as job.snapshots.retries says"),
			"jobReference": func(f field) {
				got.Cluster = f.child("name")
				switch f.child("kind") {
				case Deployment:
					f.translate("cluster", "")
				case SessionJob:
					if t.o.SessionJobs {
						f.translate("cluster", "is the application that the job becomes")
						return
					}
					f.refuse("jobs of a session have no names here: dcos flink snapshot create SESSION --job ID")
				default:
					f.refuse("has a kind that is neither " + Deployment + " nor " + SessionJob)
				}
			},
			"checkpoint": func(f field) {
				got.Request.Kind = wire.RestoreCheckpoint
				f.translate("kind", "is taken when the object is applied")
			},
			"savepoint": func(f field) { savepoint(f, &got.Request) },
		})
		if lookup(f.node, "checkpoint") == nil && lookup(f.node, "savepoint") == nil {
			f.refuse("says neither checkpoint nor savepoint")
		}
	})
	return got
}

// savepoint translates what kind of savepoint is asked for, or which one exists.
func savepoint(f field, r *wire.SnapshotRequest) {
	exists := f.child("alreadyExists") == "true"
	f.each(handlers{
		"path": func(f field) {
			path, ok := f.text()
			switch {
			case !ok:
			case exists:
				r.Path = path
				f.translate("path", "")
			default:
				r.Directory = path
				f.translate("directory", "")
			}
		},
		"formatType": func(f field) {
			format, ok := f.text()
			if ok && !exists {
				r.Format = strings.ToLower(format)
				f.translate("format", "")
			} else if ok {
				f.meaningless("is in the savepoint")
			}
		},
		"alreadyExists": func(f field) {
			if exists {
				f.translate("path", "the savepoint is adopted")
			} else {
				f.meaningless("a savepoint is taken when the object is applied")
			}
		},
		"disposeOnDelete": func(f field) {
			yes, ok := f.truth()
			switch {
			case !ok:
			case yes && exists:
				f.refuse("the files of an adopted savepoint are never removed: write false")
			case yes:
				f.meaningless("dcos flink snapshot delete removes the files of a savepoint, too")
			default:
				f.meaningless("dcos flink snapshot delete --keep-files leaves the files of a savepoint")
			}
		},
	})
	if exists && r.Path == "" {
		field{f.t, f.path + ".path", f.node}.refuse("is missing: name the savepoint that exists")
	}
}

// Link completes objects by others: an application that was a job of a session gets the shape of it, and an existing
// savepoint without a job is that of the cluster that starts from it. Sessions that are not among the objects are looked
// for in running, by name.
func Link(objects []Object, running map[string]spec.Spec) {
	shapes := maps.Clone(running)
	if shapes == nil {
		shapes = map[string]spec.Spec{}
	}
	starts := map[string]string{}
	for _, o := range objects {
		if o.Spec == nil {
			continue
		}
		if o.Kind == Deployment {
			shapes[o.Name] = *o.Spec
		}
		if o.Spec.Job != nil {
			starts[o.Spec.Job.InitialSavepointPath] = o.Name
		}
	}
	for i := range objects {
		o := &objects[i]
		switch {
		case o.Kind == SessionJob && o.Spec != nil && o.Session != "":
			o.shape(shapes)
		case o.Snapshot != nil && o.Snapshot.Cluster == "":
			o.Snapshot.Cluster = starts[cmp.Or(o.Snapshot.Request.Path, "-")]
			if o.Snapshot.Cluster == "" {
				o.Lines = append(o.Lines, Line{Field: "spec.jobReference", Outcome: Refused, Note: "is missing, and no cluster here starts from the savepoint: name the cluster, or use dcos flink snapshot adopt CLUSTER PATH"})
				continue
			}
			o.Lines = append(o.Lines, Line{Field: "spec.jobReference", Outcome: Translated, To: "cluster", Note: "is the cluster that starts from the savepoint"})
		}
	}
}

// shape gives the application of a job everything of its session but what the job says itself.
func (o *Object) shape(sessions map[string]spec.Spec) {
	session, ok := sessions[o.Session]
	if !ok {
		o.Lines = append(o.Lines, Line{Field: "spec.deploymentName", Outcome: Refused, Note: "names a session that is neither in the files nor in the service: apply it first"})
		return
	}
	shaped := session.Clone()
	shaped.Name, shaped.Kind, shaped.Job = o.Spec.Name, spec.Application, o.Spec.Job
	shaped.RestartNonce, shaped.Suspended, shaped.FlinkDistribution = o.Spec.RestartNonce, o.Spec.Suspended, ""
	shaped.Allocation, shaped.TaskManagers = "", spec.TaskManagers{}
	if shaped.FlinkConfiguration == nil {
		shaped.FlinkConfiguration = map[string]string{}
	}
	maps.Copy(shaped.FlinkConfiguration, o.Spec.FlinkConfiguration)
	shaped.Labels = o.Spec.Labels // Those of the session would have it pruned with the session.
	*o.Spec = shaped
}
