// Package standalone makes a local Mesos with agents that run real processes, sized by the environment: inside
// the service (MESOS_MASTER=local), or as a process of its own (flink-service local-mesos), which tasks then
// outlive the service in.
package standalone

import (
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Prefix begins the names of the variables of a local Mesos.
const Prefix = "LOCALMESOS"

// Settings size a local Mesos. Resources are each agent's; they are counted, not enforced. No field has a tag
// envconfig: with one, envconfig would also take the variable without the prefix, such as ZOOKEEPER, which is
// somebody else's.
type Settings struct {
	Listen     string   `default:"127.0.0.1:5050" doc:"The address of the master, and of the agents' files."`
	Agents     int      `default:"2" doc:"The number of agents."`
	CPUs       float64  `default:"8" doc:"The cpus of each agent."`
	Mem        float64  `default:"8192" doc:"The memory of each agent, in MiB."`
	Disk       float64  `default:"65536" doc:"The disk of each agent, in MiB."`
	GPUs       uint     `default:"0" doc:"The gpus of each agent."`
	Ports      string   `default:"31000-32000" doc:"The ports of all agents, as first-last; each gets an equal share."`
	Hostname   string   `default:"127.0.0.1" doc:"The host name of the agents."`
	Attributes []string `doc:"The attributes of the agents, as rack:r1;zone:z1. After a comma those of the next agent follow; the list starts anew when there are more agents."`
	Region     string   `doc:"The region of the master and the agents; needs ZONES."`
	Zones      []string `doc:"The zones of the agents in turn, separated by commas; the first is the master's."`
	WorkDir    string   `split_words:"true" doc:"The directory of sandboxes and of the fetcher's cache; without it localmesos below DATA_DIR, or below the current directory."`
	Principal  string   `doc:"Whom schedulers must authenticate as; needs SECRET."`
	Secret     string   `doc:"The secret of PRINCIPAL."`
	ZooKeeper  string   `doc:"Where the leader is published, as zk://host:port/path."`

	AgentPingTimeout     time.Duration `split_words:"true" default:"15s" doc:"The time between pings of an agent, and how long each is waited for; 0 has the master give up a lost agent at once."`
	MaxAgentPingTimeouts int           `split_words:"true" default:"5" doc:"After how many pings in a row without an answer an agent is unreachable."`
}

// Load reads the settings from variables that begin with LOCALMESOS_ of the process's environment. The error
// names each variable that is wrong.
func Load() (Settings, error) {
	var s Settings
	if err := envconfig.CheckDisallowed(Prefix, &s); err != nil {
		return s, fault.New(fault.Invalid, "the settings of local Mesos: %v", err)
	}
	if err := envconfig.Process(Prefix, &s); err != nil {
		if e, ok := errors.AsType[*envconfig.ParseError](err); ok {
			return s, fault.New(fault.Invalid, "the settings of local Mesos: %s: %q is not a %s", e.KeyName, e.Value, e.TypeName)
		}
		return s, fault.New(fault.Invalid, "the settings of local Mesos: %v", err)
	}
	return s, s.check()
}

func (s *Settings) check() error {
	var l fault.List
	if s.Agents < 0 || s.Agents > 1000 {
		l.Add(Prefix+"_AGENTS", "must be from 0 to 1000")
	}
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		l.Add(Prefix+"_LISTEN", "%q is not host:port", s.Listen)
	}
	for _, amount := range []struct {
		name  string
		value float64
	}{{"_CPUS", s.CPUs}, {"_MEM", s.Mem}, {"_DISK", s.Disk}} {
		if !(amount.value >= 0 && amount.value <= math.MaxInt32) { // NaN is neither.
			l.Add(Prefix+amount.name, "must be from 0 to %d", math.MaxInt32)
		}
	}
	if s.AgentPingTimeout < 0 {
		l.Add(Prefix+"_AGENT_PING_TIMEOUT", "must not be negative")
	}
	if s.MaxAgentPingTimeouts < 1 {
		l.Add(Prefix+"_MAX_AGENT_PING_TIMEOUTS", "must be at least 1")
	}
	if first, last, err := s.ports(); err != nil {
		l.Add(Prefix+"_PORTS", "%v", err)
	} else if n := last - first + 1; s.Agents > 0 && n < uint64(s.Agents) {
		l.Add(Prefix+"_PORTS", "%d ports are too few for %d agents: each needs one at least", n, s.Agents)
	}
	for _, a := range s.Attributes {
		if _, err := attributes(a); err != nil {
			l.Add(Prefix+"_ATTRIBUTES", "%v", err)
		}
	}
	if (s.Region == "") != (len(s.Zones) == 0) {
		l.Add(Prefix+"_REGION", "REGION and ZONES go together")
	}
	if (s.Principal == "") != (s.Secret == "") {
		l.Add(Prefix+"_PRINCIPAL", "PRINCIPAL and SECRET go together")
	}
	return l.Err("the settings of local Mesos are not valid")
}

// ports are the first and the last port.
func (s *Settings) ports() (first, last uint64, err error) {
	from, to, _ := strings.Cut(s.Ports, "-")
	first, err1 := strconv.ParseUint(strings.TrimSpace(from), 10, 16)
	last, err2 := strconv.ParseUint(strings.TrimSpace(to), 10, 16)
	if err1 != nil || err2 != nil || first == 0 || last < first {
		return 0, 0, fmt.Errorf("%q is not a range of ports: write first-last, such as 31000-32000", s.Ports)
	}
	return first, last, nil
}

// portsOf are the ports of one of the agents.
func (s *Settings) portsOf(agent int) [2]uint64 {
	first, last, err := s.ports()
	if err != nil || s.Agents == 0 {
		return [2]uint64{}
	}
	share := (last - first + 1) / uint64(s.Agents)
	if share == 0 {
		return [2]uint64{}
	}
	from := first + uint64(agent)*share
	return [2]uint64{from, from + share - 1}
}

// attributes reads name:value;name:value, as the --attributes of a Mesos agent.
func attributes(text string) (map[string]string, error) {
	out := make(map[string]string)
	for pair := range strings.SplitSeq(text, ";") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, ":")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q is not an attribute: write name:value", pair)
		}
		out[name] = value
	}
	return out, nil
}

// attributesOf are the attributes of one of the agents.
func (s *Settings) attributesOf(agent int) map[string]string {
	if len(s.Attributes) == 0 {
		return nil
	}
	out, err := attributes(s.Attributes[agent%len(s.Attributes)])
	if err != nil {
		return nil // Load has checked it.
	}
	return out
}

// zoneOf is the zone of one of the agents.
func (s *Settings) zoneOf(agent int) string {
	if len(s.Zones) == 0 {
		return ""
	}
	return s.Zones[agent%len(s.Zones)]
}
