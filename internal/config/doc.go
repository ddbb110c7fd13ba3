// Package config reads the service's configuration from its environment: every variable has a name, a
// default and a sentence in the tags of Config, and docs/configuration.md is made of them.
//
// A variable FOO may also be given as FLINK_SERVICE_FOO, which wins; a variable with that prefix that we do
// not know stops the start, so that no misspelling passes silently. An empty variable counts as absent,
// because templates render what is not set as empty. All problems are told at once. A secret FOO may be
// given as the file FOO_FILE.
//
// The package refuses to act on what it reads: it opens no connection and makes no directory.
package config
