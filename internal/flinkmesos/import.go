package flinkmesos

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// The names of the files in lines.
const (
	flatFile   = "flink-conf.yaml"
	nestedFile = "config.yaml"
	appFile    = "app.json"
)

// entry is one option as a file says it.
type entry struct {
	key, value string
	// line is what became of it, with its source.
	line wire.ImportLine
}

// importer is the work on one installation.
type importer struct {
	spec spec.Spec
	// entries are the options of all files; a later one of the same key wins.
	entries []*entry
	// config has the options that are neither translated, obsolete nor refused.
	config map[string]string
	// lines are those of the app.
	lines []wire.ImportLine
	// inEnv has what the app sets for its process.
	inEnv map[string]string
	// appSize says that the app gives the JobManager a memory.
	appSize bool
}

// Import makes a spec of the files. An error is a fault.Invalid that names the file which cannot be read at all.
func Import(files wire.OldFiles) (wire.Imported, error) {
	m := &importer{spec: spec.Spec{Kind: spec.Session}, config: map[string]string{}, inEnv: map[string]string{}}
	var problems fault.List
	var app map[string]any
	switch {
	case files.FlinkConf == "" && files.ConfigYAML == "" && files.MarathonApp == "":
		problems.Add("flinkConf", "is missing: send the text of flink-conf.yaml, of config.yaml (configYAML) or of the Marathon app (marathonApp)")
	case files.FlinkConf != "" && files.ConfigYAML != "":
		problems.Add("configYAML", "is there beside flinkConf: Flink reads one of the two, send that one")
	}
	m.flat(files.FlinkConf)
	if err := m.nested(files.ConfigYAML); err != nil {
		problems.Add("configYAML", "%v", err)
	}
	if files.MarathonApp != "" {
		var err error
		if app, err = parseApp(files.MarathonApp); err != nil {
			problems.Add("marathonApp", "%v", err)
		}
	}
	if err := problems.Err("the files cannot be read"); err != nil {
		return wire.Imported{}, err
	}
	m.begin(app)
	m.configuration()
	m.finish(app)
	m.spec.Name = cmp.Or(files.Name, nameOf(text(app["id"])), "flink")
	result := wire.Imported{Spec: m.spec, Lines: []wire.ImportLine{}}
	for _, e := range m.entries {
		result.Lines = append(result.Lines, e.line)
	}
	result.Lines = append(result.Lines, m.lines...)
	return result, nil
}

// add notes an option of a file.
func (m *importer) add(source, key, value string) {
	m.entries = append(m.entries, &entry{key: key, value: value, line: wire.ImportLine{Source: source, Key: key}})
}

// without notes something of a file that is no option with a value.
func (m *importer) without(source, key, note string) {
	m.entries = append(m.entries, &entry{line: wire.ImportLine{Source: source, Key: key, Outcome: string(Obsolete), Note: note}})
}

// configuration looks at every option in turn: what Flink no longer has, what the service sets itself, the options of
// flink-mesos, the sizes. What is left is kept.
func (m *importer) configuration() {
	last := map[string]*entry{}
	for _, e := range m.entries {
		if e.line.Outcome != "" {
			continue
		}
		if before := last[e.key]; before != nil {
			before.set(Obsolete, "", "is set again, and the last one counts")
		}
		last[e.key] = e
		m.config[e.key] = e.value
	}
	for _, key := range slices.Sorted(maps.Keys(last)) {
		m.flinkOption(last[key])
	}
	for _, e := range last {
		if e.line.Outcome != "" {
			delete(m.config, e.key)
		}
	}
	m.owned(last)
	m.legacy(last)
	m.sizes(last)
	for key, e := range last {
		if e.line.Outcome == "" {
			e.set(Kept, "flinkConfiguration", keptNote(key))
		}
	}
	m.spec.FlinkConfiguration = nil
	if len(m.config) > 0 {
		m.spec.FlinkConfiguration = m.config
	}
}

