package standalone_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpmaster"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/master/calls"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/standalone"
)

// set sets variables of a local Mesos for a test, and no others.
func set(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, old, _ := strings.Cut(v, "="); strings.HasPrefix(name, standalone.Prefix+"_") {
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Setenv(name, old) }) // It was set before.
		}
	}
	for name, value := range variables {
		t.Setenv(standalone.Prefix+"_"+name, value)
	}
}

func TestLoadDefaults(t *testing.T) {
	set(t, nil)
	got, err := standalone.Load()
	if err != nil {
		t.Fatalf("Load() error: %v", err)
	}
	want := standalone.Settings{
		Listen: "127.0.0.1:5050", Agents: 2, CPUs: 8, Mem: 8192, Disk: 65536, Ports: "31000-32000", Hostname: "127.0.0.1",
		AgentPingTimeout: 15 * time.Second, MaxAgentPingTimeouts: 5,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Load() mismatch (-want +got):\n%s", diff)
	}
}

func TestLoadAll(t *testing.T) {
	set(t, map[string]string{
		"LISTEN": "127.0.0.1:0", "AGENTS": "3", "CPUS": "1.5", "MEM": "512", "DISK": "1024", "GPUS": "1", "PORTS": "40000-40299", "HOSTNAME": "localhost",
		"ATTRIBUTES": "rack:r1;slots:[1-4],rack:r2", "REGION": "eu", "ZONES": "a,b", "WORK_DIR": "/tmp/x", "PRINCIPAL": "p", "SECRET": "s",
		"ZOOKEEPER": "zk://127.0.0.1:2181/mesos", "AGENT_PING_TIMEOUT": "2s", "MAX_AGENT_PING_TIMEOUTS": "2",
	})
	got, err := standalone.Load()
	if err != nil {
		t.Fatalf("Load() error: %v", err)
	}
	want := standalone.Settings{
		Listen: "127.0.0.1:0", Agents: 3, CPUs: 1.5, Mem: 512, Disk: 1024, GPUs: 1, Ports: "40000-40299", Hostname: "localhost",
		Attributes: []string{"rack:r1;slots:[1-4]", "rack:r2"}, Region: "eu", Zones: []string{"a", "b"}, WorkDir: "/tmp/x",
		Principal: "p", Secret: "s", ZooKeeper: "zk://127.0.0.1:2181/mesos",
		AgentPingTimeout: 2 * time.Second, MaxAgentPingTimeouts: 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Load() mismatch (-want +got):\n%s", diff)
	}
}

// What has no prefix belongs to others: ZOOKEEPER is often that of Flink's high availability.
func TestLoadTakesNoVariableWithoutPrefix(t *testing.T) {
	set(t, nil)
	want, err := standalone.Load()
	if err != nil {
		t.Fatalf("Load() error: %v", err)
	}
	for field := range reflect.TypeFor[standalone.Settings]().Fields() {
		t.Setenv(strings.ToUpper(field.Name), "7")
	}
	for _, name := range []string{"WORK_DIR", "AGENT_PING_TIMEOUT", "MAX_AGENT_PING_TIMEOUTS"} {
		t.Setenv(name, "7")
	}
	got, err := standalone.Load()
	if err != nil {
		t.Fatalf("Load() error: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Load() mismatch (-want +got):\n%s", diff)
	}
}

func TestLoadNamesTheWrongVariable(t *testing.T) {
	tests := []struct {
		name      string
		variables map[string]string
		want      []string
	}{
		{"misspelt", map[string]string{"AGENT": "3"}, []string{"LOCALMESOS_AGENT"}},
		{"not a number", map[string]string{"AGENTS": "many"}, []string{"LOCALMESOS_AGENTS", `"many"`}},
		{"not a fraction", map[string]string{"CPUS": "x"}, []string{"LOCALMESOS_CPUS"}},
		{"too many agents", map[string]string{"AGENTS": "1001"}, []string{"LOCALMESOS_AGENTS", "0 to 1000"}},
		{"negative agents", map[string]string{"AGENTS": "-1"}, []string{"LOCALMESOS_AGENTS"}},
		{"negative cpus", map[string]string{"CPUS": "-1"}, []string{"LOCALMESOS_CPUS"}},
		{"negative memory", map[string]string{"MEM": "-1"}, []string{"LOCALMESOS_MEM"}},
		{"negative disk", map[string]string{"DISK": "-1"}, []string{"LOCALMESOS_DISK"}},
		{"not finite", map[string]string{"CPUS": "NaN"}, []string{"LOCALMESOS_CPUS"}},
		{"infinite", map[string]string{"MEM": "Inf"}, []string{"LOCALMESOS_MEM"}},
		{"no range", map[string]string{"PORTS": "31000"}, []string{"LOCALMESOS_PORTS", "first-last"}},
		{"rest behind the range", map[string]string{"PORTS": "31000-31001,32000-32001"}, []string{"LOCALMESOS_PORTS"}},
		{"range backwards", map[string]string{"PORTS": "31001-31000"}, []string{"LOCALMESOS_PORTS"}},
		{"port zero", map[string]string{"PORTS": "0-10"}, []string{"LOCALMESOS_PORTS"}},
		{"port too large", map[string]string{"PORTS": "65000-65536"}, []string{"LOCALMESOS_PORTS"}},
		{"fewer ports than agents", map[string]string{"PORTS": "31000-31001", "AGENTS": "3"}, []string{"LOCALMESOS_PORTS", "2 ports", "3 agents"}},
		{"attribute", map[string]string{"ATTRIBUTES": "rack"}, []string{"LOCALMESOS_ATTRIBUTES", "name:value"}},
		{"region alone", map[string]string{"REGION": "eu"}, []string{"LOCALMESOS_REGION"}},
		{"zones alone", map[string]string{"ZONES": "a"}, []string{"LOCALMESOS_REGION"}},
		{"principal alone", map[string]string{"PRINCIPAL": "p"}, []string{"LOCALMESOS_PRINCIPAL"}},
		{"address", map[string]string{"LISTEN": "5050"}, []string{"LOCALMESOS_LISTEN", "host:port"}},
		{"negative pings", map[string]string{"AGENT_PING_TIMEOUT": "-1s"}, []string{"LOCALMESOS_AGENT_PING_TIMEOUT"}},
		{"no pings", map[string]string{"MAX_AGENT_PING_TIMEOUTS": "0"}, []string{"LOCALMESOS_MAX_AGENT_PING_TIMEOUTS"}},
		{"two at once", map[string]string{"AGENTS": "-1", "PORTS": "x"}, []string{"LOCALMESOS_AGENTS", "LOCALMESOS_PORTS"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set(t, tt.variables)
			_, err := standalone.Load()
			if err == nil {
				t.Fatal("Load() found nothing wrong")
			}
			if fault.CodeOf(err) != fault.Invalid {
				t.Errorf("error code %s, want %s", fault.CodeOf(err), fault.Invalid)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not name %s", err, w)
				}
			}
		})
	}
}

