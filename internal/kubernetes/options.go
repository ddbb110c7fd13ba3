package kubernetes

import (
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// flinkConfiguration translates the options, which may be nested as in Flink's config.yaml.
func (t *translation) flinkConfiguration(f field) {
	t.flatten(f, "", f)
}

// flatten visits every option below a field; elements of a list are joined by semicolons, as the operator does.
func (t *translation) flatten(top field, key string, f field) {
	switch f.node.Kind { //nolint:exhaustive // Anchors are refused before.
	case yaml.MappingNode:
		f.all(func(name string, child field) {
			if key != "" {
				name = key + "." + name
			}
			child.path = top.path + "." + name
			t.flatten(top, name, child)
		})
	case yaml.SequenceNode:
		t.option(key, strings.Join(texts(f), ";"), f)
	default:
		t.option(key, f.node.Value, f)
	}
}

// setOption sets an option of Flink; an argument and an option may say the same.
func (t *translation) setOption(key, value string, f field) {
	t.config[key], t.options[key] = value, f
}

// option decides about one option.
func (t *translation) option(key, value string, f field) {
	if _, twice := t.options[key]; twice {
		f.refuse("is set twice: once nested and once not")
		return
	}
	t.options[key] = f
	if translate := t.translated()[key]; translate != nil {
		translate(value, f)
		return
	}
	for _, p := range []struct {
		prefix string
		decide func(t *translation, key, value string, f field) bool
	}{
		{"kubernetes.operator.", (*translation).operatorOption},
		{"kubernetes.", (*translation).kubernetesOption},
		{"high-availability.kubernetes.", (*translation).noLeaders},
		{"containerized.", (*translation).containerized},
	} {
		if strings.HasPrefix(key, p.prefix) {
			if p.decide(t, key, value, f) {
				return
			}
			break
		}
	}
	t.config[key] = value
	f.keep("flinkConfiguration", note(key, value))
}

// note says what to look at in an option that is kept.
func note(key, value string) string {
	switch {
	case strings.HasPrefix(key, "job.autoscaler."):
		return "is an option of the service's autoscaler, too"
	case strings.HasPrefix(value, "file:") && (strings.HasSuffix(key, "dir") || strings.HasSuffix(key, "Dir")):
		return "must be a directory that all agents share"
	}
	return ""
}

// translated are options of Flink that a field stands for.
func (t *translation) translated() map[string]func(value string, f field) {
	sp := &t.spec
	all := map[string]func(string, field){
		"taskmanager.numberOfTaskSlots":          whole("taskManager.slots", &sp.TaskManager.Slots),
		"high-availability.type":                 t.highAvailability("high-availability.type"),
		"high-availability":                      t.highAvailability("high-availability"),
		"kubernetes.jobmanager.replicas":         whole("jobManager.replicas", &sp.JobManager.Replicas),
		"kubernetes.env.secretKeyRef":            t.secretVariables,
		"kubernetes.container.image.ref":         func(_ string, f field) { t.image(&t.base)(f) },
		"kubernetes.container.image":             func(_ string, f field) { t.image(&t.base)(f) },
		"kubernetes.container.image.pull-policy": func(_ string, f field) { pullPolicy(&t.base)(f) },
		"parallelism.default": func(value string, f field) {
			if sp.Job == nil && lookup(t.root, "spec", "job") == nil {
				t.config["parallelism.default"] = value
				f.keep("flinkConfiguration", "")
				return
			}
			f.meaningless("is replaced by job.parallelism")
		},
	}
	for _, r := range []struct {
		name, section string
		pod           *pod
		resources     *spec.Resources
		size          string
	}{
		{"jobmanager", "jobManager", &t.jobManager, &sp.JobManager.Resources, "jobmanager.memory.process.size"},
		{"taskmanager", "taskManager", &t.taskManager, &sp.TaskManager.Resources, "taskmanager.memory.process.size"},
	} {
		cpus := t.cpuOption(r.section, r.resources)
		all["kubernetes."+r.name+".cpu"], all["kubernetes."+r.name+".cpu.amount"] = cpus, cpus
		all["kubernetes."+r.name+".labels"] = pairs("labels", func(k, v string) {
			if r.pod.labels == nil {
				r.pod.labels = map[string]string{}
			}
			r.pod.labels[k] = v
		})
		all["kubernetes."+r.name+".node-selector"] = pairs(r.section+".constraints", func(k, v string) {
			r.pod.constraints = append(r.pod.constraints, []string{attribute(k), "LIKE", regexp.QuoteMeta(v)})
		})
		all[r.size] = func(value string, f field) {
			section := field{t, "", lookup(t.root, "spec", r.section)}
			if section.child("resource", "memory")+section.child("resources", "requests", "memory")+section.child("resources", "limits", "memory") != "" {
				f.meaningless("is replaced by the memory of spec." + r.section)
				return
			}
			memory(r.section+".memory", &r.resources.Memory)(f)
		}
	}
	return all
}

// cpuOption translates the cpus of a role, which its section replaces.
func (t *translation) cpuOption(section string, r *spec.Resources) func(string, field) {
	return func(_ string, f field) {
		s := field{t, "", lookup(t.root, "spec", section)}
		if s.child("resource", "cpu")+s.child("resources", "requests", "cpu")+s.child("resources", "limits", "cpu") != "" {
			f.meaningless("is replaced by the cpu of spec." + section)
			return
		}
		cpus(section+".cpus", &r.CPUs)(f)
	}
}

// whole translates a whole number.
func whole(to string, value *int) func(string, field) {
	return func(text string, f field) {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			f.refuse("must be a whole number")
			return
		}
		*value = n
		f.translate(to, "")
	}
}

