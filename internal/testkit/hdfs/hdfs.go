// Package hdfs runs a real HDFS for tests: a NameNode and a DataNode of Hadoop's MiniDFSCluster, in one process on 127.0.0.1,
// with or without Kerberos.
package hdfs

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/testkit/jars"
	"github.com/flink-on-mesos/flink-service/internal/testkit/kdc"
	"github.com/flink-on-mesos/flink-service/internal/testkit/process"
)

// Version is that of Hadoop.
const Version = "3.4.1"

// server is what runs HDFS. The provider of ciphers is what Hadoop needs for Kerberos since 3.4, and does not bring.
var server = jars.Set{Name: "hdfs", Version: Version, Artifacts: []string{
	"org.apache.hadoop:hadoop-client-minicluster:" + Version, "org.bouncycastle:bcprov-jdk18on:1.78.1",
}}

// Server is an HDFS that runs.
type Server struct {
	// Address is host:port of the NameNode.
	Address string
	// ConfigURL is where core-site.xml and hdfs-site.xml of clients are.
	ConfigURL string

	t         testing.TB
	lib, conf string
	k         *kdc.KDC
	// keytabs are by their users.
	keytabs map[string]string
}

// User owns the directory Dir, and may write nowhere else; with a KDC it is a principal there.
const User = "flink"

// Dir is where User may write.
const Dir = "/flink"

// Start runs an HDFS, which ends with the test. With a KDC it accepts those only who log in there.
func Start(t testing.TB, k *kdc.KDC) *Server {
	t.Helper()
	lib, err := server.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &Server{t: t, lib: lib, conf: filepath.Join(dir, "conf"), k: k, keytabs: map[string]string{}}
	// What clients need too.
	site := map[string]string{"dfs.replication": "1"}
	own := map[string]string{}
	command := []string{"java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dtest.build.data=" + filepath.Join(dir, "data")}
	if k != nil {
		s.secure(site, own)
		command = append(command, "-Djava.security.krb5.conf="+k.ConfFile())
	}
	details := filepath.Join(dir, "details.json")
	command = append(command, "-cp", jars.ClassPath(lib), "org.apache.hadoop.test.MiniDFSClusterManager",
		"-datanodes", "1", "-format", "-nnport", "0", "-writeDetails", details)
	for _, settings := range []map[string]string{site, own} {
		for _, name := range slices.Sorted(maps.Keys(settings)) {
			command = append(command, "-D"+name+"="+settings[name])
		}
	}
	// The details are written when the NameNode serves and the DataNode is registered.
	var found struct {
		Port int `json:"namenode_port"`
	}
	process.Start(t, process.Options{Name: "hdfs", Dir: dir, Command: command, Ready: func(context.Context) error {
		text, err := os.ReadFile(details)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, &found)
	}})
	s.Address = fmt.Sprintf("127.0.0.1:%d", found.Port)
	s.serve(site)
	s.own()
	return s
}

// Keytab is the path of one with the key of User, which the KDC made.
func (s *Server) Keytab() string {
	s.t.Helper()
	if s.keytabs[User] == "" {
		s.keytabs[User] = s.k.Keytab(User, User)
	}
	return s.keytabs[User]
}

// List returns the paths of all files below a directory, as User sees them; none when there is no such directory.
func (s *Server) List(dir string) []string {
	s.t.Helper()
	out, err := s.shell(User, "-ls", "-R", "-C", dir)
	if err != nil && !strings.Contains(err.Error(), "No such file or directory") {
		s.t.Fatal(err)
	}
	return strings.Fields(out)
}

// own makes Dir the directory of User, as the one whom the NameNode runs as.
func (s *Server) own() {
	s.t.Helper()
	super := strings.TrimSuffix(Principal, "@"+kdc.Realm)
	if s.k == nil {
		u, err := user.Current()
		if err != nil {
			s.t.Fatal(err)
		}
		super = u.Username
	}
	for _, command := range [][]string{{"-mkdir", Dir}, {"-chown", User, Dir}} {
		if _, err := s.shell(super, command...); err != nil {
			s.t.Fatal(err)
		}
	}
}

