package redact

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Restore returns a copy of a spec that was sent, with the stored value of each secret where the mask is, so that what [Spec]
// shows can be edited and put back. A mask with nothing behind it is a problem, which is added to l: it would become the
// secret.
func Restore(l *fault.List, sent, stored spec.Spec) spec.Spec {
	s := sent.Clone()
	restoreValues(l, "flinkConfiguration", s.FlinkConfiguration, stored.FlinkConfiguration, Option)
	restoreValues(l, "environment", s.Environment, stored.Environment, Variable)
	restoreContainers(l, &s, &stored)
	restoreSecrets(l, &s, &stored)
	restoreLocations(l, &s, &stored)
	return s
}

const nothingStored = "is masked (" + Mask + ") and no value is stored: write the value itself"

func restoreValues(l *fault.List, field string, sent, stored map[string]string, secret func(string) bool) {
	for _, key := range slices.Sorted(maps.Keys(sent)) {
		if sent[key] != Mask || !secret(key) {
			continue
		}
		value, ok := stored[key]
		if !ok {
			l.Add(field+"."+shorten(key), nothingStored)
			continue
		}
		sent[key] = value
	}
}

func restoreContainers(l *fault.List, sent, stored *spec.Spec) {
	before, now := containers(stored), containers(sent)
	for _, field := range slices.Sorted(maps.Keys(now)) {
		c, was := now[field], before[field]
		if was == nil {
			was = &spec.Container{}
		}
		for i := range c.Parameters {
			restoreParameter(l, fmt.Sprintf("%s.parameters[%d].value", field, i), &c.Parameters[i], was.Parameters)
		}
		for i, v := range c.Volumes {
			if v.External == nil {
				continue
			}
			var options map[string]string
			for _, o := range was.Volumes {
				if o.External != nil && o.ContainerPath == v.ContainerPath {
					options = o.External.Options
				}
			}
			restoreValues(l, fmt.Sprintf("%s.volumes[%d].external.options", field, i), v.External.Options, options, Variable)
		}
	}
}

// restoreParameter gives a parameter the value of the stored one with the same key and name.
func restoreParameter(l *fault.List, field string, p *spec.Parameter, stored []spec.Parameter) {
	// What is masked stays as it is when it is masked again; what is no secret would be shown with another value too.
	other := spec.Parameter{Key: p.Key, Value: strings.TrimSuffix(p.Value, Mask) + "x"}
	if !strings.HasSuffix(p.Value, Mask) || parameter(other) != p.Value {
		return
	}
	for _, s := range stored {
		if s.Key == p.Key && s.Value != p.Value && parameter(s) == p.Value {
			p.Value = s.Value
			return
		}
	}
	l.Add(field, nothingStored)
}

// restoreSecrets looks for the stored secret of the same variable or file.
func restoreSecrets(l *fault.List, sent, stored *spec.Spec) {
	before := secretLists(stored)
	for n, list := range secretLists(sent) {
		for i := range list.secrets {
			s := &list.secrets[i]
			if s.Value != Mask {
				continue
			}
			was := slices.IndexFunc(before[n].secrets, func(o spec.TaskSecret) bool {
				return o.Environment == s.Environment && o.File == s.File && o.Value != ""
			})
			if was < 0 {
				l.Add(fmt.Sprintf("%s[%d].value", list.field, i), nothingStored)
				continue
			}
			s.Value = before[n].secrets[was].Value
		}
	}
}

// restoreLocations looks for a stored URI in the same field, and for those of uris, whose order may have changed, in the whole
// list.
func restoreLocations(l *fault.List, sent, stored *spec.Spec) {
	was := map[string]string{}
	for _, s := range stored.Locations() {
		was[s.Field] = *s.URI
	}
	known := make([]string, len(stored.URIs))
	for i, u := range stored.URIs {
		known[i] = u.Value
	}
	for _, s := range sent.Locations() {
		candidates := known
		if !strings.HasPrefix(s.Field, "uris[") {
			candidates = nil
		}
		restoreURI(l, s, was[s.Field], candidates)
	}
}

// restoreURI gives a URI its secrets back from what was stored in its place, or else in one other place of the list.
func restoreURI(l *fault.List, sent spec.Location, own string, known []string) {
	shown := *sent.URI
	if !strings.Contains(shown, Mask) || URI(shown) != shown {
		return
	}
	if URI(own) == shown && own != shown {
		*sent.URI = own
		return
	}
	var found []string
	for _, k := range known {
		if URI(k) == shown && k != shown && !slices.Contains(found, k) {
			found = append(found, k)
		}
	}
	if len(found) != 1 {
		l.Add(sent.Field, "has a masked secret (%s) and %d stored URIs fit: write the secret itself", Mask, len(found))
		return
	}
	*sent.URI = found[0]
}

// shorten keeps a hostile name from filling an answer.
func shorten(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}
