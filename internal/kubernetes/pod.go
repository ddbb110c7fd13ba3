package kubernetes

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// MainContainer is the name of the container in which Flink runs.
const MainContainer = "flink-main-container"

// pod is what a pod template asks for.
type pod struct {
	// image is that of the main container, forcePull whether it is pulled at every start.
	image string
	// pull are the fields about how the image is pulled; they count when an image is kept.
	pull    []func(*spec.Container)
	env     []variable
	secrets []spec.TaskSecret
	mounts  []field
	volumes map[string]field
	// used are the volumes that something mounts.
	used        map[string]bool
	constraints [][]string
	labels      map[string]string
	grace       string
	disk        spec.Memory
	gpus        int
}

// variable is one of the environment.
type variable struct{ name, value string }

// template translates a pod template into what a role, or both, get.
func (t *translation) template(f field, p *pod) {
	p.volumes, p.used = map[string]field{}, map[string]bool{}
	f.each(handlers{
		"apiVersion": func(field) {}, "kind": func(field) {},
		"metadata": func(f field) {
			f.each(handlers{
				"labels": func(f field) {
					if t.labels(f, &p.labels) {
						f.translate("labels", "")
					}
				},
				"annotations": nothing("annotations are notes for Kubernetes' tools"),
				"name":        nothing("tasks are named by the service"),
				"namespace":   nothing("there are no namespaces"),
			})
		},
		"spec": func(f field) { f.each(t.podHandlers(p)) },
	})
}

const (
	noDNS   = "tasks resolve names as their agents do: set up the agents, or a network with container.network"
	noTaint = "Mesos has no taints: agents are kept apart by roles and by attributes that constraints ask for"
)

func (t *translation) podHandlers(p *pod) handlers {
	return handlers{
		"containers": func(f field) { f.list(func(c field) { t.container(c, p) }) },
		"initContainers": func(f field) {
			f.list(never("nothing runs before a task in a container of its own: fetch files with uris, or run a command with bootstrap"))
		},
		"volumes": func(f field) {
			f.list(func(v field) { p.volumes[v.child("name")] = v })
		},
		"nodeSelector":              p.nodeSelector,
		"affinity":                  p.affinity,
		"topologySpreadConstraints": p.spread,
		"tolerations":               nothing(noTaint),
		"serviceAccountName":        nothing("tasks have no account at Mesos"), "serviceAccount": nothing("tasks have no account at Mesos"),
		"automountServiceAccountToken": nothing("tasks have no account at Mesos"),
		"imagePullSecrets":             p.pullSecrets,
		"terminationGracePeriodSeconds": func(f field) {
			if n, ok := f.text(); ok {
				p.grace = n + "s"
				f.translate("killGracePeriod", "")
			}
		},
		"securityContext": func(f field) { f.each(securityHandlers()) },
		"hostNetwork":     nothing("tasks are on the network of their agent unless container.network says otherwise"),
		"dnsPolicy":       nothing(noDNS), "dnsConfig": never(noDNS), "hostAliases": never(noDNS),
		"restartPolicy": nothing("the service replaces every task that ends"), "schedulerName": nothing("the service places tasks itself"),
		"priorityClassName": nothing("Mesos has no priorities: give the cluster a role with a quota"), "priority": nothing("Mesos has no priorities: give the cluster a role with a quota"),
		"enableServiceLinks": nothing("there are no services of Kubernetes"), "nodeName": never("name the agent in constraints: [\"hostname\", \"IS\", \"…\"]"),
		"runtimeClassName": never("the containerizer is chosen by container.type"), "shareProcessNamespace": nothing("a task is one container"),
		"hostname": nothing("tasks have the name of their agent"), "subdomain": nothing("tasks have the name of their agent"),
		"ephemeralContainers": nothing("are for debugging a pod by hand"),
	}
}

func (p *pod) pullSecrets(f field) {
	f.list(func(f field) {
		p.pull = append(p.pull, func(box *spec.Container) {
			switch {
			case box.Image == "":
				f.meaningless("no image is pulled")
			case box.PullSecret != "":
				f.refuse("a task has one secret for its image, and another is named before")
			default:
				box.PullSecret = f.child("name")
				f.translate("container.pullSecret", "must be a secret of the agents' secret store that holds a Docker config.json")
			}
		})
	})
}

// securityHandlers are those of a securityContext of a pod or container.
func securityHandlers() handlers {
	user := nothing("is a number in an image: tasks run as the operating system user in user, or container.user")
	return handlers{
		"runAsUser": user, "runAsGroup": user, "fsGroup": user, "runAsNonRoot": user, "supplementalGroups": user, "fsGroupChangePolicy": user,
		"privileged": func(f field) {
			if yes, ok := f.truth(); ok && yes {
				f.refuse("needs container.type docker, container.privileged, and a service that allows it")
			} else if ok {
				f.meaningless("tasks have no rights on their agent unless they ask for them")
			}
		},
		"allowPrivilegeEscalation": nothing("is decided by the agents"), "readOnlyRootFilesystem": nothing("tasks write to their sandbox"),
		"capabilities": never("are decided by the agents: --allowed_capabilities"), "seccompProfile": never("write container.seccomp"),
		"seLinuxOptions": never("is decided by the agents"), "sysctls": never("is decided by the agents"),
	}
}

