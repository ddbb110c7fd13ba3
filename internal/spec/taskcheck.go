package spec

import (
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	portPattern     = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	hostPattern     = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?$`)
	vipPattern      = regexp.MustCompile(`^(/[A-Za-z0-9][A-Za-z0-9._/-]*|\d{1,3}(\.\d{1,3}){3}):(\d{1,5})$`)
	resourcePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,127}$`)
	discoveryName   = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)
)

// The bounds of times and numbers that shape a task.
const (
	maxKillGrace = time.Hour
	maxCheckTime = 24 * time.Hour
	maxPorts     = 100
)

// ownLabels are those that the service puts on its tasks.
var ownLabels = []string{"flink-cluster", "flink-role"}

// checkTasks holds the checks of what shapes the tasks of both roles.
func (s Spec) checkTasks(r Rules) []problem {
	checks := s.TaskOptions.check("", s.Environment, r)
	for _, role := range []struct {
		role      TaskKind
		field     string
		options   TaskOptions
		resources Resources
	}{
		{JobManagerTask, "jobManager", s.JobManager.TaskOptions, s.JobManager.Resources},
		{TaskManagerTask, "taskManager", s.TaskManager.TaskOptions, s.TaskManager.Resources},
	} {
		checks = append(checks, role.options.check(role.field+".", s.Environment, r)...)
		checks = append(checks, role.resources.checkNetwork(role.field)...)
		container := s.OptionsOf(role.role).Container
		checks = append(checks, checkSecrets(role.field+".secrets", role.options.Secrets, s.Environment, container)...)
		for _, p := range checkSecrets("secrets", s.Secrets, s.Environment, container) {
			if !slices.Contains(checks, p) { // What is wrong for both roles is said once.
				checks = append(checks, p)
			}
		}
		checks = append(checks, problem{
			role.resources.GPUs > 0 && container != nil && container.Type == DockerContainer, role.field + ".gpus",
			"Mesos gives GPUs to containers of type mesos only: set container.type to mesos, which takes Docker images too",
		})
		checks = append(checks, s.checkExposure(role.field, role.role)...)
	}
	return checks
}

func (o TaskOptions) check(field string, environment map[string]string, r Rules) []problem {
	checks := []problem{
		checkText(field+"bootstrap", o.Bootstrap),
		{
			o.JavaHome != "" && (!path.IsAbs(o.JavaHome) || path.Clean(o.JavaHome) != strings.TrimSuffix(o.JavaHome, "/") || hasControl(o.JavaHome)), field + "javaHome",
			quote(o.JavaHome) + " is not an absolute path; a Java that the task fetches (uris) is found without it",
		},
		{
			o.JavaHome != "" && environment["JAVA_HOME"] != "" && environment["JAVA_HOME"] != o.JavaHome, field + "javaHome",
			"contradicts environment.JAVA_HOME: remove one of them",
		},
		checkDuration(field+"killGracePeriod", o.KillGracePeriod, time.Second, maxKillGrace),
	}
	checks = append(checks, checkTexts(field+"labels", o.Labels, func(at, name string) problem {
		if slices.Contains(ownLabels, name) {
			return problem{true, at, "is the service's own label: choose another name"}
		}
		return checkLabel(at, name)
	})...)
	return append(checks, o.Container.check(field+"container", r)...)
}

// checkNetwork holds the checks of network bandwidth.
func (r Resources) checkNetwork(field string) []problem {
	b := r.NetworkBandwidth
	return []problem{
		{!(b >= 0 && b <= 1e9) || math.Abs(b*1000-math.Round(b*1000)) > 1e-6, field + ".networkBandwidth", fmt.Sprintf("%v is out of range: use 0 to 1e9, with at most three decimals", b)},
		{r.NetworkResource != "" && !resourcePattern.MatchString(r.NetworkResource), field + ".networkResource", quote(r.NetworkResource) + " is not the name of a resource"},
		{
			slices.Contains([]string{"cpus", "mem", "disk", "gpus", "ports"}, r.NetworkResource), field + ".networkResource",
			r.NetworkResource + " is a resource of its own: name the scalar by which the agents offer bandwidth",
		},
		{r.NetworkResource != "" && b == 0, field + ".networkResource", "asks for nothing: set networkBandwidth"},
	}
}

// checkExposure holds the checks of names, ports and the health check of a role.
func (s Spec) checkExposure(field string, role TaskKind) []problem {
	e := s.ownExposure(role)
	checks := []problem{
		{
			e.Hostname != "" && !hostPattern.MatchString(e.Hostname), field + ".hostname",
			quote(e.Hostname) + " is not a host name; _TASK_ in it stands for the task's id",
		},
		{
			e.Hostname != "" && !strings.Contains(e.Hostname, "_TASK_") && role == JobManagerTask && s.JobManager.Replicas > 1, field + ".hostname",
			"would be the same for every JobManager: write _TASK_ where the task's id belongs",
		},
		{len(e.Ports) > maxPorts, field + ".ports", fmt.Sprintf("has more than %d elements", maxPorts)},
	}
	checks = append(checks, s.checkPorts(field+".ports", role, e.Ports)...)
	if d := e.Discovery; d != nil {
		checks = append(checks,
			problem{d.Name != "" && !discoveryName.MatchString(d.Name), field + ".discovery.name", quote(d.Name) + " is not a name for DNS: use 1 to 63 lower-case letters, digits, hyphens and dots"},
			problem{
				d.Visibility != "" && !slices.Contains([]Visibility{VisibleToFramework, VisibleToCluster, VisibleToAll}, d.Visibility), field + ".discovery.visibility",
				quote(string(d.Visibility)) + " is not a visibility: use framework, cluster or external",
			})
	}
	if h := e.HealthCheck; h != nil {
		checks = append(checks, h.check(field+".healthCheck", role, s)...)
	}
	return checks
}

