package clusters

import (
	"io"
	"maps"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/document"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// maxSpec bounds a spec file, in bytes. The service has a limit of its own.
const maxSpec = 1 << 20

// SpecFlags are the flags that make or change a spec. A zero value means that the flag
// was not given.
type SpecFlags struct {
	// File is a spec in YAML or JSON, "-" for the input.
	File         string
	Kind         string
	FlinkVersion string
	// FlinkDistribution is an archive of that version: its SHA-256, or "current".
	FlinkDistribution string
	// StrictOptions is true or false; empty when the flag was not given.
	StrictOptions string
	Allocation    string
	// TaskManagers is the fixed number of a static allocation.
	TaskManagers int
	// Min and Max bound a dynamic allocation.
	Min, Max int
	Slots    int
	JM, TM   ShapeFlags
	// Configuration are key=value pairs of Flink's configuration; an empty value takes the key away.
	Configuration []string
	// Environment are NAME=value pairs.
	Environment []string
	Role        string
	User        string
	Jar         string
	JobGraph    string
	Class       string
	Parallelism int
	UpgradeMode string
	// FromSnapshot is the id of the snapshot that the job starts from; it goes beside the spec.
	FromSnapshot string
}

// ShapeFlags are the resources of one role.
type ShapeFlags struct {
	CPUs   float64
	Memory string
	Disk   string
}

// Register adds the flags to a command.
func (s *SpecFlags) Register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVarP(&s.File, "file", "f", "", "spec in YAML or JSON; - reads stdin")
	fl.StringVar(&s.Kind, "kind", "", "session, application or job (default session)")
	fl.StringVar(&s.FlinkVersion, "flink-version", "", "version of Flink, such as 2.3, 1.20.5 or 2.3-slim")
	fl.StringVar(&s.FlinkDistribution, "flink-distribution", "", "archive of that version: \"current\" is the one of new clusters, or a SHA-256")
	fl.StringVar(&s.StrictOptions, "strict-options", "", "refuse Flink options that the version does not know, instead of a note (true or false)")
	fl.Lookup("strict-options").NoOptDefVal = "true"
	fl.StringVar(&s.Allocation, "allocation", "", "dynamic (Flink asks for TaskManagers) or static")
	fl.IntVar(&s.TaskManagers, "task-managers", 0, "fixed number of TaskManagers (static allocation)")
	fl.IntVar(&s.Min, "min-task-managers", 0, "minimum number of TaskManagers (dynamic allocation)")
	fl.IntVar(&s.Max, "max-task-managers", 0, "maximum number of TaskManagers (dynamic allocation); 0 is unlimited")
	fl.IntVar(&s.Slots, "slots", 0, "slots of one TaskManager")
	fl.Float64Var(&s.JM.CPUs, "jm-cpus", 0, "cpus of the JobManager")
	fl.StringVar(&s.JM.Memory, "jm-memory", "", "process memory of the JobManager, such as 1600m")
	fl.StringVar(&s.JM.Disk, "jm-disk", "", "disk of the JobManager, such as 1g")
	fl.Float64Var(&s.TM.CPUs, "tm-cpus", 0, "cpus of one TaskManager")
	fl.StringVar(&s.TM.Memory, "tm-memory", "", "process memory of one TaskManager, such as 2g")
	fl.StringVar(&s.TM.Disk, "tm-disk", "", "disk of one TaskManager, such as 10g")
	fl.StringArrayVarP(&s.Configuration, "define", "D", nil, "Flink option key=value; key= removes it (repeatable)")
	fl.StringArrayVarP(&s.Environment, "env", "e", nil, "environment variable NAME=value of every task (repeatable)")
	fl.StringVar(&s.Role, "role", "", "Mesos role whose resources are used")
	fl.StringVar(&s.User, "user", "", "operating system user of the tasks")
	fl.StringVar(&s.Jar, "jar-uri", "", "jar of an application or job cluster: artifact:… or a URI")
	fl.StringVar(&s.JobGraph, "job-graph-uri", "", "serialized job graph of a job cluster")
	fl.StringVar(&s.Class, "class", "", "class with the main method (application or job cluster)")
	fl.IntVar(&s.Parallelism, "parallelism", 0, "parallelism of the job (application or job cluster)")
	fl.StringVar(&s.UpgradeMode, "upgrade-mode", "", "what becomes of the job when the cluster changes: stateless, last-state or savepoint")
	fl.StringVar(&s.FromSnapshot, "from-snapshot", "", "id of the snapshot that the job starts from, whatever newer state there is")
}