func (e *entry) set(outcome Outcome, field, note string) {
	e.line.Outcome, e.line.Field, e.line.Note = string(outcome), field, note
}

// owned takes away what only the service can set: it was necessary once, and there is nothing to be done about it.
func (m *importer) owned(last map[string]*entry) {
	list, _ := errors.AsType[flink.Problems](flink.CheckConfiguration(m.config))
	for _, p := range list {
		e := last[p.Option]
		if e == nil {
			continue
		}
		outcome, note := Refused, p.Message
		if reason, set := strings.CutPrefix(p.Message, "cannot be set: "); set {
			outcome, note = Obsolete, strings.TrimSuffix(reason, "; remove it")
		}
		e.set(outcome, "", note)
		delete(m.config, p.Option)
	}
}

// legacy has the options of flink-mesos taken over, without those that cannot be.
func (m *importer) legacy(last map[string]*entry) {
	for {
		spec := m.spec
		spec.FlinkConfiguration = m.config
		adopted, lines, err := Adopt(spec)
		refused := m.refuse(last, err)
		if err != nil && refused {
			continue
		}
		for _, l := range lines {
			if e := last[l.Key]; e != nil && e.line.Outcome == "" {
				note := strings.TrimPrefix(l.Note, l.Key+" ")
				field := ""
				for _, o := range Options() {
					if o.Key == l.Key {
						field = o.Field
					}
				}
				note = strings.TrimSuffix(note, " ("+field+")")
				if l.Outcome == Kept {
					field = "flinkConfiguration"
				}
				e.set(l.Outcome, field, note)
			}
		}
		if err == nil {
			m.spec, m.config = adopted, adopted.FlinkConfiguration
			if m.config == nil {
				m.config = map[string]string{}
			}
		}
		return
	}
}

// refuse takes the options away that an error is about, and says whether there was one.
func (m *importer) refuse(last map[string]*entry, err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return false
	}
	some := false
	for _, d := range f.Details {
		key := strings.TrimPrefix(d.Field, "flinkConfiguration.")
		key, _, _ = strings.Cut(key, "[") // Of an entry of a list.
		if _, there := m.config[key]; !there || last[key] == nil {
			continue
		}
		delete(m.config, key)
		last[key].set(Refused, "", d.Message)
		some = true
	}
	return some
}

// sizeFields are the fields that stand for options of Flink.
func sizeFields() map[string]string {
	return map[string]string{
		"jobmanager.memory.process.size": "jobManager.memory", "taskmanager.memory.process.size": "taskManager.memory",
		"taskmanager.numberOfTaskSlots": "taskManager.slots", "taskmanager.cpu.cores": "taskManager.cpus",
	}
}

// sizes moves the sizes into the fields that mean the same.
func (m *importer) sizes(last map[string]*entry) {
	for {
		spec := m.spec
		spec.FlinkConfiguration = m.config
		adopted, err := flink.Adopt(spec)
		if err == nil {
			for key, field := range sizeFields() {
				if e := last[key]; e != nil && e.line.Outcome == "" {
					if _, kept := adopted.FlinkConfiguration[key]; !kept {
						e.set(Translated, field, "")
					}
				}
			}
			m.spec, m.config = adopted, adopted.FlinkConfiguration
			if m.config == nil {
				m.config = map[string]string{}
			}
			return
		}
		list, _ := errors.AsType[flink.Problems](err)
		some := false
		for _, p := range list {
			if _, there := m.config[p.Option]; there && last[p.Option] != nil {
				delete(m.config, p.Option)
				last[p.Option].set(Refused, "", p.Message)
				some = true
			}
		}
		if !some {
			return // What is wrong is about no option that was set; creating the cluster tells it.
		}
	}
}

// nameOf makes the name of a cluster of an app's id: its last part.
func nameOf(id string) string {
	name := strings.ToLower(id[strings.LastIndexByte(id, '/')+1:])
	name = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, name)
	name = strings.TrimLeft(name, "-0123456789")
	return strings.TrimRight(name[:min(len(name), 40)], "-")
}
