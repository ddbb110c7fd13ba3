package api

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/cluster"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// mask stands for the value of a secret in every answer, as in Flink's own web UI.
const mask = cluster.Mask

// Masked returns a spec that may be shown or written down outside the state: options, variables, parameters and URIs as
// the API shows them. Secret judges the names of options.
func Masked(spec cluster.Spec, secret func(name string) bool) cluster.Spec {
	return (&API{o: Options{Secret: secret}}).masked(spec)
}

// masked returns a spec that may be shown. What the view holds stays as it is.
func (a *API) masked(spec cluster.Spec) cluster.Spec {
	spec.FlinkConfiguration = hide(spec.FlinkConfiguration, a.o.Secret)
	spec.Environment = hide(spec.Environment, a.secretVariable)
	a.maskContainers(&spec)
	maskSecrets(&spec)
	spec.URIs = slices.Clone(spec.URIs)
	for i := range spec.URIs {
		spec.URIs[i].Value = cluster.MaskURI(spec.URIs[i].Value)
	}
	if spec.Job != nil {
		job := *spec.Job
		for _, uri := range jobURIs(&job) {
			*uri.value = cluster.MaskURI(*uri.value)
		}
		spec.Job = &job
	}
	return spec
}

// secretVariable says whether a variable holds a secret. The names of variables are words joined by underscores,
// those of Flink's options by hyphens and dots; and some words are customary for variables only.
func (a *API) secretVariable(name string) bool {
	dashed := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	return a.o.Secret(name) || a.o.Secret(dashed) || a.o.Secret(strings.ReplaceAll(dashed, "-", ".")) ||
		slices.ContainsFunc(customary(), func(word string) bool { return strings.Contains(dashed, word) })
}

// customary are parts of the names of variables with secrets that no option of Flink has.
func customary() []string {
	return []string{"passwd", "passphrase", "credential", "private-key", "privatekey", "access-key", "accesskey"}
}

// hide returns the values with the secret ones masked.
func hide(values map[string]string, secret func(string) bool) map[string]string {
	shown := maps.Clone(values)
	for key := range shown {
		if secret(key) {
			shown[key] = mask
		}
	}
	return shown
}

// unmasked puts the stored value of each secret where a spec has the mask, so that a description can
// be edited and put back. A mask with nothing behind it is an error: it would become the secret.
func (a *API) unmasked(spec, stored cluster.Spec) (cluster.Spec, error) {
	var l fault.List
	spec.FlinkConfiguration = reveal(&l, "flinkConfiguration", spec.FlinkConfiguration, stored.FlinkConfiguration, a.o.Secret)
	spec.Environment = reveal(&l, "environment", spec.Environment, stored.Environment, a.secretVariable)
	a.unmaskContainers(&l, &spec, stored)
	unmaskSecrets(&l, &spec, stored)
	var known []string
	for _, uri := range stored.URIs {
		known = append(known, uri.Value)
	}
	spec.URIs = slices.Clone(spec.URIs)
	for i := range spec.URIs {
		own := ""
		if i < len(known) {
			own = known[i]
		}
		revealURI(&l, indexed("uris", i)+".value", &spec.URIs[i].Value, own, known)
	}
	if spec.Job != nil {
		job := *spec.Job
		var before cluster.JobSpec
		if stored.Job != nil {
			before = *stored.Job
		}
		was := jobURIs(&before)
		for i, uri := range jobURIs(&job) {
			revealURI(&l, uri.field, uri.value, *was[i].value, nil)
		}
		spec.Job = &job
	}
	return spec, l.Err("the spec has a masked secret that was never stored")
}

func reveal(l *fault.List, field string, sent, stored map[string]string, secret func(string) bool) map[string]string {
	full := maps.Clone(sent)
	for _, key := range slices.Sorted(maps.Keys(sent)) {
		if sent[key] != mask || !secret(key) {
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

// jobURI is a field of a job that holds a URI.
type jobURI struct {
	field string
	value *string
}

// jobURIs lists the fields of a job that hold URIs, always in the same order.
func jobURIs(j *cluster.JobSpec) []jobURI {
	return []jobURI{
		{"job.jarURI", &j.JarURI},
		{"job.jobGraphURI", &j.JobGraphURI},
		{"job.python", &j.Python},
		{"job.initialSavepointPath", &j.InitialSavepointPath},
	}
}

// revealURI gives a URI its secrets back from what was stored in its place, or else in one other place of the list.
func revealURI(l *fault.List, field string, uri *string, own string, known []string) {
	if !strings.Contains(*uri, mask) || cluster.MaskURI(*uri) != *uri {
		return
	}
	if cluster.MaskURI(own) == *uri && own != *uri {
		*uri = own
		return
	}
	var found []string
	for _, k := range known {
		if cluster.MaskURI(k) == *uri && k != *uri && !slices.Contains(found, k) {
			found = append(found, k)
		}
	}
	if len(found) != 1 {
		l.Add(field, "has a masked secret (%s) and %d stored URIs fit: write the secret itself", mask, len(found))
		return
	}
	*uri = found[0]
}

func indexed(field string, i int) string { return shorten(field) + "[" + strconv.Itoa(i) + "]" }
