package localmesos_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
)

// TestOfferConstraints sends constraints as JSON and looks which agents are offered, or what is wrong with them.
func TestOfferConstraints(t *testing.T) {
	tests := []struct {
		name, constraints string
		want              []string
		refused           string
	}{
		{"none", `{}`, []string{"h0", "h1", "h2"}, ""},
		{"text", one(`{"attribute_name":"rack"}`, `{"text_equals":{"value":"r1"}}`), []string{"h1", "h2"}, ""}, // h2 has a scalar.
		{"not text", one(`{"attribute_name":"rack"}`, `{"text_not_equals":{"value":"r1"}}`), []string{"h0", "h2"}, ""},
		{"exists", one(`{"attribute_name":"rack"}`, `{"exists":{}}`), []string{"h1", "h2"}, ""},
		{"not exists", one(`{"attribute_name":"rack"}`, `{"not_exists":{}}`), []string{"h0"}, ""},
		{"pattern", one(`{"pseudoattribute_type":"HOSTNAME"}`, `{"text_matches":{"regex":"h[01]"}}`), []string{"h0", "h1"}, ""},
		{"not pattern", one(`{"pseudoattribute_type":"HOSTNAME"}`, `{"text_not_matches":{"regex":"h"}}`), []string{"h0", "h1", "h2"}, ""},
		{"zone", one(`{"pseudoattribute_type":"ZONE"}`, `{"text_equals":{"value":"a"}}`), []string{"h1"}, ""},
		{"region", one(`{"pseudoattribute_type":"REGION"}`, `{"exists":{}}`), []string{"h1"}, ""},
		{"another role", `{"role_constraints":{"web":{"groups":[]}}}`, nil, "role 'web'"},
		{"no group", `{"role_constraints":{"*":{"groups":[]}}}`, nil, "at least one Group"},
		{"empty group", `{"role_constraints":{"*":{"groups":[{}]}}}`, nil, "at least one AttributeConstraint"},
		{"no selector", one(`{}`, `{"exists":{}}`), nil, "selector"},
		{"bad pattern", one(`{"attribute_name":"rack"}`, `{"text_matches":{"regex":"("}}`), nil, "Failed to construct regex"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, localmesos.Options{})
				for i, rack := range []string{"", "r1", "2"} {
					o := small()
					o.Hostname = fmt.Sprintf("h%d", i)
					if rack != "" {
						o.Attributes = map[string]string{"rack": rack}
					}
					if i == 1 {
						o.Region, o.Zone = "here", "a"
					}
					w.agent(o)
				}
				c := w.subscribe(framework())
				info := *framework()
				info.ID = nil
				text, err := json.Marshal(info)
				must(t, err)
				var fields map[string]any
				must(t, json.Unmarshal(text, &fields))
				fields["id"] = map[string]string{"value": c.id}
				text, err = json.Marshal(fields)
				must(t, err)
				body := fmt.Sprintf(`{"type":"UPDATE_FRAMEWORK","framework_id":{"value":%q},"update_framework":{"framework_info":%s,"offer_constraints":%s}}`,
					c.id, text, tt.constraints)
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+masterAddress+"/api/v1/scheduler", bytes.NewReader([]byte(body)))
				must(t, err)
				request.Header = http.Header{"Content-Type": {"application/json"}, "Mesos-Stream-Id": {c.stream}}
				response, err := w.http.Do(request)
				must(t, err)
				answer, err := io.ReadAll(response.Body)
				must(t, err)
				must(t, response.Body.Close())
				if tt.refused != "" {
					if response.StatusCode != http.StatusBadRequest || !strings.Contains(string(answer), tt.refused) {
						t.Fatalf("answer %d %s", response.StatusCode, answer)
					}
					return
				}
				if response.StatusCode != http.StatusOK {
					t.Fatalf("answer %d %s", response.StatusCode, answer)
				}
				var hosts []string
				for _, o := range c.allocate() {
					hosts = append(hosts, o.Hostname)
				}
				if fmt.Sprint(hosts) != fmt.Sprint(tt.want) {
					t.Errorf("offered are %v, want %v", hosts, tt.want)
				}
			})
		})
	}
}

// one is a group with one constraint for the role *.
func one(selector, predicate string) string {
	return `{"role_constraints":{"*":{"groups":[{"attribute_constraints":[{"selector":` + selector + `,"predicate":` + predicate + `}]}]}}}`
}
