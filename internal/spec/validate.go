package spec

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Rules are the limits of validation that depend on the service and not on the spec.
type Rules struct {
	// Roles are the Mesos roles that the service is registered for; empty allows any.
	Roles []string
	// FlinkVersions are the full versions that can be started; empty allows any.
	FlinkVersions []string
	// Constraints says that placement rules are honoured. A rule that would be ignored is refused.
	Constraints bool
	// Schemes and Hosts are those of URIs that tasks may fetch; empty allows every scheme that the fetcher knows, and every
	// host. A host that begins with a dot stands for all below it. Uploaded artifacts may be fetched always.
	Schemes, Hosts []string
	// Privileged allows containers that have rights on their agents.
	Privileged bool
}

// The bounds of a spec. They are far above what is sensible, and keep a slip of the finger from
// becoming a demand that no cluster of machines can meet, or a record that no store can hold.
const (
	MaxName         = 40
	MaxCPUs         = 1024
	MaxMemory       = 64 * TiB
	MaxSlots        = 1024
	MaxReplicas     = 5
	MaxTaskManagers = 100000
	// MaxParallelism is Flink's upper bound of the number of key groups.
	MaxParallelism = 1 << 15
	maxGPUs        = 128
	maxText        = 64 << 10
	maxEntries     = 1000
)

