package client

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// refusedByCosmos turns an error of Cosmos into ours. The types are those of Cosmos 0.6; one that is not known keeps its
// own words.
func refusedByCosmos(kind, message string, data json.RawMessage) error {
	var d refusalData
	_ = json.Unmarshal(data, &d) // What is not there is left out of the words.
	switch kind {
	case "MarathonAppNotFound", "AppIdNotFound":
		return fault.New(fault.NotFound, "DC/OS has no package installed with the name of this service (%s): set the name with --name", oneLine(message))
	case "PackageNotFound":
		return fault.New(fault.NotFound, "package %s is not in any DC/OS package repository: add one with dcos package repo add", d.PackageName)
	case "VersionNotFound":
		return fault.New(fault.NotFound, "the package %s has no version %s: see update package-versions for those there are", d.PackageName, d.PackageVersion)
	case "JsonSchemaMismatch":
		return d.schemaMismatch()
	case "AppIdChanged":
		return fault.New(fault.Invalid, "the option service.name cannot be changed: leave it as it is, or install another service")
	case "BadVersionUpdate":
		return fault.New(fault.Invalid, "the package cannot change from version %s to %s: %s", d.CurrentVersion, d.UpdateVersion, d.versions())
	case "VersionUpgradeNotSupportedInOpen":
		return fault.New(fault.Invalid, "open DC/OS does not change the version of an installed package: uninstall the service and install the new version, or use DC/OS Enterprise")
	case "OptionsNotStored", "OptionsNotAllowed":
		return fault.New(fault.Invalid, "DC/OS did not keep the options that the service was installed with: give all of them with --options and --replace")
	case "MarathonAppDeploymentConflict", "ConcurrentAccess":
		return fault.New(fault.Conflict, "Marathon is already deploying the service: wait for the end of that deployment (dcos marathon deployment list) and try again")
	}
	return fault.New(fault.Upstream, "the package manager of DC/OS answered: %s (%s)", oneLine(message), kind)
}

// refusalData is what Cosmos adds to an error; each type of error has some of it.
type refusalData struct {
	PackageName    string   `json:"packageName"`
	PackageVersion string   `json:"packageVersion"`
	CurrentVersion string   `json:"currentVersion"`
	UpdateVersion  string   `json:"updateVersion"`
	ValidVersions  []string `json:"validVersions"`
	// Errors are what its JSON schema library found.
	Errors []schemaError `json:"errors"`
}

// schemaError is one finding: the keyword of the schema, and what it compared.
type schemaError struct {
	Instance struct {
		Pointer string `json:"pointer"`
	} `json:"instance"`
	Keyword  string   `json:"keyword"`
	Message  string   `json:"message"`
	Unwanted []string `json:"unwanted"`
	Missing  []string `json:"missing"`
	Found    any      `json:"found"`
	Expected []string `json:"expected"`
	Value    any      `json:"value"`
	Enum     []any    `json:"enum"`
	Text     string   `json:"string"`
}

// versions says which versions an update may lead to.
func (d refusalData) versions() string {
	if len(d.ValidVersions) == 0 {
		return "there is no other version that it can change to"
	}
	return "use one of " + strings.Join(d.ValidVersions, ", ")
}

// schemaMismatch names each option that the package's schema refuses.
func (d refusalData) schemaMismatch() error {
	l := &fault.List{}
	for _, e := range d.Errors {
		field := strings.ReplaceAll(strings.TrimPrefix(e.Instance.Pointer, "/"), "/", ".")
		below := func(name string) string { return strings.TrimPrefix(field+"."+name, ".") }
		switch {
		case len(e.Unwanted) > 0:
			for _, name := range e.Unwanted {
				l.Add(below(name), "is not an option of the package: see update options for those there are")
			}
		case len(e.Missing) > 0:
			for _, name := range e.Missing {
				l.Add(below(name), "is missing")
			}
		case e.Keyword == "type":
			l.Add(field, "is of type %v, not %s", e.Found, strings.Join(e.Expected, " or "))
		case e.Keyword == "enum":
			l.Add(field, "%v is not allowed: use one of %s", e.Value, strings.Trim(fmt.Sprint(e.Enum), "[]"))
		case e.Keyword == "pattern":
			l.Add(field, "%q is not allowed: see the description of the option in the catalog", e.Text)
		default:
			if field == "" {
				field = "options"
			}
			l.Add(field, "%s", clip(e.Message))
		}
	}
	if err := l.Err("the package manager of DC/OS refuses the options, and nothing was changed"); err != nil {
		return err
	}
	return fault.New(fault.Invalid, "the package manager of DC/OS refuses the options, and nothing was changed")
}
