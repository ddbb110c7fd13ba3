package launch

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Files of the overlays in the sandbox.
const (
	hadoopDirectory = "hadoop"
	keytabFile      = "kerberos/flink.keytab"
	krb5File        = "kerberos/krb5.conf"
	logbackFile     = "conf/logback.xml"
)

// maxHadoop bounds the files of HADOOP_CONF_DIR together, in bytes.
const maxHadoop = 4 << 20

// logging is how the processes of a cluster log.
func logging(s spec.Spec) flink.Log {
	return flink.Log{File: true, Properties: s.LogFile("log4j.properties")}
}

// hadoopFromService says whether the tasks get the Hadoop configuration that the service has: those do whose spec says
// nothing of one.
func (p *Planner) hadoopFromService(s spec.Spec) bool {
	_, variable := s.Environment["HADOOP_CONF_DIR"]
	_, option := s.FlinkConfiguration["env.hadoop.conf.dir"]
	h := s.Hadoop
	return p.o.HadoopDirectory != "" && !variable && !option && (h == nil || h.ConfigURL+h.ConfigDirectory == "")
}

// overlayEnvironment are the variables of overlays.
func (p *Planner) overlayEnvironment(s spec.Spec) map[string]string {
	env := map[string]string{}
	if p.hadoopFromService(s) {
		env["HADOOP_CONF_DIR"] = hadoopDirectory
	}
	set := func(name, value string) {
		if value != "" {
			env[name] = value
		}
	}
	if h := s.Hadoop; h != nil {
		set("HADOOP_CONF_DIR", h.ConfigDirectory)
		if h.ConfigURL != "" {
			env["HADOOP_CONF_DIR"] = hadoopDirectory
		}
		set("HADOOP_USER_NAME", h.User)
		set("HADOOP_CLASSPATH", h.Classpath)
	}
	set("FLINK_ENABLED_PLUGINS", strings.Join(s.Plugins, " "))
	return env
}

// overlayConfiguration are the Flink options of overlays.
func overlayConfiguration(s spec.Spec) map[string]string {
	config := map[string]string{}
	if k := s.Kerberos; k != nil {
		if k.KeytabURI != "" {
			config["security.kerberos.login.keytab"] = keytabFile
			config["security.kerberos.login.principal"] = k.Principal
		}
		if len(k.Contexts) > 0 {
			config["security.kerberos.login.contexts"] = strings.Join(k.Contexts, ",")
		}
	}
	if s.Metrics.Prometheus {
		config[spec.PrometheusReporter+"factory.class"] = "org.apache.flink.metrics.prometheus.PrometheusReporterFactory"
		// The list, where there is one, names the only reporters that Flink starts.
		list := strings.FieldsFunc(s.FlinkConfiguration["metrics.reporters"], func(r rune) bool { return r == ',' || r == ' ' })
		if len(list) > 0 && !slices.Contains(list, "prometheus") {
			config["metrics.reporters"] = strings.Join(append(list, "prometheus"), ",")
		}
	}
	return config
}

// overlayJVM are the JVM options of overlays.
func overlayJVM(s spec.Spec) []string {
	if k := s.Kerberos; k != nil && k.Krb5Conf != "" {
		return []string{"-Djava.security.krb5.conf=" + krb5File}
	}
	return nil
}

// overlayURIs are fetched for overlays, before what the spec itself names.
func overlayURIs(s spec.Spec) []spec.URI {
	var uris []spec.URI
	if k := s.Kerberos; k != nil && k.KeytabURI != "" {
		uris = append(uris, spec.URI{Value: k.KeytabURI, OutputFile: keytabFile})
	}
	if h := s.Hadoop; h != nil && h.ConfigURL != "" {
		for _, file := range []string{"core-site.xml", "hdfs-site.xml"} {
			uris = append(uris, spec.URI{Value: strings.TrimRight(h.ConfigURL, "/") + "/" + file, OutputFile: hadoopDirectory + "/" + file})
		}
	}
	return uris
}

// overlayFiles are in the overlay's archive, which is made when a task fetches it.
func (p *Planner) overlayFiles(s spec.Spec) ([]flink.File, error) {
	var files []flink.File
	if k := s.Kerberos; k != nil && k.Krb5Conf != "" {
		files = append(files, flink.File{Name: krb5File, Content: []byte(k.Krb5Conf)})
	}
	if text := s.LogFile("logback.xml"); text != "" {
		files = append(files, flink.File{Name: logbackFile, Content: []byte(text)})
	}
	if !p.hadoopFromService(s) {
		return files, nil
	}
	found, err := os.ReadDir(p.o.HadoopDirectory)
	if err != nil {
		return nil, fmt.Errorf("read HADOOP_CONF_DIR: %w", err)
	}
	size := 0
	for _, f := range found {
		path := filepath.Join(p.o.HadoopDirectory, f.Name())
		info, err := os.Stat(path) // A link, as Hadoop's own installation has them, counts as what it leads to.
		if err != nil || !info.Mode().IsRegular() || strings.HasPrefix(f.Name(), ".") {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read HADOOP_CONF_DIR: %w", err)
		}
		if size += len(content); size > maxHadoop {
			return nil, fmt.Errorf("read HADOOP_CONF_DIR: %s holds more than %d MiB: is it a configuration?", p.o.HadoopDirectory, maxHadoop>>20)
		}
		files = append(files, flink.File{Name: hadoopDirectory + "/" + f.Name(), Content: content})
	}
	return files, nil
}

// inherited copies what the service hands on from its own environment; it is weaker than everything else.
func (p *Planner) inherited() map[string]string {
	env := map[string]string{}
	maps.Copy(env, p.o.Inherited)
	return env
}
