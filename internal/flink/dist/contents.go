package dist

import (
	"path"
	"slices"
	"strings"
)

// HasPython says whether the distribution can run Python programs: Flink itself looks for opt/flink-python*.jar.
func (m Manifest) HasPython() bool {
	return slices.ContainsFunc(m.Libraries, func(l Library) bool {
		return path.Dir(l.Path) == "opt" && strings.HasPrefix(path.Base(l.Path), "flink-python")
	})
}

// HasPlugin says whether the distribution has a plugin: as a directory below plugins, or as a jar of opt, which the start
// script puts into one.
func (m Manifest) HasPlugin(name string) bool {
	return slices.ContainsFunc(m.Libraries, func(l Library) bool {
		return strings.HasPrefix(l.Path, "plugins/"+name+"/") || strings.HasPrefix(l.Path, "opt/flink-"+name+"-"+m.Version)
	})
}

// Plugins lists the names of the plugins that HasPlugin knows, in the order of their paths.
func (m Manifest) Plugins() []string {
	var names []string
	for _, l := range m.Libraries {
		var name string
		if below, ok := strings.CutPrefix(l.Path, "plugins/"); ok {
			name, _, _ = strings.Cut(below, "/")
		} else if optional, ok := strings.CutPrefix(l.Path, "opt/flink-"); ok {
			name, _, _ = strings.Cut(optional, "-"+m.Version)
		}
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
