// Package universe owns the DC/OS package: it reads the four files of it, renders them as Cosmos does, checks what
// comes out by Marathon's rules, and builds a release with a repository that `dcos package repo add` accepts.
//
// The files are config.json (the options, a JSON schema of draft 4) and marathon.json.mustache (the app) at the
// project's root, and package.json and resource.json in universe/. Resource.json is a template: see Fill.
//
// The package knows nothing of the service: that options, template and the service's environment agree is what
// tests/universe looks at.
package universe
