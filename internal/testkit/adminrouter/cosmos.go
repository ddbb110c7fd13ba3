package adminrouter

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// Cosmos is a stand-in for the package manager, as far as it manages one installed service.
type Cosmos struct {
	// App is the id of the service's app, such as "/flink".
	App string
	// Options are those of the service; a section named "wrong" is refused.
	Options map[string]any
	// Config is the JSON schema of the options that the package declares.
	Config map[string]any
}

// ServeHTTP answers /cosmos/service/describe and /cosmos/service/update.
func (c *Cosmos) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	endpoint := strings.TrimPrefix(r.URL.Path, "/cosmos/service/")
	media := func(kind string) string {
		return "application/vnd.dcos.service." + endpoint + "-" + kind + "+json;charset=utf-8;version=v1"
	}
	refuse := func(status int, kind, message string, data any) {
		w.Header().Set("Content-Type", "application/vnd.dcos.package.error+json;charset=utf-8;version=v1")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"type": kind, "message": message, "data": data}) // The client sees what is missing.
	}
	var body struct {
		AppID   string         `json:"appId"`
		Version string         `json:"packageVersion"`
		Options map[string]any `json:"options"`
		Replace bool           `json:"replace"`
	}
	switch err := json.NewDecoder(r.Body).Decode(&body); {
	case r.Method != http.MethodPost || r.Header.Get("Content-Type") != media("request") || r.Header.Get("Accept") != media("response"):
		refuse(http.StatusBadRequest, "InvalidRequest", "the media types are wrong", nil)
		return
	case err != nil:
		refuse(http.StatusBadRequest, "InvalidRequest", err.Error(), nil)
		return
	case body.AppID != c.App:
		refuse(http.StatusBadRequest, "MarathonAppNotFound", fmt.Sprintf("Unable to locate service with marathon appId: '%s'", body.AppID), nil)
		return
	}
	w.Header().Set("Content-Type", media("response"))
	switch {
	case endpoint == "describe":
		_ = json.NewEncoder(w).Encode(map[string]any{ // As above.
			"package":    map[string]any{"name": "flink", "version": "1.0.0", "config": c.Config},
			"upgradesTo": []string{"1.1.0"}, "downgradesTo": []string{"0.9.0"}, "resolvedOptions": c.Options,
		})
	case endpoint != "update":
		refuse(http.StatusNotFound, "NotFound", "there is no "+endpoint, nil)
	case body.Options["wrong"] != nil:
		refuse(http.StatusBadRequest, "JsonSchemaMismatch", "Options JSON failed validation", map[string]any{"errors": []any{map[string]any{
			"level": "error", "schema": map[string]any{"loadingURI": "#", "pointer": ""}, "instance": map[string]any{"pointer": ""},
			"domain": "validation", "keyword": "additionalProperties", "unwanted": []string{"wrong"},
			"message": `object instance has properties which are not allowed by the schema: ["wrong"]`,
		}}})
	default:
		if body.Replace {
			c.Options = body.Options
		} else {
			c.Options = merge(c.Options, body.Options)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"marathonDeploymentId": "5ed4c0c5-9ff8-4a6f-a0cd-f57f59a34b43"}) // As above.
	}
}

// merge lays options over others, section by section.
func merge(options, over map[string]any) map[string]any {
	out := maps.Clone(options)
	for name, v := range over {
		a, ok := out[name].(map[string]any)
		b, both := v.(map[string]any)
		if ok && both {
			v = merge(a, b)
		}
		out[name] = v
	}
	return out
}
