// Package export writes the specs of clusters as objects of the Flink Kubernetes operator: the opposite of package
// kubernetes. It talks to nobody.
package export

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/flink-on-mesos/flink-service/internal/kubernetes"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// tree is an object as it is written: fields in the order of their names, but for those that begin it.
type tree map[string]any

// exporter is the work on one spec.
type exporter struct {
	spec  spec.Spec
	lines map[string]kubernetes.Line
	pod   tree // The spec of podTemplate.
	main  tree // Its main container.
}

// Deployment writes the spec of a cluster as a FlinkDeployment, with a line for each field of the spec. What is refused is not
// in the object: the deployment would miss it. An error says that the spec has no form there at all.
func Deployment(sp spec.Spec) (text []byte, lines []kubernetes.Line, err error) {
	if sp.Kind == spec.Job {
		return nil, nil, fmt.Errorf("a cluster of kind job has no form as a %s: only session and application have", kubernetes.Deployment)
	}
	e := &exporter{spec: sp.Clone(), lines: map[string]kubernetes.Line{}, pod: tree{}, main: tree{"name": kubernetes.MainContainer}}
	object := tree{"apiVersion": kubernetes.Version, "kind": kubernetes.Deployment, "metadata": e.metadata(), "spec": e.deployment()}
	text, err = yaml.Marshal(object)
	if err != nil {
		return nil, nil, fmt.Errorf("write the object: %w", err)
	}
	lines, err = e.report()
	return text, lines, err
}

// say records what becomes of a field of the spec, and of all below it.
func (e *exporter) say(field string, o kubernetes.Outcome, to, note string) {
	e.lines[field] = kubernetes.Line{Field: field, Outcome: o, To: to, Note: note}
}

func (e *exporter) metadata() tree {
	e.say("name", kubernetes.Kept, "metadata.name", "")
	m := tree{"name": e.spec.Name}
	if len(e.spec.Labels) > 0 {
		m["labels"] = e.spec.Labels
		e.say("labels", kubernetes.Kept, "metadata.labels", "")
	}
	return m
}

func (e *exporter) deployment() tree {
	s := &e.spec
	release, _, _ := strings.Cut(s.FlinkVersion, "-")
	parts := strings.Split(release, ".")
	out := tree{"serviceAccount": "flink", "image": "flink:" + release}
	if len(parts) > 1 {
		out["flinkVersion"] = "v" + parts[0] + "_" + parts[1]
	}
	e.say("flinkVersion", kubernetes.Translated, "spec.flinkVersion", "")
	e.say("kind", kubernetes.Translated, "spec.job", "is a session without a job, and an application with one")
	out["mode"] = "native"
	if s.Allocation == spec.Static {
		out["mode"] = kubernetes.Standalone
	}
	e.say("allocation", kubernetes.Translated, "spec.mode", "")
	config := e.options()
	out["jobManager"] = e.role("jobManager", s.JobManager.Resources, s.JobManager.TaskOptions)
	out["taskManager"] = e.role("taskManager", s.TaskManager.Resources, s.TaskManager.TaskOptions)
	e.counts(out, config)
	if s.Container != nil && s.Container.Image != "" {
		out["image"] = s.Container.Image
	}
	e.common(out)
	if s.Job != nil {
		out["job"] = e.job()
	}
	e.say("suspended", kubernetes.Translated, "spec.job.state", "")
	if s.RestartNonce != 0 {
		out["restartNonce"] = s.RestartNonce
		e.say("restartNonce", kubernetes.Kept, "spec.restartNonce", "")
	}
	if len(s.LogConfiguration) > 0 {
		out["logConfiguration"] = s.LogConfiguration
		e.say("logConfiguration", kubernetes.Kept, "spec.logConfiguration", "")
	}
	if len(config) > 0 {
		out["flinkConfiguration"] = config
	}
	if len(e.main) > 1 {
		e.pod["containers"] = []tree{e.main}
	}
	if len(e.pod) > 0 {
		out["podTemplate"] = tree{"spec": e.pod}
	}
	return out
}

