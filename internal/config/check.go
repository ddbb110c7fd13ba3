package config

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	// rolePattern leaves out what Mesos refuses in a role: blanks, a leading hyphen or slash, empty parts.
	rolePattern = regexp.MustCompile(`^(\*|[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*)$`)
	// schemePattern leaves out the colon that somebody may write behind a scheme.
	schemePattern = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	userPattern   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$`)
	hostPattern   = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+)$`)
)

// rule is one line of the table of checks.
type rule struct {
	when    bool
	name    string
	message string
}

// check looks at the configuration as a whole.
func (l *loader) check(c Config) {
	rules := []rule{
		{masterProblem(c.Mesos.Master) != "", "MESOS_MASTER", masterProblem(c.Mesos.Master)},
		oneOf("MESOS_SCHEME", c.Mesos.Scheme, "http", "https"),
		{c.Mesos.Principal != "" && c.Mesos.Secret.Empty() && c.Identity.Credential.Empty(), "MESOS_SECRET", "is missing: MESOS_PRINCIPAL needs it, or DCOS_SERVICE_ACCOUNT_CREDENTIAL"},
		{c.Marathon.URL != "" && !isURL(c.Marathon.URL), "MARATHON_URL", fmt.Sprintf("%q is not an http or https URL", hidePassword(c.Marathon.URL))},
		{c.Marathon.User != "" && c.Marathon.Password.Empty(), "MARATHON_PASSWORD", "is missing: MARATHON_USER needs it"},
		{c.Marathon.User == "" && !c.Marathon.Password.Empty(), "MARATHON_USER", "is missing: MARATHON_PASSWORD belongs to a user"},
		{c.Mesos.Principal == "" && !c.Mesos.Secret.Empty(), "MESOS_PRINCIPAL", "is missing: MESOS_SECRET belongs to a principal"},
		{unreadable(c.Mesos.CAFile), "MESOS_CA_FILE", fmt.Sprintf("%q cannot be read", c.Mesos.CAFile)},
		{slices.ContainsFunc(c.Mesos.Roles, badRole), "MESOS_ROLES", fmt.Sprintf("%q has an element that is not a Mesos role", c.Mesos.Roles)},
		{twice(c.Mesos.Roles), "MESOS_ROLES", "names a role twice"},
		{strings.ContainsFunc(c.Framework.Name, isControl), "FRAMEWORK_NAME", "contains a control character"},
		{c.Framework.User != "" && !userPattern.MatchString(c.Framework.User), "FRAMEWORK_USER", fmt.Sprintf("%q is not the name of an operating system user", c.Framework.User)},
		{c.Framework.WebUIURL != "" && !isURL(c.Framework.WebUIURL), "FRAMEWORK_WEBUI_URL", fmt.Sprintf("%q is not an http or https URL", c.Framework.WebUIURL)},
		{!isHostPort(c.HTTP.Listen, true), "LISTEN", fmt.Sprintf("%q is not an address: write host:port, such as 0.0.0.0:8080", c.HTTP.Listen)},
		{!hostPattern.MatchString(c.HTTP.AdvertiseHost), "ADVERTISE_HOST", fmt.Sprintf("%q is not a host name: write it without a scheme and a port", c.HTTP.AdvertiseHost)},
		{c.HTTP.AdvertiseURL != "" && !isURL(c.HTTP.AdvertiseURL), "ADVERTISE_URL", fmt.Sprintf("%q is not an http or https URL", c.HTTP.AdvertiseURL)},
		{unreadable(c.HTTP.CertificateFile), "LISTEN_CERTIFICATE_FILE", fmt.Sprintf("%q cannot be read", c.HTTP.CertificateFile)},
		{unreadable(c.HTTP.KeyFile), "LISTEN_KEY_FILE", fmt.Sprintf("%q cannot be read", c.HTTP.KeyFile)},
		{c.State.TLS && !strings.HasPrefix(c.State.Store, "zk://"), "STATE_STORE_TLS", "is for a STATE_STORE in ZooKeeper"},
		{unreadable(c.State.CAFile), "STATE_STORE_CA_FILE", fmt.Sprintf("%q cannot be read", c.State.CAFile)},
		{c.HTTP.tokensProblem() != "", "API_TOKENS", c.HTTP.tokensProblem()},
		{!isStore(c.State.Store), "STATE_STORE", fmt.Sprintf("%q is not a store: write file:PATH or zk://host:port,…/path", c.State.Store)},
		{c.State.User != "" && c.State.Password.Empty(), "STATE_STORE_PASSWORD", "is missing: STATE_STORE_USER needs it"},
		{c.State.User == "" && !c.State.Password.Empty(), "STATE_STORE_USER", "is missing: STATE_STORE_PASSWORD belongs to a user"},
		{!c.State.Key.Empty() && len(c.State.Key.Reveal()) < 16, "STATE_KEY", "is shorter than 16 characters: make one with openssl rand -hex 32"},
		{strings.Contains(c.State.User, ":"), "STATE_STORE_USER", "contains a colon, which ZooKeeper reads as the end of the name"},
		{slices.Contains(c.Flink.Distributions, ""), "FLINK_DISTRIBUTIONS", "has an empty element: remove the surplus comma"},
		oneOf("DEFAULT_ALLOCATION", c.Flink.DefaultAllocation, "dynamic", "static"),
		{c.Flink.ZooKeeper != "" && !isQuorum(c.Flink.ZooKeeper), "ZOOKEEPER", fmt.Sprintf("%q is not a quorum: write host:port, separated by commas", c.Flink.ZooKeeper)},
		{c.HA.User != "" && c.HA.Password.Empty(), "ZOOKEEPER_SASL_PASSWORD", "is missing: ZOOKEEPER_SASL_USER needs it"},
		{c.HA.User == "" && !c.HA.Password.Empty(), "ZOOKEEPER_SASL_USER", "is missing: ZOOKEEPER_SASL_PASSWORD belongs to a user"},
		{c.HA.User != "" && c.Flink.ZooKeeper == "", "ZOOKEEPER_SASL_USER", "has no use without ZOOKEEPER: the login goes to no other ensemble"},
		{c.Marathon.UninstallSavepoints != "" && !isLocation(c.Marathon.UninstallSavepoints), "UNINSTALL_SAVEPOINT_DIRECTORY", fmt.Sprintf("%q is not a URI: write one such as hdfs:///savepoints or file:///mnt/savepoints", c.Marathon.UninstallSavepoints)},
		{c.Flink.HAStorageDir != "" && !isLocation(c.Flink.HAStorageDir), "HA_STORAGE_DIR", fmt.Sprintf("%q is not a URI: write one such as hdfs:///flink/ha or file:///mnt/ha", c.Flink.HAStorageDir)},
		{slices.ContainsFunc(c.Flink.FetchSchemes, badScheme), "FETCH_SCHEMES", fmt.Sprintf("%q has an element that is no scheme in lower case, such as https", c.Flink.FetchSchemes)},
		{slices.ContainsFunc(c.Flink.FetchHosts, badHost), "FETCH_HOSTS", fmt.Sprintf("%q has an element that is no host name in lower case, such as files.example.com or .example.com", c.Flink.FetchHosts)},
		{c.Flink.SecretsDir != "" && !isDirectory(c.Flink.SecretsDir), "SECRETS_DIR", fmt.Sprintf("%q is not a directory that can be read", c.Flink.SecretsDir)},
		{c.Flink.JavaHome != "" && !strings.HasPrefix(c.Flink.JavaHome, "/"), "JAVA_HOME", fmt.Sprintf("%q is not an absolute path", c.Flink.JavaHome)},
		{c.Flink.JavaArchive != "" && !isArchive(c.Flink.JavaArchive), "JAVA_ARCHIVE", fmt.Sprintf("%q is not an archive: name a file or a URI that ends in .tgz, .tar.gz or .zip", c.Flink.JavaArchive)},
		{isArchive(c.Flink.JavaArchive) && !isLocation(c.Flink.JavaArchive) && !l.elsewhere && unreadable(c.Flink.JavaArchive), "JAVA_ARCHIVE", fmt.Sprintf("%q cannot be read", c.Flink.JavaArchive)},
		{c.Flink.HadoopDirectory != "" && !isDirectory(c.Flink.HadoopDirectory), "HADOOP_CONF_DIR", fmt.Sprintf("%q is not a directory that can be read", c.Flink.HadoopDirectory)},
		{slices.ContainsFunc(c.Flink.Inherit, badPattern), "INHERIT_ENVIRONMENT", fmt.Sprintf("%q has an element that is not a pattern of names: write one such as HADOOP_*", c.Flink.Inherit)},
		{c.Flink.ArtifactMaxSize < 1<<20, "ARTIFACT_MAX_SIZE", "is below 1m, which no Flink program fits into"},
		between("FRAMEWORK_FAILOVER_TIMEOUT", c.Framework.FailoverTimeout, time.Second, 10*365*24*time.Hour),
		between("STATE_SESSION_TIMEOUT", c.State.SessionTimeout, time.Second, 10*time.Minute),
		between("ARTIFACT_URL_LIFETIME", c.Flink.ArtifactURLs, time.Minute, 30*24*time.Hour),
		between("PROXY_STALL_TIMEOUT", c.Flink.ProxyResponseStall, 10*time.Second, 24*time.Hour),
		between("OFFER_REFUSE_DURATION", c.Timing.OfferRefuse, time.Second, 365*24*time.Hour),
		between("RECONCILE_INTERVAL", c.Timing.Reconcile, time.Second, 24*time.Hour),
		between("TASK_KILL_GRACE", c.Timing.KillGrace, 0, time.Hour),
		between("UNREACHABLE_TIMEOUT", c.Timing.Unreachable, 0, 24*time.Hour),
		{c.Metrics.MaxSeries < 0, "METRICS_MAX_SERIES", "is below 0"},
		{c.Metrics.StatsDPort < 0 || c.Metrics.StatsDPort > 65535, "STATSD_UDP_PORT", fmt.Sprintf("%d is no port: use 1 to 65535, or 0 for none", c.Metrics.StatsDPort)},
		oneOf("LOG_FORMAT", c.Log.Format, "text", "json"),
	}
	for _, r := range rules {
		if r.when && !slices.Contains(l.refused, r.name) {
			_, found := l.lookup(r.name)
			l.problems.Add(found, "%s", r.message)
		}
	}
}