// container translates one container of a pod: the one of Flink, or another beside it.
func (t *translation) container(f field, p *pod) {
	if f.child("name") != MainContainer {
		f.refuse("a task is one container, with nothing beside it: logs are read with dcos flink cluster logs, and other programs run as services of their own")
		return
	}
	const watched = "the service asks every process how it is; Mesos looks as well with healthCheck"
	f.each(handlers{
		"name": func(field) {}, "image": t.containerImage(p), "imagePullPolicy": pullPolicy(p),
		"env":     func(f field) { f.list(func(v field) { t.variable(v, p) }) },
		"envFrom": never("lists of variables do not exist here: write them in environment, and secret ones in secrets"),
		"resources": func(f field) {
			f.each(handlers{"requests": p.extra, "limits": p.extra})
		},
		"volumeMounts":  func(f field) { f.list(func(m field) { p.mounts = append(p.mounts, m) }) },
		"ports":         nothing("tasks listen on ports that Mesos offers: name one in jobManager.ports or taskManager.ports with the option that takes its number"),
		"command":       never("the service starts Flink: run something before it with bootstrap"),
		"args":          never("the service starts Flink: run something before it with bootstrap"),
		"lifecycle":     never("hooks do not exist here: run a command before Flink with bootstrap"),
		"livenessProbe": nothing(watched), "readinessProbe": nothing(watched), "startupProbe": nothing(watched),
		"securityContext":        func(f field) { f.each(securityHandlers()) },
		"terminationMessagePath": nothing("logs are in the sandbox"), "terminationMessagePolicy": nothing("logs are in the sandbox"),
		"workingDir": nothing("Flink runs in the sandbox"), "stdin": nothing("tasks read no input"), "tty": nothing("tasks read no input"),
	})
}

// extra translates resources that the sections of the roles do not have; Flink sets cpu and memory itself.
func (p *pod) extra(f field) {
	taken := nothing("is set by the resources of jobManager and taskManager")
	f.each(handlers{
		"cpu": taken, "memory": taken,
		"ephemeral-storage": memory("disk", &p.disk), "nvidia.com/gpu": gpus("gpus", &p.gpus),
	})
}

// variable translates one variable of the environment.
func (t *translation) variable(f field, p *pod) {
	name := f.child("name")
	value, from := lookup(f.node, "value"), lookup(f.node, "valueFrom")
	secret := field{t, "", lookup(f.node, "valueFrom", "secretKeyRef")}
	switch {
	case name == "":
		f.refuse("has no name")
	case secret.node != nil:
		p.secrets = append(p.secrets, spec.TaskSecret{Environment: name, Reference: &spec.SecretReference{Name: secret.child("name"), Key: secret.child("key")}})
		f.translate(t.place(p)+"secrets", "must be a secret of the store that the agents' secret resolver asks")
	case from != nil && lookup(from, "configMapKeyRef") != nil:
		f.refuse("config maps do not exist here: write the value out in environment")
	case from != nil:
		f.refuse("fields of a pod do not exist here: Mesos sets MESOS_TASK_ID, MESOS_SANDBOX and LIBPROCESS_IP")
	case value == nil || value.Kind != yaml.ScalarNode:
		f.refuse("has no value")
	case strings.Contains(value.Value, "$("):
		f.refuse("has $(…), which Kubernetes replaces: write the value out")
	default:
		p.env = append(p.env, variable{name, value.Value})
		if p == &t.base {
			f.translate("environment", "")
		} else {
			f.translate(t.place(p)+"bootstrap", "is exported there, since environment is for both roles")
		}
	}
}

// place is the section of the spec that a template is for, with a dot.
func (t *translation) place(p *pod) string {
	switch p {
	case &t.jobManager:
		return "jobManager."
	case &t.taskManager:
		return "taskManager."
	}
	return ""
}

// image decides about an image: the official ones bring what the service brings itself.
func (t *translation) image(p *pod) func(field) {
	return func(f field) {
		image, ok := f.text()
		switch {
		case !ok:
		case official(image) && !t.o.KeepImages:
			f.meaningless("brings Flink and Java, which the service brings itself; --keep-images keeps it")
		default:
			p.image = image
			f.translate(t.place(p)+"container.image", "is started by Mesos' containerizer; Flink comes from the service")
		}
	}
}

// containerImage decides about the image of a template, which the one of the deployment replaces.
func (t *translation) containerImage(p *pod) func(field) {
	if (field{t, "", t.root}).child("spec", "image") != "" {
		return nothing("is replaced by spec.image")
	}
	return t.image(p)
}

// official says whether an image is one that the Flink project publishes.
func official(image string) bool {
	image = strings.TrimPrefix(image, "docker.io/")
	image = strings.TrimPrefix(image, "library/")
	name, _, _ := strings.Cut(image, "@")
	if slash := strings.LastIndexByte(name, '/'); strings.LastIndexByte(name, ':') > slash {
		name = name[:strings.LastIndexByte(name, ':')]
	}
	return slices.Contains([]string{"flink", "apache/flink", "ghcr.io/apache/flink-docker"}, name)
}

