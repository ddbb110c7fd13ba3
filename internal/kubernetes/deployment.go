package kubernetes

import (
	"cmp"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Standalone is the mode in which the number of TaskManagers is fixed; the other is native.
const Standalone = "standalone"

// deployment translates a FlinkDeployment.
func (t *translation) deployment(top field) {
	t.spec.Kind = spec.Session
	t.object(top, func(f field) {
		t.mode = f.child("mode")
		f.each(t.deploymentHandlers())
	})
	t.finish()
}

func (t *translation) deploymentHandlers() handlers {
	return handlers{
		"image":            t.image(&t.base),
		"imagePullPolicy":  pullPolicy(&t.base),
		"serviceAccount":   nothing("tasks have no account at Mesos; they run as the operating system user in user"),
		"flinkVersion":     t.flinkVersion,
		"ingress":          nothing("the service shows the web UI of every cluster: dcos flink cluster ui NAME"),
		"podTemplate":      func(f field) { t.template(f, &t.base) },
		"jobManager":       func(f field) { f.each(t.jobManagerHandlers()) },
		"taskManager":      func(f field) { f.each(t.taskManagerHandlers()) },
		"logConfiguration": t.logConfiguration,
		"mode": func(f field) {
			if t.mode == Standalone {
				f.translate("allocation", "static: the number of TaskManagers is fixed")
			} else {
				f.translate("allocation", "dynamic: Flink asks for TaskManagers")
			}
		},
		"flinkConfiguration": t.flinkConfiguration,
		"restartNonce":       t.restartNonce,
		"job": func(f field) {
			t.spec.Kind, t.spec.Job = spec.Application, &spec.JobSpec{}
			t.job(f)
		},
	}
}

func (t *translation) restartNonce(f field) {
	if n, ok := f.number(); ok {
		t.spec.RestartNonce = n
		f.keep("restartNonce", "")
	}
}

func (t *translation) flinkVersion(f field) {
	text, ok := f.text()
	major, minor, found := strings.Cut(strings.TrimPrefix(text, "v"), "_")
	switch {
	case !ok:
	case !found || !digits(major) || !digits(minor):
		f.refuse("is not a version of Flink: write one such as v2_2")
	default:
		t.spec.FlinkVersion = major + "." + minor
		f.translate("flinkVersion", "")
	}
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func (t *translation) logConfiguration(f field) {
	f.all(func(name string, child field) {
		text, ok := child.text()
		switch {
		case !ok:
		case name != "log4j-console.properties" && name != "logback-console.xml" && name != "log4j.properties" && name != "logback.xml":
			child.refuse("is not a file that the processes read: they read log4j-console.properties or logback-console.xml")
		default:
			if t.spec.LogConfiguration == nil {
				t.spec.LogConfiguration = map[string]string{}
			}
			t.spec.LogConfiguration[name] = text
			child.keep("logConfiguration", "")
		}
	})
}

func (t *translation) jobManagerHandlers() handlers {
	jm := &t.spec.JobManager
	return handlers{
		"resource":  func(f field) { f.each(oldResource("jobManager", &jm.Resources)) },
		"resources": func(f field) { resources(f, "jobManager", &jm.Resources) },
		"replicas": func(f field) {
			if n, ok := f.number(); ok {
				jm.Replicas = int(n)
				f.keep("jobManager.replicas", "")
			}
		},
		"podTemplate": func(f field) { t.template(f, &t.jobManager) },
	}
}

func (t *translation) taskManagerHandlers() handlers {
	tm := &t.spec.TaskManager
	return handlers{
		"resource":    func(f field) { f.each(oldResource("taskManager", &tm.Resources)) },
		"resources":   func(f field) { resources(f, "taskManager", &tm.Resources) },
		"podTemplate": func(f field) { t.template(f, &t.taskManager) },
		"replicas": func(f field) {
			n, ok := f.number()
			switch {
			case !ok:
			case t.mode == Standalone:
				t.replicas = int(n)
				f.translate("taskManagers.count", "")
			case lookup(t.root, "spec", "job") != nil:
				t.replicas = int(n)
				f.translate("job.parallelism", "is this number of TaskManagers times their slots, as in mode native")
			default:
				f.meaningless("a native session asks for TaskManagers as its jobs need them: bound them with taskManagers.min and taskManagers.max")
			}
		},
	}
}

// job translates the program.
func (t *translation) job(f field) {
	j := t.spec.Job
	f.each(handlers{
		"jarURI":     t.jarURI,
		"entryClass": t.entryClass(f),
		"args":       t.args(f),
		"parallelism": func(f field) {
			if n, ok := f.number(); ok {
				j.Parallelism = int(n)
				f.keep("job.parallelism", "")
			}
		},
		"state": func(f field) {
			text, ok := f.text()
			switch {
			case !ok:
			case text != "running" && text != "suspended":
				f.refuse("is neither running nor suspended")
			default:
				t.spec.Suspended = text == "suspended"
				f.translate("suspended", "")
			}
		},
		"savepointTriggerNonce":  nothing("a savepoint is asked for by command: dcos flink snapshot create NAME"),
		"checkpointTriggerNonce": nothing("a checkpoint is asked for by command: dcos flink snapshot create NAME --checkpoint"),
		"autoscalerResetNonce":   nothing("what the autoscaler learnt is not forgotten by a field of the spec"),
		"initialSavepointPath": func(f field) {
			if path, ok := f.text(); ok {
				j.InitialSavepointPath = path
				f.keep("job.initialSavepointPath", "")
			}
		},
		"upgradeMode": func(f field) {
			if mode, ok := f.text(); ok {
				j.UpgradeMode = spec.UpgradeMode(mode)
				f.keep("job.upgradeMode", "")
			}
		},
		"allowNonRestoredState": func(f field) {
			if yes, ok := f.truth(); ok {
				j.AllowNonRestoredState = yes
				f.keep("job.allowNonRestoredState", "")
			}
		},
		"savepointRedeployNonce": func(f field) {
			if n, ok := f.number(); ok {
				j.SavepointRedeployNonce = n
				f.keep("job.savepointRedeployNonce", "")
			}
		},
	})
	if j.JarURI == "" && j.Python == "" && lookup(f.node, "jarURI") == nil && f.child("entryClass") != PythonDriver {
		field{t, f.path + ".jarURI", f.node}.refuse("is missing, and the program is not in the class path here: upload the jar, and name its artifact URI")
	}
	j.UpgradeMode = cmp.Or(j.UpgradeMode, spec.Stateless)
}

// noImageFiles says why a file in an image is no program here.
const noImageFiles = "is a file in an image, and the program is fetched here: upload it, and name its artifact URI with --jar "

func (t *translation) jarURI(f field) {
	uri, ok := f.text()
	switch {
	case !ok:
	case field{t, "", t.root}.child("spec", "job", "entryClass") == PythonDriver:
		f.meaningless("is a placeholder: the program is in Python")
	default:
		if to, ok := t.fetched(f, uri, "job.jarURI"); ok {
			t.spec.Job.JarURI = to
		}
	}
}

// fetched finds what a task fetches in place of a file that a program names.
func (t *translation) fetched(f field, uri, name string) (to string, ok bool) {
	if to := t.o.Jars[uri]; to != "" {
		f.translate(name, "is fetched from the URI that was given for it")
		return to, true
	}
	if strings.HasPrefix(uri, "local:") || !strings.Contains(uri, ":") {
		f.refuse(noImageFiles + uri + "=artifact:…")
		return "", false
	}
	f.keep(name, "")
	return uri, true
}

func (t *translation) entryClass(job field) func(field) {
	return func(f field) {
		class, ok := f.text()
		switch {
		case !ok:
		case class == PythonDriver:
			f.translate("job.python", "is the main file that follows -py in args")
			t.python(job)
		default:
			t.spec.Job.EntryClass = class
			f.keep("job.entryClass", "")
		}
	}
}

func (t *translation) args(job field) func(field) {
	return func(f field) {
		if job.child("entryClass") == PythonDriver {
			return // Each of them has a line of its own; see python.
		}
		args := texts(f)
		if args != nil {
			t.spec.Job.Args = args
			f.keep("job.args", "")
		}
	}
}

// texts are the elements of a list of texts.
func texts(f field) []string {
	all := []string{}
	f.list(func(f field) {
		if text, ok := f.text(); ok {
			all = append(all, text)
		}
	})
	return all
}
