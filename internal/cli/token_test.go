package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/cli"
	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
)

// TestToken checks which token goes where: the service's own to its own address, that of DC/OS to Admin Router.
func TestToken(t *testing.T) {
	t.Parallel()
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		if !strings.Contains(got, "canary") {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"code":"unauthorized","message":"this service asks for a token"}`)
			return
		}
		_, _ = io.WriteString(w, `{"clusters":[]}`)
	}))
	t.Cleanup(server.Close)
	for _, c := range []struct {
		name string
		env  map[string]string
		want string
		says string
	}{
		{"own address", map[string]string{"DCOS_FLINK_URL": server.URL, "DCOS_FLINK_TOKEN": "canary-1\n"}, "Bearer canary-1", ""},
		{"own address and DC/OS", map[string]string{
			"DCOS_FLINK_URL": server.URL, "DCOS_URL": server.URL, "DCOS_ACS_TOKEN": "canary-2", "DCOS_FLINK_TOKEN": "canary-1",
		}, "Bearer canary-1", ""},
		{"Admin Router", map[string]string{"DCOS_URL": server.URL, "DCOS_ACS_TOKEN": "canary-2", "DCOS_FLINK_TOKEN": "canary-1"}, "token=canary-2", ""},
		{"Admin Router without a login", map[string]string{"DCOS_URL": server.URL, "DCOS_FLINK_TOKEN": "canary-1"}, "Bearer canary-1", ""},
		{"none", map[string]string{"DCOS_FLINK_URL": server.URL}, "", "this service asks for a token; this program reads it from DCOS_FLINK_TOKEN"},
		{"scope left in", map[string]string{"DCOS_FLINK_URL": server.URL, "DCOS_FLINK_TOKEN": "read: canary-1"}, "", "DCOS_FLINK_TOKEN"},
	} {
		got = ""
		var out, errs strings.Builder
		streams := &terminal.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}
		code := cli.Main(t.Context(), []string{"cluster", "list", "-v"}, func(name string) string { return c.env[name] }, streams)
		if got != c.want {
			t.Errorf("%s: want %q, sent %q", c.name, c.want, got)
		}
		if failed := code != command.Exit(0); failed != (c.says != "") || !strings.Contains(errs.String(), c.says) {
			t.Errorf("%s: exit %d: %s", c.name, code, errs.String())
		}
		if strings.Contains(out.String()+errs.String(), "canary") {
			t.Errorf("%s: a token is shown: %s %s", c.name, out.String(), errs.String())
		}
	}
}