// shell runs a command of Hadoop's shell for files as a user.
func (s *Server) shell(as string, args ...string) (string, error) {
	s.t.Helper()
	java := []string{"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", s.conf + string(os.PathListSeparator) + jars.ClassPath(s.lib)}
	env := []string{"HADOOP_USER_NAME=" + as}
	if s.k != nil {
		if as == User {
			s.Keytab()
		}
		java = append(java, "-Djava.security.krb5.conf="+s.k.ConfFile())
		env = []string{"KRB5CCNAME=" + s.k.Login(s.keytabs[as], as)}
	}
	cmd := exec.CommandContext(s.t.Context(), "java", append(append(java, "org.apache.hadoop.fs.FsShell"), args...)...)
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%v as %s: %w: %s", args, as, err, stderr.String())
	}
	return string(out), nil
}

// Principal is the one that the NameNode and the DataNode log in as.
const Principal = "hdfs/127.0.0.1@" + kdc.Realm

// secure adds what an HDFS with Kerberos needs: to the settings that clients have too, and to its own.
func (s *Server) secure(site, own map[string]string) {
	s.t.Helper()
	maps.Copy(site, map[string]string{
		"dfs.data.transfer.protection":    "authentication",
		"dfs.namenode.kerberos.principal": Principal, "dfs.datanode.kerberos.principal": Principal,
	})
	super := strings.TrimSuffix(Principal, "@"+kdc.Realm)
	keytab := s.k.Keytab("hdfs", super, "HTTP/127.0.0.1")
	s.keytabs[super] = keytab
	maps.Copy(own, map[string]string{
		"hadoop.security.authentication": "kerberos", "dfs.block.access.token.enable": "true", "dfs.namenode.keytab.file": keytab, "dfs.datanode.keytab.file": keytab,
		"dfs.web.authentication.kerberos.principal": "HTTP/127.0.0.1@" + kdc.Realm, "dfs.web.authentication.kerberos.keytab": keytab,
		// Without certificates and ports below 1024, which are about the web pages.
		"ignore.secure.ports.for.testing": "true",
	})
}

// serve writes the files of clients, and serves them.
func (s *Server) serve(site map[string]string) {
	s.t.Helper()
	core := map[string]string{"fs.defaultFS": "hdfs://" + s.Address}
	if s.k != nil {
		core["hadoop.security.authentication"] = "kerberos"
	}
	if err := os.Mkdir(s.conf, 0o755); err != nil {
		s.t.Fatal(err)
	}
	for name, settings := range map[string]map[string]string{"core-site.xml": core, "hdfs-site.xml": site} {
		if err := os.WriteFile(filepath.Join(s.conf, name), []byte(xml(settings)), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	served := httptest.NewServer(http.FileServer(http.Dir(s.conf)))
	s.t.Cleanup(served.Close)
	s.ConfigURL = served.URL
}

// xml writes settings as Hadoop reads them.
func xml(settings map[string]string) string {
	var b strings.Builder
	b.WriteString("<configuration>\n")
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "  <property><name>%s</name><value>%s</value></property>\n", name, settings[name])
	}
	b.WriteString("</configuration>\n")
	return b.String()
}

// Jars are the paths of the jars that a client of this HDFS needs, by their names without version: hadoop-client-api,
// hadoop-client-runtime and bcprov-jdk18on.
func (s *Server) Jars() map[string]string {
	return map[string]string{
		"hadoop-client-api":     filepath.Join(s.lib, "hadoop-client-api-"+Version+".jar"),
		"hadoop-client-runtime": filepath.Join(s.lib, "hadoop-client-runtime-"+Version+".jar"),
		"bcprov-jdk18on":        filepath.Join(s.lib, "bcprov-jdk18on-1.78.1.jar"),
	}
}