func oneOf(name, value string, allowed ...string) rule {
	return rule{!slices.Contains(allowed, value), name, fmt.Sprintf("%q is not known: use %s", value, strings.Join(allowed, " or "))}
}

func between(name string, d, low, high time.Duration) rule {
	return rule{d < low || d > high, name, fmt.Sprintf("%s is out of range: use %s to %s", d, low, high)}
}

// masterProblem says what is wrong with the address of the master; empty when nothing is.
func masterProblem(master string) string {
	const forms = "use host:port, several of them separated by commas, http(s)://host:port, zk://host:port,…/path, or local"
	if master == "local" {
		return ""
	}
	if strings.HasPrefix(master, "zk://") {
		if !isZooKeeper(master) {
			return fmt.Sprintf("%q names no path in ZooKeeper: write zk://host:port,…/mesos", hidePassword(master))
		}
		return ""
	}
	for part := range strings.SplitSeq(master, ",") {
		part = strings.TrimSpace(part)
		if !isHostPort(part, false) && !isURL(part) {
			return fmt.Sprintf("%q is not the address of a Mesos master: %s", hidePassword(part), forms)
		}
	}
	return ""
}

// hidePassword keeps what stands between a colon and an @ out of messages.
func hidePassword(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		scheme, rest = "", address
	} else {
		scheme += "://"
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = hidden + rest[at:]
	}
	return scheme + rest
}

