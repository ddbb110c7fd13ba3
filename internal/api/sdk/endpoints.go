package sdk

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Endpoint is where something can be reached.
type Endpoint struct {
	// Address holds host:port pairs.
	Address []string `json:"address"`
	// DNS holds name:port pairs for the tasks on a virtual network, in the zone in which DC/OS finds them.
	DNS []string `json:"dns,omitempty"`
}

// autoIP is the zone in which DC/OS answers with a task's own address.
const autoIP = "autoip.dcos.thisdcos.directory"

// Endpoints are by name: api is the service's own, at leader, and each cluster has the ports of its JobManagers that
// clients use. Framework is the name of the framework.
func Endpoints(s *state.State, leader, framework string) map[string]Endpoint {
	all := map[string]Endpoint{}
	if u, err := url.Parse(leader); err == nil && u.Host != "" {
		all["api"] = Endpoint{Address: []string{u.Host}}
	}
	// As DC/OS makes a label of the framework's name.
	zone := strings.ReplaceAll(strings.Trim(framework, "/"), "/", "") + "." + autoIP
	each(s, func(d wire.Description) {
		for _, t := range d.Tasks {
			if t.Kind != spec.JobManagerTask || t.Goal != task.Launched || t.State != task.Running {
				continue
			}
			host := t.Hostname
			if t.Address != "" {
				host = t.Address
			}
			for _, name := range []string{"rest", "rpc"} {
				n, ok := t.Ports[name]
				if !ok {
					continue
				}
				port := strconv.Itoa(n)
				e := all[d.Name+"-"+name]
				e.Address = append(e.Address, net.JoinHostPort(host, port))
				if t.Address != "" {
					e.DNS = append(e.DNS, net.JoinHostPort(t.Pod+"."+zone, port))
				}
				all[d.Name+"-"+name] = e
			}
		}
	})
	return all
}
