package api

import (
	"maps"
	"slices"
	"strconv"

	"github.com/flink-on-mesos/flink-service/internal/cluster"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// mask stands for the value of a secret in every answer, as in Flink's own web UI.
const mask = "******"

// masked returns a spec that may be shown.
func (a *API) masked(spec cluster.Spec) cluster.Spec {
	spec.FlinkConfiguration = a.hide(spec.FlinkConfiguration)
	spec.Environment = a.hide(spec.Environment)
	return spec
}

// hide returns the values with the secret ones masked. The view's own map stays as it is.
func (a *API) hide(values map[string]string) map[string]string {
	shown := maps.Clone(values)
	for key := range shown {
		if a.o.Secret(key) {
			shown[key] = mask
		}
	}
	return shown
}

// unmasked puts the stored value of each secret where a spec has the mask, so that a description can
// be edited and put back. A mask with nothing behind it is an error: it would become the secret.
func (a *API) unmasked(spec, stored cluster.Spec) (cluster.Spec, error) {
	var l fault.List
	spec.FlinkConfiguration = a.reveal(&l, "flinkConfiguration", spec.FlinkConfiguration, stored.FlinkConfiguration)
	spec.Environment = a.reveal(&l, "environment", spec.Environment, stored.Environment)
	return spec, l.Err("the spec has a masked secret that was never stored")
}

func (a *API) reveal(l *fault.List, field string, sent, stored map[string]string) map[string]string {
	full := maps.Clone(sent)
	for _, key := range slices.Sorted(maps.Keys(sent)) {
		if sent[key] != mask || !a.o.Secret(key) {
			continue
		}
		value, ok := stored[key]
		if !ok {
			l.Add(field+"."+shorten(key), "is masked (%s) and no value is stored: write the value itself", mask)
			continue
		}
		full[key] = value
	}
	return full
}

func indexed(field string, i int) string { return shorten(field) + "[" + strconv.Itoa(i) + "]" }
