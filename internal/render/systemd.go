package render

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/config"
)

// stateDirectory is where systemd makes a directory for the service.
const stateDirectory = "/var/lib/flink-service"

// Systemd writes a unit for systemd (235 or newer). What the environment leaves open of the directories is in
// /var/lib/flink-service, and Flink beside the program. The error is a fault.Invalid with every variable that is wrong.
func Systemd(environ []string) ([]byte, error) {
	in := read(environ)
	program := in.own["PROGRAM"]
	if !path.IsAbs(program) || strings.ContainsAny(program, " \t\n\"'%$\\") {
		in.problems.Add(Prefix+"PROGRAM", "%q is not an absolute path without blanks and quotes", program)
	}
	if strings.Contains(in.store(), "file:") && !strings.Contains(in.store(), "file:/") {
		in.problems.Add("FLINK_SERVICE_STATE_STORE", "%q is relative: write an absolute path", in.store())
	}
	if in.setting("MESOS_MASTER", "") == "local" {
		in.problems.Add("FLINK_SERVICE_MESOS_MASTER", "local runs the tasks as children of the service, which a restart would end: name a master")
	}
	env := maps.Clone(in.service)
	for name, value := range map[string]string{
		"DATA_DIR":            stateDirectory,
		"STATE_STORE":         "file:" + stateDirectory + "/state",
		"FLINK_DISTRIBUTIONS": path.Join(path.Dir(program), "flink"),
	} {
		if env[config.Prefix+name] == "" {
			env[config.Prefix+name] = value
		}
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString(`[Unit]
Description=Flink on Mesos
After=network-online.target
Wants=network-online.target
# A service that fails at once is started again forever, as Marathon would.
StartLimitIntervalSec=0

[Service]
`)
	fmt.Fprintf(&b, "User=%s\n", in.own["USER"])
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&b, "Environment=%s\n", quoteUnit(name+"="+env[name]))
	}
	fmt.Fprintf(&b, "ExecStart=%s\n", program)
	fmt.Fprintf(&b, `Restart=always
RestartSec=1
TimeoutStopSec=40
StateDirectory=%s
WorkingDirectory=%s
LimitNOFILE=65536
MemoryMax=%dM
NoNewPrivileges=true
ProtectSystem=full

[Install]
WantedBy=multi-user.target
`, path.Base(stateDirectory), stateDirectory, in.mem)
	return []byte(b.String()), nil
}
