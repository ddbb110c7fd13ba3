// Package admit is the one way in for the spec of a cluster: whether the API, the environment of the service or the files
// of flink-mesos bring it. A spec that is admitted can be stored and started; of one that is not, every problem is told at
// once, each with the JSON path of its field.
//
// The package owns the order of the steps and what they have in common. What a spec is and which values its fields take is
// known to package cluster, what Flink makes of its configuration to package flink, and what the options of flink-mesos
// mean to package legacy. It changes nothing and talks to nobody: what is there is asked through [Options].
package admit

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
	"github.com/flink-on-mesos/flink-service/internal/document"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/flink/requirement"
	"github.com/flink-on-mesos/flink-service/internal/flinkmesos"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Options are what the service offers to clusters. A function that is nil is not asked.
type Options struct {
	// Defaults complete a spec; Rules are the limits that this service sets.
	Defaults spec.Defaults
	Rules    spec.Rules
	// Pin names the Flink archive that a complete spec gets, given the spec that the cluster has now.
	Pin func(s, stored spec.Spec) (spec.Spec, error)
	// Flink finds the distribution of a complete spec. Its error says which there are.
	Flink func(spec.Spec) (dist.Manifest, error)
	// Flinks are all distributions of the service. A refusal names those that have what is missing.
	Flinks []dist.Manifest
	// Configuration is what Flink is configured with, including what the service adds; nil adds nothing.
	Configuration func(spec.Spec) map[string]string
	// Artifact returns an error when an uploaded file is not there.
	Artifact func(spec.ArtifactURI) error
	// SecretFile returns an error when a file of SECRETS_DIR cannot be read.
	SecretFile func(name string) error
	// HighAvailability returns an error when what the cluster keeps in ZooKeeper cannot be found, and a note when the
	// service could not look after it.
	HighAvailability func(spec.Spec) (note string, err error)
	// ZooKeeper and StorageDir are what highly available clusters get that name none; empty for nothing.
	ZooKeeper, StorageDir string
}

// Admission admits specs. It is safe for use by several goroutines.
type Admission struct{ o Options }

// New returns an Admission.
func New(o Options) *Admission { return &Admission{o: o} }

// Admit makes a spec that can be stored out of one that was sent: masked secrets get the value that stored has for them,
// options of Flink that have a field of their own move there, open fields get their defaults, and everything is
// checked. stored is the spec that the cluster has now, or the zero value. The notes are for the history of the cluster.
// The error is a fault.Invalid with every problem.
func (a *Admission) Admit(sent, stored spec.Spec) (spec.Spec, []string, error) {
	var l fault.List
	sp := redact.Restore(&l, sent, stored)
	if sp.RestartNonce == 0 {
		// A spec kept in a file knows nothing of restarts made by hand; putting it again is not one.
		sp.RestartNonce = stored.RestartNonce
	}
	sp, notes := adopt(&l, sp)
	sp = sp.Complete(a.o.Defaults)
	addErr(&l, "", sp.Validate(a.o.Rules))
	sp = a.pin(&l, sp, stored)
	notes = append(notes, a.checkDistribution(&l, sp)...)
	a.checkArtifacts(&l, sp)
	a.checkSecretFiles(&l, sp)
	notes = append(notes, a.checkHighAvailability(&l, sp)...)
	checkPortOptions(&l, sp)
	checkAutoscaler(&l, sp)
	checkMemory(&l, sp)
	if err := l.Err("the cluster's spec is not valid"); err != nil {
		return spec.Spec{}, nil, once(err)
	}
	return sp, notes, nil
}

// checkAutoscaler looks at the options of the autoscaler.
func checkAutoscaler(l *fault.List, s spec.Spec) {
	_, err := settings.Parse(s.FlinkConfiguration, nil)
	for _, e := range settings.Errors(err) {
		l.Add("flinkConfiguration."+e.Option, "%s", e.Message)
	}
}

// once leaves out problems that two steps have told alike.
func once(err error) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	told := map[fault.Detail]bool{}
	e.Details = slices.DeleteFunc(e.Details, func(d fault.Detail) bool {
		again := told[d]
		told[d] = true
		return again
	})
	return e
}

// AdmitText admits a new cluster whose spec is text: JSON, YAML, or base64 of one of them.
func (a *Admission) AdmitText(text []byte) (spec.Spec, []string, error) {
	var sent spec.Spec
	if err := document.UnmarshalText(text, "the spec", &sent); err != nil {
		return spec.Spec{}, nil, err
	}
	return a.Admit(sent, spec.Spec{})
}

// adopt moves what Flink's configuration says into the fields of the spec that mean the same: first the options of
// flink-mesos, then sizes. Options that cannot be adopted are problems, and are left out of what is checked further.
func adopt(l *fault.List, spec spec.Spec) (spec.Spec, []string) {
	adopted, lines, err := flinkmesos.Adopt(spec)
	if err != nil {
		addErr(l, "flinkConfiguration", err)
		adopted = spec
		adopted.FlinkConfiguration = maps.Clone(spec.FlinkConfiguration)
		maps.DeleteFunc(adopted.FlinkConfiguration, func(key, _ string) bool { return flinkmesos.IsOption(key) })
	}
	var notes []string
	for _, line := range lines {
		notes = append(notes, string(line.Outcome)+": "+line.Note)
	}
	sized, err := flink.Adopt(adopted)
	if err != nil {
		addErr(l, "flinkConfiguration", err)
		refused, _ := errors.AsType[flink.Problems](err)
		for _, p := range refused {
			delete(adopted.FlinkConfiguration, p.Option)
		}
		if sized, err = flink.Adopt(adopted); err != nil {
			sized = adopted // What is left depends on what was refused.
		}
	}
	return sized, notes
}

