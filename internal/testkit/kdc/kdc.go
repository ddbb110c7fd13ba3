// Package kdc runs a Kerberos key distribution center for tests: MIT's, of Debian's packages krb5-kdc,
// krb5-admin-server and krb5-user, on
// 127.0.0.1, with a realm of its own.
package kdc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/testkit/process"
)

// Realm is the realm of every KDC of the package.
const Realm = "EXAMPLE.COM"

// KDC is a center that runs.
type KDC struct {
	// Address is host:port, for UDP and TCP.
	Address string

	t   testing.TB
	dir string
}

// Start makes a realm and runs its KDC, which ends with the test. Without the programs the test fails and says what to
// install.
func Start(t testing.TB) *KDC {
	t.Helper()
	k := &KDC{Address: process.FreeAddress(t), t: t, dir: t.TempDir()}
	port := k.Address[len("127.0.0.1:"):]
	// The servers' own options are in a file beside that of clients.
	k.write("kdc.conf", fmt.Sprintf(`[kdcdefaults]
kdc_listen = 127.0.0.1:%[1]s
kdc_tcp_listen = 127.0.0.1:%[1]s
[realms]
%[2]s = {
  database_name = %[3]s/principal
  key_stash_file = %[3]s/stash
  acl_file = %[3]s/kadm5.acl
  max_life = 1d
  max_renewable_life = 7d
  supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal
}
`, port, Realm, k.dir))
	k.write("krb5.conf", k.Conf())
	k.run("kdb5_util", "create", "-s", "-r", Realm, "-P", "the master key of a test")
	process.Start(t, process.Options{
		Name: "krb5kdc", Dir: k.dir, Env: k.env(), Ready: process.Listens(k.Address),
		Command: []string{program(t, "krb5kdc"), "-n", "-r", Realm},
	})
	return k
}

// Conf is the krb5.conf of clients.
func (k *KDC) Conf() string {
	return fmt.Sprintf(`[libdefaults]
default_realm = %[1]s
dns_lookup_kdc = false
dns_lookup_realm = false
rdns = false
udp_preference_limit = 1
[realms]
%[1]s = {
  kdc = %[2]s
}
`, Realm, k.Address)
}

// ConfFile is the path of Conf in a file.
func (k *KDC) ConfFile() string { return filepath.Join(k.dir, "krb5.conf") }

// Keytab makes principals, named without their realm, and returns the path of a keytab with the keys of them all.
func (k *KDC) Keytab(name string, principals ...string) string {
	k.t.Helper()
	path := filepath.Join(k.dir, name+".keytab")
	for _, p := range principals {
		k.run("kadmin.local", "-r", Realm, "-q", "addprinc -randkey "+p)
		k.run("kadmin.local", "-r", Realm, "-q", "ktadd -k "+path+" -norandkey "+p)
	}
	return path
}

// Login gets a ticket for a principal with its key, and returns the path of the ticket's file.
func (k *KDC) Login(keytab, principal string) string {
	k.t.Helper()
	cache := filepath.Join(k.dir, "tickets")
	k.run("kinit", "-c", cache, "-k", "-t", keytab, principal)
	return cache
}

func (k *KDC) env() []string {
	return []string{"KRB5_CONFIG=" + filepath.Join(k.dir, "krb5.conf"), "KRB5_KDC_PROFILE=" + filepath.Join(k.dir, "kdc.conf")}
}

func (k *KDC) write(name, text string) {
	k.t.Helper()
	if err := os.WriteFile(filepath.Join(k.dir, name), []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

func (k *KDC) run(name string, args ...string) {
	k.t.Helper()
	cmd := exec.CommandContext(k.t.Context(), program(k.t, name), args...)
	cmd.Env = append(os.Environ(), k.env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		k.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// program finds a program that is for root, whose directory other users do not have in their PATH.
func program(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	path := filepath.Join("/usr/sbin", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not installed: apt-get install krb5-kdc krb5-admin-server krb5-user", name)
	}
	return path
}
