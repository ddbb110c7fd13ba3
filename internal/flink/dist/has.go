package dist

import (
	"path"
	"slices"
	"strings"
)

// HasLibrary says whether a jar of an artifact is in lib, where every process of Flink loads it. The artifact may be
// the beginning of a name.
func (m Manifest) HasLibrary(artifact string) bool {
	return slices.ContainsFunc(m.Libraries, func(l Library) bool { return strings.HasPrefix(l.Path, "lib/"+artifact) })
}

// OptionalJar finds the jar of an artifact in opt, and says whether it lies beside the archive and not in it.
func (m Manifest) OptionalJar(artifact string) (jar Library, beside, ok bool) {
	is := func(l Library) bool {
		return strings.HasPrefix(l.Path, "opt/"+artifact+"-"+m.Version) || l.Path == "opt/"+artifact+".jar"
	}
	if i := slices.IndexFunc(m.Libraries, is); i >= 0 {
		return m.Libraries[i], false, true
	}
	if m.Optional != nil {
		if i := slices.IndexFunc(m.Optional.Libraries, is); i >= 0 {
			return m.Optional.Libraries[i], true, true
		}
	}
	return Library{}, false, false
}

// HasOptional says whether an artifact is among the jars of opt.
func (m Manifest) HasOptional(artifact string) bool {
	_, _, ok := m.OptionalJar(artifact)
	return ok
}

// Loads says whether Flink loads a plugin without being asked to: it is a directory of plugins.
func (m Manifest) Loads(plugin string) bool {
	return slices.ContainsFunc(m.Libraries, func(l Library) bool { return strings.HasPrefix(l.Path, "plugins/"+plugin+"/") })
}

// HasPlugin says whether a cluster may name a plugin: it is a directory of plugins, or its jar is in opt.
func (m Manifest) HasPlugin(plugin string) bool {
	return m.Loads(plugin) || m.HasOptional("flink-"+plugin)
}

// Plugins are the names of the plugins: the directories of plugins, and the file systems in opt.
func (m Manifest) Plugins() []string {
	var names []string
	for _, l := range m.Libraries {
		if dir, ok := strings.CutPrefix(path.Dir(l.Path), "plugins/"); ok {
			names = append(names, dir)
		}
	}
	optional := m.Libraries
	if m.Optional != nil {
		optional = slices.Concat(optional, m.Optional.Libraries)
	}
	for _, l := range optional {
		name, ok := strings.CutPrefix(l.Path, "opt/flink-")
		if name, _, _ = strings.Cut(name, "-"+m.Version); ok && strings.Contains(name, "-fs-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
