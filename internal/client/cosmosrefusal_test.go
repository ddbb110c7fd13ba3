package client

import (
	"encoding/json"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// TestRefusedByCosmos words what Cosmos answers. The data are as its version 0.6 and its JSON schema library write them.
func TestRefusedByCosmos(t *testing.T) {
	t.Parallel()
	const refused = "the package manager of DC/OS refuses the options, and nothing was changed: "
	finding := func(pointer, keyword, rest string) string {
		return `{"errors": [{"level": "error", "schema": {"loadingURI": "#", "pointer": ""}, "instance": {"pointer": "` + pointer + `"}, "domain": "validation", "keyword": "` + keyword + `", ` + rest + `}]}`
	}
	for _, tt := range []struct {
		kind, data string
		code       fault.Code
		want       string
	}{
		{"MarathonAppNotFound", `{"appId": "/flink"}`, fault.NotFound, "DC/OS has no package installed with the name of this service (Words of Cosmos): set the name with --name"},
		{"PackageNotFound", `{"packageName": "flink"}`, fault.NotFound, "package flink is not in any DC/OS package repository: add one with dcos package repo add"},
		{"VersionNotFound", `{"packageName": "flink", "packageVersion": "9.9"}`, fault.NotFound, "the package flink has no version 9.9: see update package-versions for those there are"},
		{
			"BadVersionUpdate", `{"currentVersion": "1.0.0", "updateVersion": "0.1.0", "validVersions": ["1.1.0", "0.9.0"]}`, fault.Invalid,
			"the package cannot change from version 1.0.0 to 0.1.0: use one of 1.1.0, 0.9.0",
		},
		{
			"BadVersionUpdate", `{"currentVersion": "1.0.0", "updateVersion": "0.1.0", "validVersions": []}`, fault.Invalid,
			"the package cannot change from version 1.0.0 to 0.1.0: there is no other version that it can change to",
		},
		{
			"JsonSchemaMismatch", finding("/service", "additionalProperties", `"message": "object instance has properties which are not allowed by the schema: [\"colour\"]", "unwanted": ["colour"]`),
			fault.Invalid, refused + "service.colour: is not an option of the package: see update options for those there are",
		},
		{
			"JsonSchemaMismatch", finding("/service/cpus", "type", `"message": "instance type (string) does not match", "found": "string", "expected": ["integer", "number"]`),
			fault.Invalid, refused + "service.cpus: is of type string, not integer or number",
		},
		{
			"JsonSchemaMismatch", finding("/service/log_level", "enum", `"message": "instance value (\"LOUD\") not found in enum", "value": "LOUD", "enum": ["DEBUG", "INFO"]`),
			fault.Invalid, refused + "service.log_level: LOUD is not allowed: use one of DEBUG INFO",
		},
		{
			"JsonSchemaMismatch", finding("/session/name", "pattern", `"message": "ECMA 262 regex does not match", "regex": "^a$", "string": "B"`),
			fault.Invalid, refused + `session.name: "B" is not allowed: see the description of the option in the catalog`,
		},
		{
			"JsonSchemaMismatch", finding("", "anyOf", `"message": "instance failed to match at least one required schema among 2", "nrSchemas": 2`),
			fault.Invalid, refused + "options: instance failed to match at least one required schema among 2",
		},
		{"JsonSchemaMismatch", `{}`, fault.Invalid, "the package manager of DC/OS refuses the options, and nothing was changed"},
		{"SomethingElse", `null`, fault.Upstream, "the package manager of DC/OS answered: Words of Cosmos (SomethingElse)"},
	} {
		err := refusedByCosmos(tt.kind, "Words of\nCosmos", json.RawMessage(tt.data))
		if err.Error() != tt.want || fault.CodeOf(err) != tt.code {
			t.Errorf("%s: %s %q, want %s %q", tt.kind, fault.CodeOf(err), err, tt.code, tt.want)
		}
	}
}