// pairs translates names and texts as Flink writes maps: a:b,c:d.
func pairs(to string, add func(key, value string)) func(string, field) {
	return func(text string, f field) {
		for pair := range strings.SplitSeq(text, ",") {
			key, value, ok := strings.Cut(strings.TrimSpace(pair), ":")
			if !ok {
				f.refuse("must be pairs such as a:b,c:d")
				return
			}
			add(key, value)
		}
		f.translate(to, "")
	}
}

// highAvailability puts ZooKeeper in the place of Kubernetes.
func (t *translation) highAvailability(key string) func(string, field) {
	return func(value string, f field) {
		if !strings.EqualFold(value, "kubernetes") && !strings.HasSuffix(value, ".KubernetesHaServicesFactory") {
			t.config[key] = value
			f.keep("flinkConfiguration", "")
			return
		}
		t.config[key] = "zookeeper"
		f.translate("flinkConfiguration", "is zookeeper: leaders and pointers to checkpoints are kept there")
	}
}

func (t *translation) noLeaders(_, _ string, f field) bool {
	f.meaningless("is for leaders in Kubernetes: they are in ZooKeeper here")
	return true
}

// containerized translates variables of one role.
func (t *translation) containerized(key, value string, f field) bool {
	for _, r := range []struct {
		prefix, to string
		pod        *pod
	}{{"containerized.master.env.", "jobManager.bootstrap", &t.jobManager}, {"containerized.taskmanager.env.", "taskManager.bootstrap", &t.taskManager}} {
		if name, ok := strings.CutPrefix(key, r.prefix); ok {
			r.pod.env = append(r.pod.env, variable{name, value})
			f.translate(r.to, "is exported there")
			return true
		}
	}
	return false
}

// secretVariables translates kubernetes.env.secretKeyRef: env:NAME,secret:NAME,key:KEY, divided by semicolons.
func (t *translation) secretVariables(text string, f field) {
	for entry := range strings.SplitSeq(text, ";") {
		parts := map[string]string{}
		for pair := range strings.SplitSeq(entry, ",") {
			k, v, _ := strings.Cut(strings.TrimSpace(pair), ":")
			parts[k] = v
		}
		if parts["env"] == "" || parts["secret"] == "" {
			f.refuse("must be entries such as env:NAME,secret:NAME,key:KEY")
			return
		}
		t.base.secrets = append(t.base.secrets, spec.TaskSecret{
			Environment: parts["env"], Reference: &spec.SecretReference{Name: parts["secret"], Key: parts["key"]},
		})
	}
	f.translate("secrets", "must be secrets of the store that the agents' secret resolver asks")
}

