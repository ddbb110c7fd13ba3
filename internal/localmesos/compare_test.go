package localmesos_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

func jsonOf(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func at(v any, path ...string) any {
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

// varying are fields whose values are times; they must be there.
var varying = map[string]bool{
	"timestamp": true, "nanoseconds": true, "build_date": true, "build_time": true, "start_time": true, "elected_time": true,
	"registered_time": true, "reregistered_time": true, "unregistered_time": true,
}

// compare walks two documents side by side.
func (r *replay) compare(path string, want, got any) {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			r.differ(path, "want an object, got %s", jsonOf(got))
			return
		}
		for _, k := range sortedNames(w) {
			if _, ok := g[k]; !ok {
				r.differ(path+"/"+k, "missing; want %s", jsonOf(w[k]))
				continue
			}
			if _, object := w[k].(map[string]any); object || !varying[k] {
				r.compare(path+"/"+k, w[k], g[k])
			}
		}
		for _, k := range sortedNames(g) {
			if _, ok := w[k]; !ok {
				r.differ(path+"/"+k, "too much: %s", jsonOf(g[k]))
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			r.differ(path, "\n\twant %s\n\t got %s", jsonOf(want), jsonOf(got))
			return
		}
		w, g = ordered(w), ordered(g)
		for i := range w {
			r.compare(path+"/"+cmp.Or(nameOf(w[i]), fmt.Sprint(i)), w[i], g[i])
		}
	case string:
		g, ok := got.(string)
		if ok && idPattern.FindString(w) == w && idPattern.FindString(g) == g {
			if _, known := r.bound[w]; !known {
				r.bound[w] = g
				r.bound[w[:36%(len(w)+1)]] = g[:36%(len(g)+1)]
			}
		}
		if string(r.ours([]byte(w))) != g {
			r.differ(path, "\n\twant %q\n\t got %q", r.ours([]byte(w)), jsonOf(got))
		}
	case float64:
		if g, ok := got.(float64); !ok || w-g > 1e-6 || g-w > 1e-6 {
			r.differ(path, "want %v, got %s", w, jsonOf(got))
		}
	default:
		if want != got {
			r.differ(path, "want %s, got %s", jsonOf(want), jsonOf(got))
		}
	}
}

// nameOf tells the elements of a list apart.
func nameOf(v any) string {
	if rs := at(v, "resources"); rs != nil && at(v, "name") == nil && at(v, "allocation_info") != nil {
		return fmt.Sprintf("with %x", sha256.Sum256([]byte(jsonOf(rs))))[:12]
	}
	for _, path := range [][]string{{"task_id", "value"}, {"name"}, {"framework_info", "name"}, {"agent_info", "port"}, {"port"}, {"type"}} {
		if x := at(v, path...); x != nil {
			return strings.TrimSpace(fmt.Sprint(x, " ", jsonOf0(at(v, "reservations"))))
		}
	}
	return ""
}

func jsonOf0(v any) string {
	if v == nil {
		return ""
	}
	return jsonOf(v)
}

// ordered sorts lists whose order says nothing.
func ordered(list []any) []any {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b any) int { return cmp.Compare(nameOf(a), nameOf(b)) })
	return out
}
