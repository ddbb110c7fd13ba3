package wire

import (
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// OldFiles are the files of an installation of flink-mesos, each as its text. At least one of them is there.
type OldFiles struct {
	// Name is that of the cluster to be; empty takes the last part of the app's id, else "flink".
	Name string `json:"name,omitempty"`
	// FlinkConf is a flink-conf.yaml: a line for each option, key and value divided by a colon and a blank.
	FlinkConf string `json:"flinkConf,omitempty"`
	// ConfigYAML is a config.yaml as Flink reads it since 1.19: YAML, in which options may be nested. There is it or FlinkConf.
	ConfigYAML string `json:"configYAML,omitempty"`
	// MarathonApp is the Marathon app that ran mesos-appmaster.sh, as JSON.
	MarathonApp string `json:"marathonApp,omitempty"`
}

// Imported is what became of OldFiles.
type Imported struct {
	// Spec creates the cluster.
	Spec spec.Spec `json:"spec"`
	// Lines say what became of each key, in the order of the files.
	Lines []ImportLine `json:"lines"`
	// Problems are what this service would refuse about the spec; none means that it can be created as it is.
	Problems []fault.Detail `json:"problems,omitempty"`
}

// ImportLine says what became of one key of an old file.
type ImportLine struct {
	// Source is the file: flink-conf.yaml, config.yaml or app.json.
	Source string `json:"source"`
	Key    string `json:"key"`
	// Outcome is kept, translated, obsolete or refused.
	Outcome string `json:"outcome"`
	// Field is where the spec has it now, for what is kept or translated.
	Field string `json:"field,omitempty"`
	// Note gives the reason, or what to look at.
	Note string `json:"note,omitempty"`
}
