package api

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// mask stands for the value of a secret in every answer, as in Flink's own web UI.
const mask = spec.Mask

// Masked returns a spec that may be shown or written down outside the state: options, variables, parameters and URIs as
// the API shows them. Secret judges the names of options.
func Masked(spec spec.Spec, secret func(name string) bool) spec.Spec {
	return (&API{o: Options{Secret: secret}}).masked(spec)
}

// masked returns a spec that may be shown. What the view holds stays as it is.
func (a *API) masked(sp spec.Spec) spec.Spec {
	sp.FlinkConfiguration = hide(sp.FlinkConfiguration, a.o.Secret)
	sp.Environment = hide(sp.Environment, a.secretVariable)
	a.maskContainers(&sp)
	maskSecrets(&sp)
	sp.URIs = slices.Clone(sp.URIs)
	for i := range sp.URIs {
		sp.URIs[i].Value = spec.MaskURI(sp.URIs[i].Value)
	}
	if sp.Job != nil {
		job := *sp.Job
		sp.Job = &job
	}
	cloneOverlays(&sp)
	for _, uri := range ownURIs(&sp) {
		*uri.value = spec.MaskURI(*uri.value)
	}
	return sp
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
func (a *API) unmasked(spec, stored spec.Spec) (spec.Spec, error) {
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
		spec.Job = &job
	}
	cloneOverlays(&spec)
	was := map[string]string{}
	for _, uri := range ownURIs(&stored) {
		was[uri.field] = *uri.value
	}
	for _, uri := range ownURIs(&spec) {
		revealURI(&l, uri.field, uri.value, was[uri.field], nil)
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

// ownURI is a field of a spec that holds one URI.
type ownURI struct {
	field string
	value *string
}

// ownURIs lists the fields of a spec that hold one URI each.
func ownURIs(s *spec.Spec) []ownURI {
	var all []ownURI
	if j := s.Job; j != nil {
		all = append(all, ownURI{"job.jarURI", &j.JarURI}, ownURI{"job.jobGraphURI", &j.JobGraphURI},
			ownURI{"job.python", &j.Python}, ownURI{"job.initialSavepointPath", &j.InitialSavepointPath})
	}
	if s.Hadoop != nil {
		all = append(all, ownURI{"hadoop.configURL", &s.Hadoop.ConfigURL})
	}
	if s.Kerberos != nil {
		all = append(all, ownURI{"kerberos.keytabURI", &s.Kerberos.KeytabURI})
	}
	return all
}

// cloneOverlays makes the parts of a spec that are changed here its own.
func cloneOverlays(s *spec.Spec) {
	if s.Hadoop != nil {
		s.Hadoop = new(*s.Hadoop)
	}
	if s.Kerberos != nil {
		s.Kerberos = new(*s.Kerberos)
	}
}

// revealURI gives a URI its secrets back from what was stored in its place, or else in one other place of the list.
func revealURI(l *fault.List, field string, uri *string, own string, known []string) {
	if !strings.Contains(*uri, mask) || spec.MaskURI(*uri) != *uri {
		return
	}
	if spec.MaskURI(own) == *uri && own != *uri {
		*uri = own
		return
	}
	var found []string
	for _, k := range known {
		if spec.MaskURI(k) == *uri && k != *uri && !slices.Contains(found, k) {
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