func badRole(role string) bool { return !rolePattern.MatchString(role) }

func twice(list []string) bool {
	sorted := slices.Sorted(slices.Values(list))
	return len(slices.Compact(sorted)) < len(list)
}

func unreadable(path string) bool {
	if path == "" {
		return false
	}
	info, err := os.Stat(path)
	return err != nil || info.IsDir()
}

func badScheme(s string) bool { return !schemePattern.MatchString(s) }

func badHost(h string) bool {
	return h != strings.ToLower(h) || !hostPattern.MatchString(strings.TrimPrefix(h, "."))
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// isHostPort accepts host:port, and :port when anyHost is set.
func isHostPort(s string, anyHost bool) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil, n == 0 && !anyHost:
		return false
	case host == "":
		return anyHost
	}
	return hostPattern.MatchString(host)
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil
}

// isLocation accepts a URI with a scheme, as Flink's file systems take it.
func isLocation(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Path != ""
}

// isArchive says whether a file is one that the Mesos fetcher unpacks, by its name.
func isArchive(name string) bool {
	return slices.ContainsFunc([]string{".tgz", ".tar.gz", ".zip"}, func(end string) bool { return strings.HasSuffix(name, end) })
}

func isQuorum(s string) bool {
	for part := range strings.SplitSeq(s, ",") {
		if !isHostPort(strings.TrimSpace(part), false) {
			return false
		}
	}
	return true
}

func isZooKeeper(s string) bool {
	rest, ok := strings.CutPrefix(s, "zk://")
	hosts, path, found := strings.Cut(rest, "/")
	if at := strings.LastIndex(hosts, "@"); at >= 0 {
		hosts = hosts[at+1:]
	}
	return ok && found && path != "" && !slices.Contains(strings.Split(path, "/"), "") && isQuorum(hosts)
}

func isStore(s string) bool {
	path, ok := strings.CutPrefix(s, "file:")
	return ok && path != "" || isZooKeeper(s)
}

// badPattern says whether a text matches no name of a variable.
func badPattern(pattern string) bool {
	_, err := path.Match(pattern, "")
	return err != nil || pattern == "" || strings.ContainsAny(pattern, "= /")
}