// kubernetesOption decides about options of Flink's own support of Kubernetes.
func (t *translation) kubernetesOption(key, value string, f field) bool {
	switch {
	case key == "kubernetes.secrets":
		f.refuse("mounts all keys of a secret, which are not known here: write secrets with a file for each, or for certificates security.tls: true")
	case key == "kubernetes.hadoop.conf.config-map.name":
		f.refuse("config maps do not exist here: name the files with hadoop.configURL or hadoop.configDirectory")
	case strings.HasPrefix(key, "kubernetes.pod-template-file"):
		f.refuse("is a file of the client: write spec.podTemplate")
	case strings.HasSuffix(key, ".limit-factor"):
		if factor, err := strconv.ParseFloat(value, 64); err == nil && factor == 1 {
			f.meaningless("a task gets what it requests")
			return true
		}
		f.refuse("is a multiple: write the limit itself in jobManager.resourceLimits or taskManager.resourceLimits")
	case strings.Contains(key, ".tolerations"):
		f.meaningless(noTaint)
	default:
		f.meaningless("is for Flink's own client of Kubernetes")
	}
	return true
}

// operatorOption decides about options of the operator; false is for those that the service reads itself.
func (t *translation) operatorOption(key, value string, f field) bool {
	name := strings.TrimPrefix(key, "kubernetes.operator.")
	if strings.HasPrefix(name, "job.autoscaler.") || honoured()[name] {
		return false
	}
	rule, known := operatorRules()[name]
	switch {
	case !known:
		f.meaningless("configures the operator's own process or a plugin of it")
	case value == rule.harmless || rule.harmless == "*":
		f.meaningless(rule.note)
	default:
		f.refuse(rule.note)
	}
	return true
}

// honoured are the options of the operator that mean the same here.
func honoured() map[string]bool {
	all := map[string]bool{}
	for _, name := range []string{
		"cluster.health-check.enabled", "cluster.health-check.restarts.window", "cluster.health-check.restarts.threshold",
		"cluster.health-check.checkpoint-progress.enabled", "cluster.health-check.checkpoint-progress.window",
		"job.restart.failed", "job.upgrade.last-state-fallback.enabled", "job.upgrade.last-state.max.allowed.checkpoint.age",
		"job.upgrade.ignore-pending-savepoint", "periodic.savepoint.interval", "periodic.checkpoint.interval",
		"job.savepoint-on-deletion", "job.drain-on-savepoint-deletion", "savepoint.format.type", "savepoint.history.max.age", "savepoint.history.max.count", "savepoint.cleanup.enabled",
	} {
		all[name] = true
	}
	return all
}

// operatorRule is about an option whose meaning is fixed here: another value than the harmless one is refused.
type operatorRule struct{ harmless, note string }

func operatorRules() map[string]operatorRule {
	return map[string]operatorRule{
		"jm-deployment-recovery.enabled":            {"true", "a JobManager that is lost is always replaced"},
		"jm-deployment.shutdown-ttl":                {"*", "the tasks of a cluster end with its job; its record stays"},
		"jm-deployment.startup.probe.enabled":       {"*", "the service asks every process how it is"},
		"job.upgrade.inplace-scaling.enabled":       {"*", "a change that keeps the tasks keeps them without an option"},
		"job.upgrade.last-state.job-cancel.enabled": {"*", "mode last-state cancels the job and keeps its last checkpoint"},
		"deployment.readiness.timeout":              {"*", "reasons why a cluster is not ready are shown at once: dcos flink cluster describe NAME"},
		"deployment.rollback.enabled":               {"false", "set upgrade.rollback to on for that"},
		"checkpoint.type":                           {"FULL", "checkpoints that are asked for are full ones"},
		"checkpoint.trigger.grace-period":           {"*", "a snapshot is followed until Flink says what became of it"},
		"savepoint.trigger.grace-period":            {"*", "a snapshot is followed until Flink says what became of it"},
		"savepoint.dispose-on-delete":               {"false", "savepoints outlive their cluster: dcos flink snapshot delete ID removes one"},
		"snapshot.resource.enabled":                 {"*", "every snapshot is a record: dcos flink snapshot list NAME"},
		"session.deletion.block-on-session-jobs":    {"true", "a session with running jobs is deleted with --force only"},
		"session.deletion.block-on-unmanaged-jobs":  {"true", "a session with running jobs is deleted with --force only"},
		"user.artifacts.http.header":                {"", "headers are not sent: upload the file, and use its artifact URI"},
		"pod-template.merge-arrays-by-name":         {"*", "what both templates name is merged by name"},
		"exception.label.mapper":                    {"*", "exceptions of jobs are events: dcos flink cluster events NAME"},
		"cluster.resource-view.refresh-interval":    {"*", "Mesos offers what is free"},
		"observer.progress-check.interval":          {"*", "the service follows its clusters without an interval"},
	}
}
