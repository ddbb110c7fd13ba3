package admin_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/admin"
)

// TestRender has the program write what starts it elsewhere.
func TestRender(t *testing.T) {
	t.Parallel()
	environ := []string{
		"FLINK_SERVICE_MESOS_MASTER=10.0.0.5:5050", "FLINK_SERVICE_STATE_STORE=zk://10.0.0.5:2181/flink", "RENDER_FETCH=http://h/s.zip,http://h/f.tgz", "RENDER_IMAGE=debian:12-slim",
	}
	for _, c := range []struct {
		args, want string
		code       int
	}{
		{"render marathon", `"type": "MESOS"`, 0},
		{"render marathon --docker", `"image": "debian:12-slim"`, 0},
		{"render systemd", "ExecStart=", 0},
		{"render", "render takes marathon, systemd", 2},
		{"render systemd --docker", "unknown flag: --docker", 2},
		{"render upstart", "render takes marathon, systemd", 2},
		{"rendre", `unknown command "rendre"`, 2},
		{"version", "flink-service 1 (c)", 0},
		{"export", "export takes one file", 2},
	} {
		var out, errs bytes.Buffer
		code := admin.Main("1", "c", strings.Fields(c.args), environ, &out, &errs)
		if code != c.code || !strings.Contains(out.String()+errs.String(), c.want) {
			t.Errorf("%s = %d\n%s%s", c.args, code, out.String(), errs.String())
		}
	}
}
