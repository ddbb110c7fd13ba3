// Package ha looks after what Flink's high availability keeps in ZooKeeper. It revokes the leadership of a JobManager
// that is dead for certain, so that its successor does not wait until ZooKeeper gives up on the session; lists the
// checkpoints that ZooKeeper knows of; removes stored job graphs, so that a new program runs; and removes namespaces.
// It elects nobody.
//
// A namespace looks as follows (ZooKeeperUtils of Flink 1.20 and 2.3):
//
//	/flink/CLUSTER-ID                        high-availability.zookeeper.path.root and .cluster-id
//	  leader/latch                           one ephemeral node for each candidate
//	  leader/COMPONENT/connection_info       where the leader's dispatcher, ResourceManager, … are
//	  jobs/JOB/checkpoints/ID                a completed checkpoint, with locks below
//	  jobs/JOB/checkpoint_id_counter         the id of the next one
//	  jobgraphs/JOB                          up to 1.20: what JOB runs, with locks below
//	  execution-plans/JOB, applications/ID   the same in 2.x, and since 2.3
package ha

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Location is where a cluster keeps its high-availability data in ZooKeeper.
type Location struct {
	// Servers are host:port of the quorum.
	Servers []string
	// Root is the node of all clusters, Path that of this one below it.
	Root, Path string
	// graphs are the nodes of the stored graphs of every line of Flink; below the first ofJobs of them are ids of jobs,
	// below the others ids of applications.
	graphs []string
	ofJobs int
	// logins are the credentials that Flink gives its own connections.
	logins []login
	// creator says that Flink's nodes are open to their creator only.
	creator bool
	// SASL is the login of an ensemble that authenticates so; nil for none.
	SASL *SASL
}

// String is where it is, without logins.
func (l Location) String() string { return strings.Join(l.Servers, ",") + l.Path }

// GoString is String, so that no form of printing shows a password.
func (l Location) GoString() string { return l.String() }

// Locate reads the location from Flink's configuration; false when the cluster does not use ZooKeeper. Options have
// Flink's defaults and deprecated names. The error is a fault.Invalid that names the option.
func Locate(config map[string]string) (Location, bool, error) {
	get := func(fallback string, names ...string) string {
		for _, n := range names {
			if v := strings.TrimSpace(config[n]); v != "" {
				return v
			}
		}
		return fallback
	}
	quorum := get("", "high-availability.zookeeper.quorum", "recovery.zookeeper.quorum")
	if !strings.EqualFold(get("", "high-availability.type", "high-availability", "high-availability.mode"), "zookeeper") || quorum == "" {
		return Location{}, false, nil
	}
	root := get("/flink", "high-availability.zookeeper.path.root", "recovery.zookeeper.path.root")
	id := get("/default", "high-availability.cluster-id", "high-availability.zookeeper.path.namespace", "recovery.zookeeper.path.namespace")
	var l Location
	var chroot string
	if l.Servers, chroot = servers(quorum); len(l.Servers) == 0 {
		return Location{}, false, nil
	}
	l.Root = path.Join("/", chroot, root)
	l.Path = path.Join(l.Root, path.Join("/", id))
	if l.Path == "/" {
		return Location{}, false, fault.New(fault.Invalid, "high-availability.cluster-id: %q is the root of ZooKeeper; name a node of the cluster's own", id)
	}
	const jobGraphs, recoveryGraphs = "high-availability.zookeeper.path.jobgraphs", "recovery.zookeeper.path.jobgraphs"
	const plans, applications = "high-availability.zookeeper.path.execution-plans", "high-availability.zookeeper.path.applications"
	for _, node := range []struct{ option, value string }{
		{jobGraphs, get("/jobgraphs", jobGraphs, recoveryGraphs)},
		{plans, get("/execution-plans", plans, recoveryGraphs, jobGraphs)},
		{applications, get("/applications", applications)},
	} {
		name := path.Join("/", node.value)
		if first, _, _ := strings.Cut(name[1:], "/"); first == "" || first == jobs || first == leader {
			return Location{}, false, fault.New(fault.Invalid, "%s: %q is a node of Flink's own; name another", node.option, node.value)
		}
		if full := l.Path + name; !slices.Contains(l.graphs, full) {
			l.graphs = append(l.graphs, full)
			if node.option != applications {
				l.ofJobs = len(l.graphs)
			}
		}
	}
	l.creator = strings.EqualFold(get("", "high-availability.zookeeper.client.acl"), "creator")
	var err error
	if l.logins, err = logins(config[authorization]); err != nil {
		return Location{}, false, fault.New(fault.Invalid, "%s: %v", authorization, err)
	}
	return l, true, nil
}

// servers splits a quorum into host:port, and the node that stands for the root.
func servers(quorum string) (all []string, chroot string) {
	list, chroot, _ := strings.Cut(quorum, "/")
	for s := range strings.SplitSeq(list, ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		if !strings.Contains(s, ":") {
			s += ":2181"
		}
		all = append(all, s)
	}
	return all, chroot
}

// Note says what the service will not be able to do here; empty for nothing.
func (l Location) Note() string {
	if !l.creator || len(l.logins) > 0 || l.SASL != nil {
		return ""
	}
	return "high-availability.zookeeper.client.acl is creator, and the service has no login to ZooKeeper: successors of dead JobManagers wait for the session timeout, and the nodes stay when the cluster is deleted. Set " +
		authorization + ", or have an operator set ZOOKEEPER_SASL_USER; see docs/security.md"
}

// On says whether the location is on the very ensemble of a quorum, written as in high-availability.zookeeper.quorum.
func (l Location) On(quorum string) bool {
	all, _ := servers(quorum)
	return len(all) > 0 && slices.Equal(slices.Sorted(slices.Values(all)), slices.Sorted(slices.Values(l.Servers)))
}

// authorization is the option with what Flink's ZooKeeper client authenticates by, scheme by scheme.
const authorization = "high-availability.zookeeper.client.authorization"

// login is one entry of it; auth is a secret.
type login struct {
	scheme string
	auth   []byte
}

// logins reads a map as Flink's options write it: digest:"flink:secret",scheme:value, in braces or not. A value in
// quotes may hold commas and colons. Its errors do not show values, which are secrets.
func logins(text string) ([]login, error) {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		text = strings.TrimSuffix(inner, "}")
	}
	var all []login
	for _, entry := range splitQuoted(text) {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		scheme, value, ok := strings.Cut(entry, ":")
		if scheme, value = unquote(scheme), unquote(value); !ok || scheme == "" || value == "" {
			return nil, fmt.Errorf("entry %d is not scheme:value, such as digest:\"user:password\"", len(all)+1)
		}
		all = append(all, login{scheme: scheme, auth: []byte(value)})
	}
	return all, nil
}

// splitQuoted splits at commas that are not in quotes.
func splitQuoted(text string) []string {
	var parts []string
	quote, start := byte(0), 0
	for i := range len(text) {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == ',':
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

// unquote takes quotes off; a quote within is doubled.
func unquote(text string) string {
	text = strings.TrimSpace(text)
	if len(text) < 2 || text[0] != text[len(text)-1] || text[0] != '\'' && text[0] != '"' {
		return text
	}
	q := text[:1]
	return strings.ReplaceAll(text[1:len(text)-1], q+q, q)
}