func pullPolicy(p *pod) func(field) {
	return func(f field) {
		text, ok := f.text()
		switch {
		case !ok:
		case text != "Always":
			f.meaningless("an agent pulls an image that it does not have")
		default:
			p.pull = append(p.pull, func(box *spec.Container) {
				if box.Image == "" {
					f.meaningless("no image is pulled")
					return
				}
				box.ForcePull = true
				f.translate("container.forcePull", "")
			})
		}
	}
}

// quote makes a text one word of the shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// exports are variables as commands of the shell.
func exports(env []variable) string {
	var lines []string
	for _, v := range env {
		lines = append(lines, "export "+v.name+"="+quote(v.value))
	}
	return strings.Join(lines, "\n")
}

// mount translates one mount of the main container. Inside an image a volume may be anywhere; without one an absolute path
// is that of the agent.
func (t *translation) mount(m field, p *pod, volume field, box *spec.Container) {
	at, sub := m.child("mountPath"), m.child("subPath")
	mode := spec.ReadWrite
	if m.child("readOnly") == "true" {
		mode = spec.ReadOnly
	}
	host := field{t, "", lookup(volume.node, "hostPath")}
	switch {
	case at == "":
		m.refuse("has no mountPath")
	case host.node != nil:
		from := path.Join(host.child("path"), sub)
		if box.Image == "" && from == path.Clean(at) {
			m.translate("", "needs no volume: without an image the task sees the files of its agent")
			return
		}
		box.Volumes = append(box.Volumes, spec.Volume{ContainerPath: at, HostPath: from, Mode: mode})
		m.translate(t.place(p)+"container.volumes", agentPath(box, at))
	case lookup(volume.node, "emptyDir") != nil:
		from := path.Join("volumes", m.child("name"), sub)
		box.Volumes = append(box.Volumes, spec.Volume{ContainerPath: at, HostPath: from, Mode: mode})
		m.translate(t.place(p)+"container.volumes", cmp.Or(agentPath(box, at), "is a directory in the sandbox"))
	case lookup(volume.node, "secret") != nil:
		t.secretVolume(m, p, volume, box, at)
	default:
		m.refuse(noVolume(volume))
	}
}

// agentPath warns of a path that must be there.
func agentPath(box *spec.Container, at string) string {
	if box.Image == "" && strings.HasPrefix(at, "/") {
		return "without an image the directory must exist on each agent"
	}
	return ""
}

// noVolume says what to use in place of a volume.
func noVolume(volume field) string {
	for _, n := range []struct{ kind, note string }{
		{"configMap", "config maps do not exist here: upload the file and name it in uris"},
		{"persistentVolumeClaim", "claims do not exist here: use a directory that is shared by the agents with hostPath, a volume driver with container.volumes[].external, or a local disk with persistentVolumes"},
		{"projected", "projections do not exist here: name secrets in secrets, and files in uris"},
		{"downwardAPI", "fields of a pod do not exist here"},
	} {
		if lookup(volume.node, n.kind) != nil {
			return n.note
		}
	}
	return "is mounted by Kubernetes: mount it on the agents and use hostPath, or a volume driver with container.volumes[].external"
}

// secretVolume translates a volume of secrets: each file is one.
func (t *translation) secretVolume(m field, p *pod, volume field, box *spec.Container, at string) {
	secret := field{t, "", lookup(volume.node, "secret")}
	items := lookup(secret.node, "items")
	switch {
	case items == nil:
		m.refuse("lists no items, and the keys of a secret are not known here: list key and path of each file in " + volume.path + ".secret.items")
	case box.Image == "":
		m.refuse("without an image the files of secrets are in the sandbox: keep the image (--keep-images), or write secrets with a file such as secrets/NAME")
	default:
		for _, item := range items.Content {
			i := field{t, "", item}
			p.secrets = append(p.secrets, spec.TaskSecret{
				File:      path.Join(at, i.child("path")),
				Reference: &spec.SecretReference{Name: secret.child("secretName"), Key: i.child("key")},
			})
		}
		m.translate(t.place(p)+"secrets", "must be secrets of the store that the agents' secret resolver asks")
	}
}

// found looks for the volume of a mount: that of its own template, or the one of both roles.
func (t *translation) found(m field, p *pod) (field, bool) {
	name := m.child("name")
	for _, from := range []*pod{p, &t.base} {
		if v, ok := from.volumes[name]; ok {
			from.used[name] = true
			return v, true
		}
	}
	return field{}, false
}

// unused gives each volume its line: what became of it is said at its mounts.
func (t *translation) unused(p *pod) {
	for _, name := range slices.Sorted(maps.Keys(p.volumes)) {
		if v := p.volumes[name]; p.used[name] {
			v.translate("", "is mounted by Flink: see its mounts")
		} else {
			v.meaningless("is not mounted by Flink")
		}
	}
}
