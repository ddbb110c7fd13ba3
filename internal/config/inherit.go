package config

import (
	"path"
	"slices"
	"strings"
)

// Inherited picks, of an environment in the form of os.Environ, the variables that tasks get: those that match a pattern
// of INHERIT_ENVIRONMENT and are neither the service's own nor about the place where it runs.
func (f Flink) Inherited(environ []string) map[string]string {
	own := map[string]bool{}
	for _, v := range Variables() {
		own[v.Name], own[v.Name+fileSuffix] = true, true
	}
	env := map[string]string{}
	for _, e := range environ {
		name, value, ok := strings.Cut(e, "=")
		local := own[name] || slices.Contains([]string{"HOME", "USER", "LOGNAME", "PWD", "OLDPWD", "SHLVL", "_", "HOSTNAME", "PORTS"}, name) ||
			slices.ContainsFunc([]string{Prefix, "MESOS_", "MARATHON_", "LIBPROCESS_", "LOCALMESOS_", "RENDER_", "DCOS_", "PORT_", "PORT0"}, func(p string) bool {
				return strings.HasPrefix(name, p)
			})
		if !ok || local {
			continue
		}
		if slices.ContainsFunc(f.Inherit, func(p string) bool { match, err := path.Match(p, name); return err == nil && match }) {
			env[name] = value
		}
	}
	return env
}