func TestLoadErrorsHideTheSecret(t *testing.T) {
	set(t, map[string]string{"SECRET": "hunter2"})
	_, err := standalone.Load()
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v", err)
	}
}

// agentsOf asks the master what it has.
func agentsOf(t *testing.T, url string) []master.Response_GetAgents_Agent {
	t.Helper()
	sender := httpmaster.NewSender(httpcli.New(httpcli.Endpoint(url+"/api/v1"), httpcli.Codec(codecs.ByMediaType[codecs.MediaTypeProtobuf])).Send)
	response, err := sender.Send(context.Background(), calls.NonStreaming(calls.GetAgents()))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Close()
	var r master.Response
	if err := response.Decode(&r); err != nil {
		t.Fatal(err)
	}
	return r.GetAgents.Agents
}

func TestStartMakesTheAgentsThatWereAskedFor(t *testing.T) {
	dir := t.TempDir()
	m, err := standalone.Start(standalone.Settings{
		Listen: "127.0.0.1:0", Agents: 3, CPUs: 1.5, Mem: 512, Disk: 1024, GPUs: 1, Ports: "40000-40009", Hostname: "localhost",
		Attributes: []string{"rack:r1;cores:4", "rack:r2"}, Region: "eu", Zones: []string{"a", "b"}, WorkDir: dir,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("Start() error: %v", err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("Close() error: %v", err)
		}
	})
	type agent struct {
		CPUs, Mem, Disk, GPUs float64
		First, Last           uint64
		Rack, Zone, Host      string
		Attributes            int
	}
	var got []agent
	for _, a := range agentsOf(t, m.URL()) {
		x := agent{Host: a.AgentInfo.Hostname, Zone: a.AgentInfo.Domain.FaultDomain.Zone.Name, Attributes: len(a.AgentInfo.Attributes)}
		for _, at := range a.AgentInfo.Attributes {
			if at.Name == "rack" {
				x.Rack = at.GetText().GetValue()
			} else if at.Type != mesos.SCALAR {
				t.Errorf("attribute %v, want a scalar", at)
			}
		}
		for _, r := range a.TotalResources {
			switch r.Name {
			case "cpus":
				x.CPUs = r.Scalar.Value
			case "mem":
				x.Mem = r.Scalar.Value
			case "disk":
				x.Disk = r.Scalar.Value
			case "gpus":
				x.GPUs = r.Scalar.Value
			case "ports":
				x.First, x.Last = r.Ranges.Range[0].Begin, r.Ranges.Range[0].End
			}
		}
		got = append(got, x)
	}
	want := []agent{
		{1.5, 512, 1024, 1, 40000, 40002, "r1", "a", "localhost", 2},
		{1.5, 512, 1024, 1, 40003, 40005, "r2", "b", "localhost", 1},
		{1.5, 512, 1024, 1, 40006, 40008, "r1", "a", "localhost", 2}, // The lists start anew.
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("agents (-want +got):\n%s", diff)
	}
	for i := range 3 {
		if _, err := os.Stat(filepath.Join(dir, "agent-"+string(rune('0'+i)))); err != nil {
			t.Errorf("work directory: %v", err)
		}
	}
}

func TestStartSaysWhyItCannot(t *testing.T) {
	busy, err := standalone.Start(standalone.Settings{Listen: "127.0.0.1:0", Ports: "31000-32000", WorkDir: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	if _, err := standalone.Start(standalone.Settings{Listen: busy.Address(), WorkDir: t.TempDir()}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "listen as a Mesos master") {
		t.Errorf("Start() on a taken port: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := standalone.Start(standalone.Settings{Listen: "127.0.0.1:0", Agents: 1, Ports: "31000-32000", WorkDir: file}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "work directory") {
		t.Errorf("Start() in a file: %v", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	set(t, map[string]string{"LISTEN": "127.0.0.1:0", "AGENTS": "1", "WORK_DIR": t.TempDir()})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- standalone.Run(ctx, slog.New(slog.DiscardHandler)) }()
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("Run() error: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Run() did not end")
	}
	set(t, map[string]string{"AGENTS": "none"})
	if err := standalone.Run(context.Background(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("Run() took settings that are wrong")
	}
}