// addErr adds the problems of an error; those of package flink get the field before their option.
func addErr(l *fault.List, field string, err error) {
	if err == nil {
		return
	}
	if list, ok := errors.AsType[flink.Problems](err); ok {
		for _, p := range list {
			l.Add(field+"."+p.Option, "%s", p.Message)
		}
		return
	}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		l.AddErr(e)
		return
	}
	l.Add(field, "%v", err)
}

func (a *Admission) pin(l *fault.List, s, stored spec.Spec) spec.Spec {
	if a.o.Pin == nil {
		return s
	}
	pinned, err := a.o.Pin(s, stored)
	if err != nil {
		l.Add("flinkDistribution", "%v", err)
		return s
	}
	return pinned
}

// checkDistribution looks for the Flink of the spec, and for what the spec needs of it. Notes tell of options that look
// misspelt, unless the spec has those refused.
func (a *Admission) checkDistribution(l *fault.List, s spec.Spec) (notes []string) {
	if a.o.Flink == nil {
		return nil
	}
	d, err := a.o.Flink(s)
	if err != nil {
		l.Add("flinkVersion", "%v", err)
		return nil
	}
	config := s.FlinkConfiguration
	if a.o.Configuration != nil {
		config = a.o.Configuration(s)
	}
	for _, p := range requirement.Check(d, s, config) {
		if have := requirement.Elsewhere(a.o.Flinks, p, s, config); len(have) > 0 {
			p.Message += fmt.Sprintf(" (in this service Flink %s has it)", strings.Join(have, ", "))
		}
		l.Add(p.Field, "%s", p.Message)
	}
	for _, u := range requirement.UnknownOptions(d, s.FlinkConfiguration) {
		switch {
		case s.StrictOptions:
			l.Add("flinkConfiguration."+u.Key, "%s", u)
		case u.Near != "":
			notes = append(notes, u.String())
		}
	}
	return notes
}

// checkArtifacts looks whether uploaded files that a spec names are there: a task could not fetch them.
func (a *Admission) checkArtifacts(l *fault.List, s spec.Spec) {
	if a.o.Artifact == nil {
		return
	}
	for _, at := range s.Locations() {
		u, err := spec.ParseArtifactURI(*at.URI)
		if err != nil {
			continue // It is no artifact, or Validate has told what is wrong with its URI.
		}
		if err := a.o.Artifact(u); err != nil {
			l.Add(at.Field, "%v: upload the file first and use the URI that the upload answers", err)
		}
	}
}

// checkSecretFiles looks whether the files of SECRETS_DIR that a spec names are there.
func (a *Admission) checkSecretFiles(l *fault.List, s spec.Spec) {
	if a.o.SecretFile == nil {
		return
	}
	for _, at := range s.SecretFiles() {
		if err := a.o.SecretFile(at.Name); err != nil {
			l.Add(at.Field, "%v", err)
		}
	}
}

// checkHighAvailability looks whether Flink will find what it needs to keep its leader and its jobs in ZooKeeper.
func (a *Admission) checkHighAvailability(l *fault.List, s spec.Spec) (notes []string) {
	if !s.ZooKeeperHA() {
		return nil
	}
	if a.o.HighAvailability != nil {
		note, err := a.o.HighAvailability(s)
		if err != nil {
			l.Add("flinkConfiguration", "%v", err)
		}
		if note != "" {
			notes = append(notes, note)
		}
	}
	set := func(options ...string) bool {
		return slices.ContainsFunc(options, func(o string) bool { return strings.TrimSpace(s.FlinkConfiguration[o]) != "" })
	}
	if a.o.StorageDir == "" && !set("high-availability.storageDir", "high-availability.zookeeper.storageDir", "recovery.zookeeper.storageDir") {
		l.Add("flinkConfiguration.high-availability.storageDir", "is missing: name a directory that every agent reaches, such as hdfs:///flink/ha, or have an operator set HA_STORAGE_DIR")
	}
	if a.o.ZooKeeper == "" && !set("high-availability.zookeeper.quorum", "recovery.zookeeper.quorum") {
		l.Add("flinkConfiguration.high-availability.zookeeper.quorum", "is missing: write host:port, separated by commas, or have an operator set ZOOKEEPER")
	}
	return notes
}

// checkPortOptions refuses ports for options that only the service can set.
func checkPortOptions(l *fault.List, s spec.Spec) {
	for _, kind := range []struct {
		field string
		ports []spec.Port
	}{{"jobManager", s.JobManager.Ports}, {"taskManager", s.TaskManager.Ports}} {
		for i, port := range kind.ports {
			if port.Option == "" {
				continue
			}
			list, _ := errors.AsType[flink.Problems](flink.CheckConfiguration(map[string]string{port.Option: "1"}))
			for _, p := range list {
				l.Add(fmt.Sprintf("%s.ports[%d].option", kind.field, i), "%s", p.Message)
			}
		}
	}
}

// checkMemory has package flink divide the memory of both kinds of process, which not every size allows.
func checkMemory(l *fault.List, s spec.Spec) {
	config := flink.Configuration(s, nil)
	_, err := flink.SplitJobManager(config)
	addErr(l, "flinkConfiguration", err)
	_, err = flink.SplitTaskManager(config)
	addErr(l, "flinkConfiguration", err)
}