// options are those of Flink, with the fields that are options there.
func (e *exporter) options() map[string]string {
	s := &e.spec
	config := maps.Clone(s.FlinkConfiguration)
	if config == nil {
		config = map[string]string{}
	}
	for _, key := range slices.Sorted(maps.Keys(s.FlinkConfiguration)) {
		if strings.HasPrefix(key, "high-availability") && config[key] == "zookeeper" {
			e.say("flinkConfiguration."+key, kubernetes.Kept, "spec.flinkConfiguration", "needs a ZooKeeper there, with high-availability.zookeeper.quorum; kubernetes is the other choice")
			continue
		}
		e.say("flinkConfiguration."+key, kubernetes.Kept, "spec.flinkConfiguration", "")
	}
	set := func(field, key, value string, when bool) {
		if when {
			config[key] = value
			e.say(field, kubernetes.Translated, "spec.flinkConfiguration."+key, "")
		}
	}
	r, slots := s.Recovery, max(s.TaskManager.Slots, 1)
	set("taskManager.slots", "taskmanager.numberOfTaskSlots", strconv.Itoa(slots), true)
	set("recovery.warmTaskManagers", "slotmanager.redundant-taskmanager-num", strconv.Itoa(r.WarmTaskManagers), r.WarmTaskManagers > 0)
	set("recovery.restartFailedJob", "kubernetes.operator.job.restart.failed", "true", r.RestartFailedJob)
	set("recovery.jobHealth", "kubernetes.operator.cluster.health-check.enabled", "true", r.JobHealth == spec.HealthRestart)
	if s.Job != nil && s.Job.Snapshots != nil {
		o := s.Job.Snapshots
		set("job.snapshots.periodic", "kubernetes.operator.periodic.savepoint.interval", o.Periodic, o.Periodic != "")
		set("job.snapshots.periodicCheckpoint", "kubernetes.operator.periodic.checkpoint.interval", o.PeriodicCheckpoint, o.PeriodicCheckpoint != "")
		set("job.snapshots.format", "kubernetes.operator.savepoint.format.type", strings.ToUpper(o.Format), o.Format != "")
		set("job.snapshots.retention.count", "kubernetes.operator.savepoint.history.max.count", strconv.Itoa(o.Retention.Count), o.Retention.Count > 0)
		set("job.snapshots.retention.age", "kubernetes.operator.savepoint.history.max.age", o.Retention.Age, o.Retention.Age != "")
		set("job.snapshots.retention.disabled", "kubernetes.operator.savepoint.cleanup.enabled", "false", o.Retention.Disabled)
		set("job.snapshots.directory", "execution.checkpointing.savepoint-dir", o.Directory, o.Directory != "" && s.SavepointDirectory() == "")
	}
	return config
}

// role is the section of one role.
func (e *exporter) role(name string, r spec.Resources, o spec.TaskOptions) tree {
	requests, limits := tree{}, tree{}
	number := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
	if r.CPUs != 0 {
		requests["cpu"] = number(r.CPUs)
		e.say(name+".cpus", kubernetes.Translated, "spec."+name+".resources.requests.cpu", "")
	}
	if r.Memory != 0 {
		requests["memory"] = r.Memory.String()
		e.say(name+".memory", kubernetes.Translated, "spec."+name+".resources.requests.memory", "")
	}
	if r.Disk != 0 {
		requests["ephemeral-storage"] = strconv.FormatInt(r.Disk.MiBCeil(), 10) + "Mi"
		e.say(name+".disk", kubernetes.Translated, "spec."+name+".resources.requests.ephemeral-storage", "")
	}
	if l := r.Limits; l != nil {
		e.limit(name+".resourceLimits.cpus", "cpu", limits, l.CPUs != 0, float64(l.CPUs) <= spec.MaxCPUs, number(float64(l.CPUs)))
		e.limit(name+".resourceLimits.memory", "memory", limits, l.Memory != 0, l.Memory > 0, spec.Memory(l.Memory).String())
	}
	section := tree{"resources": tree{"requests": requests}}
	if len(limits) > 0 {
		section["resources"].(tree)["limits"] = limits
	}
	pod := tree{}
	e.placement(name, r.Constraints, pod)
	if len(o.Labels) > 0 {
		e.say(name+".labels", kubernetes.Translated, "spec."+name+".podTemplate.metadata.labels", "")
	}
	if len(pod) > 0 || len(o.Labels) > 0 {
		template := tree{}
		if len(pod) > 0 {
			template["spec"] = pod
		}
		if len(o.Labels) > 0 {
			template["metadata"] = tree{"labels": o.Labels}
		}
		section["podTemplate"] = template
	}
	return section
}