// Apply changes a spec as the flags say. The file, if any, has been read before.
func (s *SpecFlags) Apply(sp *spec.Spec) error {
	for _, n := range []struct {
		flag  string
		value int
	}{
		{"--task-managers", s.TaskManagers},
		{"--min-task-managers", s.Min},
		{"--max-task-managers", s.Max},
		{"--slots", s.Slots},
		{"--parallelism", s.Parallelism},
	} {
		if n.value < 0 {
			return command.Flagf("%s %d: use a number above 0", n.flag, n.value)
		}
	}
	switch s.StrictOptions {
	case "":
	case "true", "false":
		sp.StrictOptions = s.StrictOptions == "true"
	default:
		return command.Flagf("--strict-options %q: use true or false", s.StrictOptions)
	}
	set(&sp.Kind, spec.Kind(s.Kind))
	set(&sp.FlinkVersion, s.FlinkVersion)
	set(&sp.FlinkDistribution, s.FlinkDistribution)
	set(&sp.Allocation, spec.Allocation(s.Allocation))
	set(&sp.TaskManager.Slots, s.Slots)
	set(&sp.TaskManagers.Min, s.Min)
	set(&sp.TaskManagers.Max, s.Max)
	set(&sp.Role, s.Role)
	set(&sp.User, s.User)
	if s.TaskManagers > 0 {
		if spec.Allocation(s.Allocation) == spec.Dynamic {
			return command.Flagf("--task-managers is for static allocation: with dynamic allocation give --min-task-managers and --max-task-managers")
		}
		sp.Allocation = spec.Static
		sp.TaskManagers = spec.TaskManagers{Count: s.TaskManagers}
	}
	if err := s.JM.apply("jm", &sp.JobManager.Resources); err != nil {
		return err
	}
	if err := s.TM.apply("tm", &sp.TaskManager.Resources); err != nil {
		return err
	}
	var err error
	if sp.FlinkConfiguration, err = pairs("-D", sp.FlinkConfiguration, s.Configuration); err != nil {
		return err
	}
	if sp.Environment, err = pairs("--env", sp.Environment, s.Environment); err != nil {
		return err
	}
	s.applyJob(sp)
	if sp.Kind == "" {
		sp.Kind = spec.Session
		if sp.Job != nil {
			sp.Kind = spec.Application
		}
	}
	return nil
}

// applyJob changes the program of an application or job cluster.
func (s *SpecFlags) applyJob(sp *spec.Spec) {
	if s.Jar == "" && s.JobGraph == "" && s.Class == "" && s.Parallelism == 0 && s.UpgradeMode == "" {
		return
	}
	job := spec.JobSpec{}
	if sp.Job != nil {
		job = *sp.Job
	}
	set(&job.JarURI, s.Jar)
	set(&job.JobGraphURI, s.JobGraph)
	set(&job.EntryClass, s.Class)
	set(&job.Parallelism, s.Parallelism)
	set(&job.UpgradeMode, spec.UpgradeMode(s.UpgradeMode))
	sp.Job = &job
}

// apply changes the resources of a role.
func (s ShapeFlags) apply(prefix string, r *spec.Resources) error {
	if s.CPUs < 0 {
		return command.Flagf("--%s-cpus %v: use a number above 0", prefix, s.CPUs)
	}
	set(&r.CPUs, s.CPUs)
	for _, m := range []struct {
		flag, text string
		to         *spec.Memory
	}{{"memory", s.Memory, &r.Memory}, {"disk", s.Disk, &r.Disk}} {
		if m.text == "" {
			continue
		}
		v, err := spec.ParseMemory(m.text)
		if err != nil {
			return command.Flagf("--%s-%s: %w", prefix, m.flag, err)
		}
		*m.to = v
	}
	return nil
}

// set changes a value when a flag was given.
func set[T comparable](to *T, value T) {
	var none T
	if value != none {
		*to = value
	}
}

// pairs applies key=value pairs to a copy of a map.
func pairs(flag string, to map[string]string, list []string) (map[string]string, error) {
	if len(list) == 0 {
		return to, nil
	}
	out := make(map[string]string, len(to)+len(list))
	maps.Copy(out, to)
	for _, p := range list {
		key, value, ok := strings.Cut(p, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return nil, command.Flagf("%s %q: write it as key=value", flag, p)
		}
		if value == "" {
			delete(out, key)
			continue
		}
		out[key] = value
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// Read reads the spec file; without one the spec is empty. The name given as argument
// wins only over an absent one.
func (s *SpecFlags) Read(f *command.Factory, name string) (spec.Spec, error) {
	var spec spec.Spec
	if s.File != "" {
		in := f.Streams.In
		if s.File != "-" {
			file, err := f.Open(s.File)
			if err != nil {
				return spec, command.Usagef("read the spec: %w", err)
			}
			defer file.Close()
			in = file
		}
		data, err := io.ReadAll(io.LimitReader(in, maxSpec+1))
		if err != nil {
			return spec, command.Usagef("read the spec: %w", err)
		}
		if len(data) > maxSpec {
			return spec, command.Usagef("spec %s is larger than %d KiB: name a spec, not a jar", s.File, maxSpec>>10)
		}
		if err := document.Unmarshal(data, document.FormatOf(data), "the spec in "+s.File, &spec); err != nil {
			return spec, &command.Error{Code: command.ExitUsage, Err: err}
		}
	}
	switch {
	case name == "" && spec.Name == "":
		return spec, command.Flagf("NAME is missing: give it as an argument, or as name in the spec")
	case name != "" && spec.Name != "" && name != spec.Name:
		return spec, command.Usagef("the spec is of cluster %q, the argument says %q: give the name once", spec.Name, name)
	case name != "":
		spec.Name = name
	}
	return spec, nil
}
