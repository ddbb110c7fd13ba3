package admit_test

import (
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/admit"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// A misspelt option is a note that names the one that was meant, and a problem when the spec is strict.
func TestMisspeltOptions(t *testing.T) {
	t.Parallel()
	o := service()
	o.Flink = func(spec.Spec) (dist.Manifest, error) {
		return dist.Manifest{
			Version: "2.3.0", Libraries: []dist.Library{{Path: "lib/" + dist.DriverName}},
			Options: []string{"parallelism.default", "taskmanager.numberOfTaskSlots"},
		}, nil
	}
	sent := spec.Spec{Name: "demo", FlinkConfiguration: map[string]string{
		"taskmanager.numberOfTaskSlot": "2", "parallelism.default": "2", "my.own.option": "x", "metrics.reporter.x.y": "z",
	}}
	got, notes, err := admit.New(o).Admit(sent, spec.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	if want := "Flink 2.3.0 has no option taskmanager.numberOfTaskSlot; did you mean taskmanager.numberOfTaskSlots?"; len(notes) != 1 || notes[0] != want {
		t.Errorf("Admit() notes %q, want %q", notes, want)
	}
	if got.FlinkConfiguration["taskmanager.numberOfTaskSlot"] != "2" {
		t.Error("an option that looks misspelt was left out")
	}
	sent.StrictOptions = true
	_, _, err = admit.New(o).Admit(sent, spec.Spec{})
	if err == nil {
		t.Fatal("a strict spec with unknown options was admitted")
	}
	for _, want := range []string{"flinkConfiguration.taskmanager.numberOfTaskSlot: ", "did you mean taskmanager.numberOfTaskSlots?", "flinkConfiguration.my.own.option: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Admit() = %v, want %q in it", err, want)
		}
	}
	if strings.Contains(err.Error(), "parallelism.default") || strings.Contains(err.Error(), "metrics.reporter") {
		t.Errorf("Admit() = %v, want nothing of options that are known or named by the user", err)
	}
}