var (
	namePattern     = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)
	versionPattern  = regexp.MustCompile(`^[0-9]+(\.[0-9]+){0,2}(-[0-9A-Za-z.-]+)?$`)
	userPattern     = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$`)
	variablePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	classPattern    = regexp.MustCompile(`^[\p{L}_$][\p{L}\p{N}_$]*(\.[\p{L}_$][\p{L}\p{N}_$]*)*$`)
)

// schemes are what the Mesos fetcher can get: by itself, or with a Hadoop client on the agent.
var schemes = []string{"http", "https", "ftp", "ftps", "file", "hdfs", "hftp", "s3", "s3a", "s3n"}

// problem is one line of the table of checks.
type problem struct {
	when    bool
	field   string
	message string
}

// Validate looks at a complete spec and returns one fault.Invalid error with every problem, each
// with the JSON path of its field, or nil. What Flink makes of its configuration and memory sizes is
// package flink's to say.
func (s Spec) Validate(r Rules) error {
	var l fault.List
	for _, checks := range [][]problem{
		s.checkCluster(r), s.checkDistribution(),
		s.checkTaskManagers(),
		s.JobManager.Resources.check("jobManager", r),
		s.TaskManager.Resources.check("taskManager", r),
		s.checkTasks(r),
		s.checkReservations(),
		s.checkJob(),
		s.checkUpgrade(), s.checkSnapshots(),
		checkTexts("environment", s.Environment, checkVariable),
		checkTexts("flinkConfiguration", s.FlinkConfiguration, checkOption),
		s.checkURIs(),
		s.checkOrigins(r),
		s.checkSecurity(),
		s.checkOverlays(),
		s.checkRecovery(),
		s.checkRollback(),
	} {
		for _, p := range checks {
			if p.when {
				l.Add(p.field, "%s", p.message)
			}
		}
	}
	return l.Err("the cluster's spec is not valid")
}

// checkCluster holds the checks of what is neither a size nor a list.
func (s Spec) checkCluster(r Rules) []problem {
	return []problem{
		{s.Name == "", "name", "is missing: give the cluster a name"},
		{s.Name != "" && (len(s.Name) > MaxName || !namePattern.MatchString(s.Name)), "name", fmt.Sprintf(
			"%s is not a name: use 1 to %d lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen", quote(s.Name), MaxName)},
		{
			!slices.Contains([]Kind{Session, Application, Job}, s.Kind), "kind",
			quote(string(s.Kind)) + " is not a kind of cluster: use session, application or job",
		},
		{
			!slices.Contains([]Allocation{Dynamic, Static}, s.Allocation), "allocation",
			quote(string(s.Allocation)) + " is not a way of allocation: use dynamic or static",
		},
		{
			s.FlinkVersion != "" && !versionPattern.MatchString(s.FlinkVersion), "flinkVersion",
			quote(s.FlinkVersion) + " is not a version: " + versionsToWrite(r.FlinkVersions),
		},
		{versionPattern.MatchString(s.FlinkVersion) && !s.knownVersion(r.FlinkVersions), "flinkVersion", fmt.Sprintf(
			"the service has no Flink %s: use one of %s, or add a distribution to the service (FLINK_DISTRIBUTIONS)", s.FlinkVersion, strings.Join(r.FlinkVersions, ", "))},
		{s.Role != "" && len(r.Roles) > 0 && !slices.Contains(r.Roles, s.Role), "role", fmt.Sprintf(
			"the service is not registered for the role %s: use one of %s, or add it to MESOS_ROLES", quote(s.Role), strings.Join(r.Roles, ", "))},
		{s.User != "" && !userPattern.MatchString(s.User), "user", quote(s.User) + " is not the name of an operating system user"},
	}
}

// versionsToWrite tells what can be written as the version of Flink.
func versionsToWrite(known []string) string {
	if len(known) == 0 {
		return "write 2.3 or 2.3.0"
	}
	return "the service has " + strings.Join(known, ", ")
}

// knownVersion says whether the version or the prefix of one is among the known; none known means all are.
func (s Spec) knownVersion(known []string) bool {
	return len(known) == 0 || s.FlinkVersion == "" || slices.ContainsFunc(known, func(v string) bool {
		return v == s.FlinkVersion || strings.HasPrefix(v, s.FlinkVersion+".")
	})
}

// checkTaskManagers holds the checks of how many TaskManagers there are.
func (s Spec) checkTaskManagers() []problem {
	n, static := s.TaskManagers, s.Allocation == Static
	return []problem{
		outside("taskManagers.count", n.Count, 0, MaxTaskManagers),
		outside("taskManagers.min", n.Min, 0, MaxTaskManagers),
		outside("taskManagers.max", n.Max, 0, MaxTaskManagers),
		{
			!static && n.Count > 0, "taskManagers.count",
			"is for static allocation: set allocation to static, or bound what Flink asks for with min and max",
		},
		{static && n.Min != 0, "taskManagers.min", "is for dynamic allocation: set taskManagers.count"},
		{static && n.Max != 0, "taskManagers.max", "is for dynamic allocation: set taskManagers.count"},
		{!static && n.Max > 0 && n.Min > n.Max, "taskManagers.min", fmt.Sprintf("%d is above taskManagers.max, which is %d", n.Min, n.Max)},
		outside("jobManager.replicas", s.JobManager.Replicas, 1, MaxReplicas),
		{
			s.JobManager.Replicas > 1 && !s.HighAvailability(), "jobManager.replicas",
			"more than one JobManager needs high availability: set flinkConfiguration high-availability.type to zookeeper",
		},
		outside("taskManager.slots", s.TaskManager.Slots, 1, MaxSlots),
	}
}

// check holds the checks of what one task takes; field is its place in the spec.
func (r Resources) check(field string, rules Rules) []problem {
	checks := []problem{
		{!(r.CPUs >= 0.01 && r.CPUs <= MaxCPUs), field + ".cpus", fmt.Sprintf("%v is out of range: use 0.01 to %d", r.CPUs, MaxCPUs)},
		{math.Abs(r.CPUs*1000-math.Round(r.CPUs*1000)) > 1e-6, field + ".cpus", fmt.Sprintf("%v is finer than Mesos counts: use at most three decimals", r.CPUs)},
		{r.Memory < MiB || r.Memory > MaxMemory, field + ".memory", fmt.Sprintf("%s is out of range: use 1m to %s", r.Memory, MaxMemory)},
		{r.Disk < 0 || r.Disk > MaxMemory, field + ".disk", fmt.Sprintf("%s is out of range: use 0 to %s", r.Disk, MaxMemory)},
		outside(field+".gpus", r.GPUs, 0, maxGPUs),
		{len(r.Constraints) > 0 && !rules.Constraints, field + ".constraints", "this service does not place tasks by rules: remove them"},
	}
	checks = append(checks, r.checkLimits(field+".resourceLimits")...)
	checks = append(checks, checkConstraints(field+".constraints", r.Constraints)...)
	return checks
}

// checkConstraints reads the placement rules.
func checkConstraints(field string, constraints [][]string) []problem {
	_, err := constraint.Compile(constraints)
	e, ok := errors.AsType[*constraint.Error](err)
	if !ok {
		return []problem{{err != nil, field, fmt.Sprint(err)}}
	}
	var all []problem
	for _, p := range e.Problems {
		all = append(all, problem{true, field + strings.TrimPrefix(p.Field, "placement"), p.Message})
	}
	return all
}

// checkJob holds the checks of the program and of its agreement with the kind.
func (s Spec) checkJob() []problem {
	if s.Job == nil {
		return []problem{{s.Kind == Application || s.Kind == Job, "job", fmt.Sprintf("is missing: a cluster of kind %s runs one program; say which with job.jarURI", s.Kind)}}
	}
	j := *s.Job
	programs := 0
	for _, p := range []string{j.JarURI, j.JobGraphURI, j.Python} {
		if p != "" {
			programs++
		}
	}
	checks := []problem{
		{s.Kind == Session, "job", "a session cluster takes jobs while it runs: remove job, or set kind to application"},
		{programs == 0 && s.Kind != Session, "job.jarURI", "is missing: name the program's jar, an uploaded one by its artifact URI"},
		{programs > 1, "job", "names several programs: use one of jarURI, jobGraphURI and python"},
		{j.JobGraphURI != "" && s.Kind != Job, "job.jobGraphURI", "is for kind job"},
		checkLocation("job.jarURI", j.JarURI),
		checkLocation("job.jobGraphURI", j.JobGraphURI),
		checkLocation("job.python", j.Python),
		{j.EntryClass != "" && !classPattern.MatchString(j.EntryClass), "job.entryClass", quote(j.EntryClass) + " is not the name of a Java class"},
		outside("job.parallelism", j.Parallelism, 1, MaxParallelism),
		{hasControl(j.InitialSavepointPath), "job.initialSavepointPath", "contains a control character"},
		{len(j.Args) > maxEntries, "job.args", fmt.Sprintf("has more than %d elements", maxEntries)},
	}
	for i, a := range j.Args {
		checks = append(checks, checkText(fmt.Sprintf("job.args[%d]", i), a))
	}
	return checks
}

// checkURIs holds the checks of what is fetched into sandboxes.
func (s Spec) checkURIs() []problem {
	checks := []problem{{len(s.URIs) > maxEntries, "uris", fmt.Sprintf("has more than %d elements", maxEntries)}}
	for i, u := range s.URIs {
		field := fmt.Sprintf("uris[%d]", i)
		checks = append(checks,
			problem{u.Value == "", field + ".value", "is missing"},
			checkLocation(field+".value", u.Value),
			problem{
				u.OutputFile != "" && !inside(u.OutputFile), field + ".outputFile",
				quote(u.OutputFile) + " must be a path below the sandbox: relative, without . and ..",
			},
			problem{u.Extract && u.Executable, field + ".executable", "an archive that is extracted is not made executable: choose one"},
		)
	}
	return checks
}

// checkLocation says whether the fetcher could get a URI. An empty one is another check's concern.
func checkLocation(field, uri string) problem {
	if uri == "" {
		return problem{}
	}
	if IsArtifactURI(uri) {
		_, err := ParseArtifactURI(uri)
		return problem{err != nil, field, fmt.Sprint(err)}
	}
	u, err := url.Parse(uri)
	known := err == nil && slices.Contains(schemes, strings.ToLower(u.Scheme)) && (u.Host != "" || u.Scheme == "file" || u.Scheme == "hdfs")
	plain := !strings.ContainsFunc(uri, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\'' || r == '\\' })
	// The message does not quote the URI: a password in one that cannot be read is not found by those who would mask it.
	return problem{
		!known || !plain || u.Path == "" || len(uri) > maxText, field,
		"cannot be fetched: upload the file and use its artifact URI, or write a URI with one of the schemes " + strings.Join(schemes, ", "),
	}
}

// checkOrigins says of each URI that tasks fetch whether the operator lets them. Savepoints are read by Flink.
func (s Spec) checkOrigins(r Rules) []problem {
	var checks []problem
	for _, l := range s.Locations() {
		if l.Field != "job.initialSavepointPath" {
			checks = append(checks, r.checkOrigin(l.Field, *l.URI))
		}
	}
	return checks
}

// checkOrigin says whether the operator lets tasks fetch from where a URI leads.
func (r Rules) checkOrigin(field, uri string) problem {
	u, err := url.Parse(uri)
	if err != nil || uri == "" || IsArtifactURI(uri) {
		return problem{} // That it cannot be read is said by checkLocation.
	}
	scheme, host := strings.ToLower(u.Scheme), strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if len(r.Schemes) > 0 && !slices.Contains(r.Schemes, scheme) {
		return problem{true, field, fmt.Sprintf("may not be fetched: this service allows the schemes %s; or upload the file", strings.Join(r.Schemes, ", "))}
	}
	known := slices.ContainsFunc(r.Hosts, func(allowed string) bool {
		return host == allowed || strings.HasPrefix(allowed, ".") && strings.HasSuffix(host, allowed)
	})
	return problem{
		len(r.Hosts) > 0 && !known && host != "", field,
		fmt.Sprintf("may not be fetched: %s is not among the hosts that this service allows (FETCH_HOSTS); or upload the file", quote(host)),
	}
}

// inside says whether a path stays below the directory it is relative to.
func inside(name string) bool {
	return path.Clean(name) == name && name != "." && name != ".." &&
		!strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "../") && !hasControl(name) && !strings.Contains(name, `\`)
}

// checkTexts looks at the names and values of a map, in the order of the names.
func checkTexts(field string, texts map[string]string, checkName func(field, name string) problem) []problem {
	checks := []problem{{len(texts) > maxEntries, field, fmt.Sprintf("has more than %d entries", maxEntries)}}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		at := field + "." + shorten(name)
		checks = append(checks, checkName(at, name), checkText(at, texts[name]))
	}
	return checks
}

func checkVariable(field, name string) problem {
	if strings.HasPrefix(name, "MESOS_") || strings.HasPrefix(name, "LIBPROCESS_") {
		return problem{true, field, "is set by Mesos for its own: choose another name"}
	}
	return problem{!variablePattern.MatchString(name), field, "is not the name of an environment variable: use letters, digits and underscores"}
}

func checkOption(field, name string) problem {
	return problem{
		name == "" || len(name) > 1000 || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }),
		field, "is not the name of a Flink option",
	}
}

// checkText looks at a text that is passed on to a process.
func checkText(field, text string) problem {
	return problem{
		len(text) > maxText || strings.ContainsRune(text, 0) || !utf8.ValidString(text), field,
		fmt.Sprintf("must be text of at most %d KiB without NUL", maxText>>10),
	}
}

// outside checks a whole number against its bounds.
func outside(field string, n, low, high int) problem {
	return problem{n < low || n > high, field, fmt.Sprintf("%d is out of range: use %d to %d", n, low, high)}
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// quote shows a hostile value without letting it fill the answer.
func quote(s string) string { return strconv.Quote(shorten(s)) }

func shorten(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}
