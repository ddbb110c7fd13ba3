package redact

import (
	"maps"
	"slices"
	"strings"
)

// sensitive are the parts of a name by which Flink itself knows a secret (GlobalConfiguration.SENSITIVE_KEYS of 1.20 and
// 2.3), and those of the object stores' identities, which Flink shows (s3.access-key, fs.s3a.access.key).
func sensitive() []string {
	return []string{
		"password", "secret", "fs.azure.account.key", "apikey", "api-key", "auth-params",
		"service-key", "token", "basic-auth", "jaas.config", "http-headers",
		"access-key", "access.key", "accesskey",
	}
}

// customary are parts of the names of variables with secrets that no option of Flink has.
func customary() []string {
	return []string{"passwd", "passphrase", "credential", "private-key", "privatekey"}
}

// tokenFile is the one option with a sensitive name and a public value: a path in the sandbox.
const tokenFile = "mesos.driver.token-file"

// zooKeeperAuthorization holds user and password of ZooKeeper; Flink shows it.
const zooKeeperAuthorization = "high-availability.zookeeper.client.authorization"

// Option says whether the value of a Flink option must not be shown.
func Option(name string) bool {
	name = strings.ToLower(name)
	return name == zooKeeperAuthorization || name != tokenFile && containsAny(name, sensitive())
}

// Variable says whether the value of an environment variable, a Docker parameter or an option of a volume driver must not
// be shown. The words of such names are joined by underscores, those of Flink's options by hyphens and dots.
func Variable(name string) bool {
	dashed := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	return Option(name) || Option(dashed) || Option(strings.ReplaceAll(dashed, "-", ".")) || containsAny(dashed, customary())
}

func containsAny(name string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(name, part) })
}

// Options returns a copy of a Flink configuration that may be shown.
func Options(config map[string]string) map[string]string { return hide(config, Option) }

// hide returns a copy with the secret values masked.
func hide(values map[string]string, secret func(string) bool) map[string]string {
	shown := maps.Clone(values)
	for key := range shown {
		if secret(key) {
			shown[key] = Mask
		}
	}
	return shown
}