func (s Spec) checkPorts(field string, role TaskKind, ports []Port) []problem {
	mode := s.NetworkOf(role).Mode
	own := Spec{}.ContainerPorts(role)
	names, options, numbers := map[string]bool{}, map[string]bool{}, map[int]string{}
	for _, name := range sortedKeys(own) {
		numbers[own[name]] = name
	}
	var checks []problem
	for i, p := range ports {
		at := fmt.Sprintf("%s[%d]", field, i)
		_, flinks := own[p.Name]
		user, taken := numbers[p.ContainerPort]
		checks = append(checks,
			problem{!portPattern.MatchString(p.Name), at + ".name", quote(p.Name) + " is not the name of a port: use 1 to 63 lower-case letters, digits and hyphens"},
			problem{names[p.Name], at + ".name", quote(p.Name) + " is there twice"},
			problem{flinks && p.Option != "", at + ".option", "is set by the service for Flink's own port " + p.Name},
			problem{flinks && p.ContainerPort != 0, at + ".containerPort", "is chosen by the service for Flink's own port " + p.Name},
			problem{p.Option != "" && options[p.Option], at + ".option", quote(p.Option) + " has a port already"},
			problem{p.Protocol != "tcp" && p.Protocol != "udp", at + ".protocol", quote(p.Protocol) + " is not a protocol: use tcp or udp"},
			problem{flinks && p.Protocol == "udp", at + ".protocol", "of Flink's own ports is tcp"},
			problem{p.ContainerPort < 0 || p.ContainerPort > 65535, at + ".containerPort", fmt.Sprintf("%d is out of range: use 1 to 65535", p.ContainerPort)},
			problem{
				p.ContainerPort != 0 && mode == HostNetwork, at + ".containerPort",
				"maps a port, which the network mode host cannot: remove it, or set container.network.mode to bridge",
			},
			problem{p.ContainerPort == 0 && !flinks && mode == ContainerNetwork, at + ".containerPort", "is missing: on a network of its own a task takes no ports from offers"},
			problem{taken && p.ContainerPort != 0 && mode != HostNetwork, at + ".containerPort", fmt.Sprintf("%d is the number of the port %s", p.ContainerPort, user)},
		)
		if p.Option != "" {
			checks = append(checks, checkOption(at+".option", p.Option))
		}
		checks = append(checks, checkTexts(at+".labels", p.Labels, checkLabel)...)
		for _, key := range sortedKeys(p.Labels) {
			checks = append(checks, problem{strings.HasPrefix(key, "VIP_") && !validVIP(p.Labels[key]), at + ".labels." + shorten(key), quote(p.Labels[key]) + " is not a virtual address: write /name:port or address:port"})
		}
		names[p.Name], options[p.Option] = true, true
		if p.ContainerPort != 0 {
			numbers[p.ContainerPort] = p.Name
		}
	}
	return checks
}

func validVIP(address string) bool {
	m := vipPattern.FindStringSubmatch(address)
	if m == nil {
		return false
	}
	port, err := strconv.Atoi(m[3])
	return err == nil && port > 0 && port < 65536
}

func (h *HealthCheck) check(field string, role TaskKind, s Spec) []problem {
	return []problem{
		{h.Type != "" && h.Type != CheckHTTP && h.Type != CheckTCP, field + ".type", quote(h.Type) + " is not a type of check: use http or tcp"},
		{h.Type == CheckHTTP && role == TaskManagerTask, field + ".type", "a TaskManager serves no HTTP: use tcp"},
		{
			h.HTTP(s) && role == JobManagerTask && s.RESTAuthenticated(), field + ".type",
			"http cannot be used: the REST API asks for a client certificate, which Mesos has none of; use tcp",
		},
		checkDuration(field+".delay", h.Delay, 0, maxCheckTime),
		checkDuration(field+".gracePeriod", h.GracePeriod, 0, maxCheckTime),
		checkDuration(field+".interval", h.Interval, time.Second, maxCheckTime),
		checkDuration(field+".timeout", h.Timeout, time.Second, maxCheckTime),
		outside(field+".consecutiveFailures", h.ConsecutiveFailures, 0, 1000),
	}
}

// checkDuration checks a time against its bounds; an empty one is the default.
func checkDuration(field string, d Duration, low, high time.Duration) problem {
	if d == "" {
		return problem{}
	}
	v, err := time.ParseDuration(string(d))
	return problem{err != nil || v < low || v > high, field, fmt.Sprintf("%s is not a time from %s to %s: write a number with a unit, such as 30s or 5m", quote(string(d)), low, high)}
}