func (e *exporter) limit(field, resource string, limits tree, set, bounded bool, value string) {
	switch {
	case !set:
	case bounded:
		limits[resource] = value
		e.say(field, kubernetes.Translated, "spec."+strings.Replace(field, ".resourceLimits.", ".resources.limits.", 1), "")
	default:
		e.say(field, kubernetes.Meaningless, "", "there is no limit without one")
	}
}

// literal finds the value of a rule that compares with one text.
func literal(rule []string) (value string, ok bool) {
	if len(rule) != 3 || rule[1] != "IS" && rule[1] != "LIKE" {
		return "", false
	}
	if rule[1] == "LIKE" && rule[2] != regexp.QuoteMeta(rule[2]) {
		return "", false
	}
	return rule[2], true
}

// label is the label of a node that stands for a field or attribute of an agent.
func label(name string) string {
	switch name {
	case "hostname":
		return "kubernetes.io/hostname"
	case "@zone":
		return "topology.kubernetes.io/zone"
	case "@region":
		return "topology.kubernetes.io/region"
	}
	return name
}

// placement translates the rules that Kubernetes has, too.
func (e *exporter) placement(role string, rules [][]string, pod tree) {
	selector := tree{"matchLabels": tree{"app": e.spec.Name, "component": strings.ToLower(role)}}
	nodes := tree{}
	for i, rule := range rules {
		field := fmt.Sprintf("%s.constraints[%d]", role, i)
		value, same := literal(rule)
		switch {
		case same:
			nodes[label(rule[0])] = value
			pod["nodeSelector"] = nodes
			e.say(field, kubernetes.Translated, "spec."+role+".podTemplate.spec.nodeSelector", "nodes need the label "+label(rule[0]))
		case len(rule) == 2 && rule[1] == "UNIQUE":
			pod["affinity"] = tree{"podAntiAffinity": tree{"requiredDuringSchedulingIgnoredDuringExecution": []tree{{"topologyKey": label(rule[0]), "labelSelector": selector}}}}
			e.say(field, kubernetes.Translated, "spec."+role+".podTemplate.spec.affinity", "")
		case len(rule) > 1 && rule[1] == "GROUP_BY":
			pod["topologySpreadConstraints"] = []tree{{"topologyKey": label(rule[0]), "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}}
			e.say(field, kubernetes.Translated, "spec."+role+".podTemplate.spec.topologySpreadConstraints", "")
		default:
			e.say(field, kubernetes.Refused, "", "write a node affinity: the rule is none of a text, UNIQUE and GROUP_BY")
		}
	}
}

// counts says how many processes there are.
func (e *exporter) counts(out tree, config map[string]string) {
	s := &e.spec
	if s.JobManager.Replicas > 1 {
		out["jobManager"].(tree)["replicas"] = s.JobManager.Replicas
	}
	e.say("jobManager.replicas", kubernetes.Kept, "spec.jobManager.replicas", "")
	if s.TaskManagers.Count > 0 {
		out["taskManager"].(tree)["replicas"] = s.TaskManagers.Count
		e.say("taskManagers.count", kubernetes.Translated, "spec.taskManager.replicas", "")
	}
	if s.TaskManagers.Max > 0 {
		config["slotmanager.number-of-slots.max"] = strconv.Itoa(s.TaskManagers.Max * max(s.TaskManager.Slots, 1))
		e.say("taskManagers.max", kubernetes.Translated, "spec.flinkConfiguration.slotmanager.number-of-slots.max", "")
	}
	if s.TaskManagers.Min > 0 {
		config["slotmanager.number-of-slots.min"] = strconv.Itoa(s.TaskManagers.Min * max(s.TaskManager.Slots, 1))
		e.say("taskManagers.min", kubernetes.Translated, "spec.flinkConfiguration.slotmanager.number-of-slots.min", "needs Flink 1.20 or newer")
	}
}

// common is what both roles get.
func (e *exporter) common(out tree) {
	s := &e.spec
	var env []tree
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		env = append(env, tree{"name": name, "value": s.Environment[name]})
		e.say("environment."+name, kubernetes.Translated, "spec.podTemplate.spec.containers["+kubernetes.MainContainer+"].env", "")
	}
	var mounts, volumes []tree
	mount := func(name, at string, source tree, readOnly bool) {
		m := tree{"name": name, "mountPath": at}
		if readOnly {
			m["readOnly"] = true
		}
		mounts, volumes = append(mounts, m), append(volumes, merged(source, tree{"name": name}))
	}
	for i, secret := range s.Secrets {
		field, r := fmt.Sprintf("secrets[%d]", i), secret.Reference
		switch {
		case r == nil:
			e.say(field, kubernetes.Refused, "", "its value is not shown: make a Secret there, and name it in the podTemplate")
		case secret.Environment != "":
			env = append(env, tree{"name": secret.Environment, "valueFrom": tree{"secretKeyRef": tree{"name": r.Name, "key": cmp.Or(r.Key, "value")}}})
			e.say(field, kubernetes.Translated, "spec.podTemplate.spec.containers["+kubernetes.MainContainer+"].env", "needs a Secret of that name there")
		default:
			items := []tree{{"key": cmp.Or(r.Key, "value"), "path": path.Base(secret.File)}}
			mount(fmt.Sprintf("secret-%d", i), path.Join("/", path.Dir(secret.File)), tree{"secret": tree{"secretName": r.Name, "items": items}}, true)
			e.say(field, kubernetes.Translated, "spec.podTemplate.spec.volumes", "needs a Secret of that name there")
		}
	}
	if c := s.Container; c != nil {
		e.container(c, out, mount)
	}
	if s.KillGracePeriod != "" {
		e.pod["terminationGracePeriodSeconds"] = int(s.KillGracePeriod.Or(0).Seconds())
		e.say("killGracePeriod", kubernetes.Translated, "spec.podTemplate.spec.terminationGracePeriodSeconds", "")
	}
	for name, list := range map[string][]tree{"env": env, "volumeMounts": mounts} {
		if len(list) > 0 {
			e.main[name] = list
		}
	}
	if len(volumes) > 0 {
		e.pod["volumes"] = volumes
	}
}

func (e *exporter) container(c *spec.Container, out tree, mount func(name, at string, source tree, readOnly bool)) {
	e.say("container.type", kubernetes.Meaningless, "", "containers are started by the nodes")
	e.say("container.image", kubernetes.Kept, "spec.image", "needs a Flink in it: the operator starts the one of the image")
	if c.ForcePull {
		out["imagePullPolicy"] = "Always"
		e.say("container.forcePull", kubernetes.Translated, "spec.imagePullPolicy", "")
	}
	if c.PullSecret != "" {
		e.pod["imagePullSecrets"] = []tree{{"name": c.PullSecret}}
		e.say("container.pullSecret", kubernetes.Translated, "spec.podTemplate.spec.imagePullSecrets", "needs a Secret of that name there")
	}
	for i, v := range c.Volumes {
		field, name := fmt.Sprintf("container.volumes[%d]", i), fmt.Sprintf("volume-%d", i)
		switch {
		case !path.IsAbs(v.ContainerPath) || v.External != nil:
			e.say(field, kubernetes.Refused, "", "is in the sandbox, or of a volume driver: use a claim there")
			continue
		case path.IsAbs(v.HostPath):
			mount(name, v.ContainerPath, tree{"hostPath": tree{"path": v.HostPath}}, v.Mode == spec.ReadOnly)
		default:
			mount(path.Base(v.HostPath), v.ContainerPath, tree{"emptyDir": tree{}}, v.Mode == spec.ReadOnly)
		}
		e.say(field, kubernetes.Translated, "spec.podTemplate.spec.volumes", "")
	}
	if c.Network.Mode == spec.HostNetwork {
		e.say("container.network", kubernetes.Meaningless, "", "pods have addresses of their own")
	}
}

func merged(a, b tree) tree {
	maps.Copy(a, b)
	return a
}

// imageFiles is where images have programs by custom.
const imageFiles = "local:///opt/flink/usrlib/"

// job is the program of an application.
func (e *exporter) job() tree {
	j := e.spec.Job
	out := tree{"parallelism": j.Parallelism, "upgradeMode": string(e.spec.Mode()), "state": "running"}
	if e.spec.Suspended {
		out["state"] = "suspended"
	}
	keep := func(name string, set bool, value any) {
		if set {
			out[name] = value
			e.say("job."+name, kubernetes.Kept, "spec.job."+name, "")
		}
	}
	keep("jarURI", j.JarURI != "" && !spec.IsArtifactURI(j.JarURI), j.JarURI)
	if spec.IsArtifactURI(j.JarURI) {
		out["jarURI"] = imageFiles + path.Base(j.JarURI)
		e.say("job.jarURI", kubernetes.Translated, "spec.job.jarURI", "is a file of this service: put it into an image, at that path")
	}
	if j.Python != "" {
		file := strings.TrimPrefix(imageFiles, "local://") + path.Base(j.Python)
		out["entryClass"], out["args"] = kubernetes.PythonDriver, append([]string{"-py", file}, j.Args...)
		e.say("job.python", kubernetes.Translated, "spec.job.args", "is fetched here: put it into an image, at that path")
		e.say("job.args", kubernetes.Translated, "spec.job.args", "")
	} else {
		keep("args", len(j.Args) > 0, j.Args)
	}
	keep("entryClass", j.EntryClass != "", j.EntryClass)
	keep("initialSavepointPath", j.InitialSavepointPath != "", j.InitialSavepointPath)
	keep("savepointRedeployNonce", j.SavepointRedeployNonce != 0, j.SavepointRedeployNonce)
	keep("allowNonRestoredState", j.AllowNonRestoredState, true)
	e.say("job.parallelism", kubernetes.Kept, "spec.job.parallelism", "")
	e.say("job.upgradeMode", kubernetes.Kept, "spec.job.upgradeMode", "")
	return out
}

// without are fields that a FlinkDeployment has nothing for, with what they mean there; an empty field stands for all others.
func without() []kubernetes.Line {
	return []kubernetes.Line{
		{Field: "flinkDistribution", Outcome: kubernetes.Meaningless, Note: "the Flink is that of the image"},
		{Field: "strictOptions", Outcome: kubernetes.Meaningless, Note: "the operator does not know the options of Flink"},
		{Field: "role", Outcome: kubernetes.Meaningless, Note: "there are no roles of Mesos: use a namespace with a quota"},
		{Field: "user", Outcome: kubernetes.Meaningless, Note: "the user is that of the image"},
		{Field: "recovery.jobHealth", Outcome: kubernetes.Meaningless, Note: "the operator looks at jobs and restarts them, or does not look"},
		{Field: "security.tls", Outcome: kubernetes.Refused, Note: "the operator makes no certificates: mount them, and set security.ssl.*"},
		{Field: "uris", Outcome: kubernetes.Refused, Note: "nothing is fetched there: put the files into an image, or use an init container"},
		{Field: "plugins", Outcome: kubernetes.Refused, Note: "set ENABLE_BUILT_IN_PLUGINS in the podTemplate to the names of the jars"},
		{Field: "hadoop", Outcome: kubernetes.Refused, Note: "put Hadoop into an image, and its configuration into a config map"},
		{Field: "jobManager.reserve", Outcome: kubernetes.Meaningless, Note: "nothing is reserved on nodes"},
		{Field: "", Outcome: kubernetes.Refused, Note: "has no form in a " + kubernetes.Deployment + ": write what means the same by hand"},
	}
}

// report has one line for each field of the spec that is set, in the order of their names.
func (e *exporter) report() ([]kubernetes.Line, error) {
	data, err := json.Marshal(e.spec)
	if err != nil {
		return nil, fmt.Errorf("encode the spec: %w", err)
	}
	var fields any
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("encode the spec: %w", err)
	}
	said := map[string]bool{}
	var lines []kubernetes.Line
	var walk func(field string, value any)
	walk = func(field string, value any) {
		if l, ok := e.lines[field]; ok && field != "" {
			if !said[field] {
				said[field] = true
				lines = append(lines, l)
			}
			return
		}
		switch v := value.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				walk(strings.TrimPrefix(field+"."+name, "."), v[name])
			}
			return
		case []any:
			if len(v) > 0 {
				if _, ok := e.lines[field+"[0]"]; ok {
					for i := range v {
						walk(fmt.Sprintf("%s[%d]", field, i), v[i])
					}
					return
				}
			}
		}
		for _, l := range without() {
			if l.Field == "" || field == l.Field || strings.HasPrefix(field, l.Field+".") {
				l.Field = field
				lines = append(lines, l)
				return
			}
		}
	}
	walk("", fields)
	return lines, nil
}
