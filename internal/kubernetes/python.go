package kubernetes

import (
	"fmt"
	"strings"
)

// PythonDriver is the main class with which Flink runs programs in Python.
const PythonDriver = "org.apache.flink.client.python.PythonDriver"

// pythonOptions are the options of Flink that mean the same as an argument of its Python driver.
func pythonOptions() map[string]string {
	return map[string]string{
		"pyfs": "python.files", "pyFiles": "python.files", "pyarch": "python.archives", "pyArchives": "python.archives",
		"pyreq": "python.requirements", "pyRequirements": "python.requirements",
		"pyexec": "python.executable", "pyExecutable": "python.executable",
		"pyclientexec": "python.client.executable", "pyClientExecutable": "python.client.executable",
	}
}

// python translates the arguments of a program that Flink's Python driver runs.
func (t *translation) python(job field) {
	list := lookup(job.node, "args")
	if list == nil {
		field{t, job.path + ".args", job.node}.refuse("is missing: name the main file with -py")
		return
	}
	values := texts(field{t, job.path + ".args", list})
	found := false
	for i := 0; i < len(values); i++ {
		at := field{t, fmt.Sprintf("%s.args[%d]", job.path, i), list.Content[i]}
		name := strings.TrimLeft(values[i], "-")
		option := pythonOptions()[name]
		known := option != "" || name == "py" || name == "python" || name == "pym" || name == "pyModule"
		if !known || name == values[i] {
			t.spec.Job.Args = append(t.spec.Job.Args, values[i])
			at.keep("job.args", "")
			continue
		}
		if i++; i == len(values) {
			at.refuse("has no value")
			continue
		}
		switch {
		case option != "":
			t.setOption(option, values[i], at)
			at.translate("flinkConfiguration."+option, "")
		case name == "pym" || name == "pyModule":
			at.refuse("a module is no main file: give the main file with -py")
		default:
			found = true
			if to, ok := t.fetched(at, localURI(values[i]), "job.python"); ok {
				t.spec.Job.Python = to
			}
		}
	}
	if !found {
		field{t, job.path + ".args", list}.refuse("has no -py: name the main file")
	}
}

// localURI is the URI of a path in an image.
func localURI(path string) string {
	if strings.HasPrefix(path, "/") {
		return "local://" + path
	}
	return path
}
