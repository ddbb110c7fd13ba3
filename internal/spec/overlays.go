package spec

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Overlays add files and settings to the sandboxes of all tasks.
type Overlays struct {
	Hadoop   *Hadoop   `json:"hadoop,omitempty"`
	Kerberos *Kerberos `json:"kerberos,omitempty"`
	// LogConfiguration has the text of log4j.properties or logback.xml in place of the service's own, by the file's
	// name; log4j-console.properties and logback-console.xml are other names of the same.
	LogConfiguration map[string]string `json:"logConfiguration,omitempty"`
	// Plugins are the names of plugins in the Flink distribution: directories of plugins, and jars of opt.
	Plugins []string `json:"plugins,omitempty"`
	// Metrics say how the metrics of the cluster are read.
	Metrics Metrics `json:"metrics,omitzero"`
}

// Hadoop is how the tasks find a Hadoop.
type Hadoop struct {
	// ConfigURL is a URI below which core-site.xml and hdfs-site.xml are fetched.
	ConfigURL string `json:"configURL,omitempty"`
	// ConfigDirectory is an absolute path on the agents or in the image, instead of ConfigURL.
	ConfigDirectory string `json:"configDirectory,omitempty"`
	// User is HADOOP_USER_NAME: whom a Hadoop without Kerberos takes the tasks for.
	User string `json:"user,omitempty"`
	// Classpath is HADOOP_CLASSPATH: where Hadoop's own jars are.
	Classpath string `json:"classpath,omitempty"`
}

// Kerberos is how the processes log in.
type Kerberos struct {
	// KeytabURI is fetched; an uploaded artifact is the safest.
	KeytabURI string `json:"keytabURI,omitempty"`
	Principal string `json:"principal,omitempty"`
	// Contexts are the JAAS contexts that get the credentials, such as Client (ZooKeeper) and KafkaClient.
	Contexts []string `json:"contexts,omitempty"`
	// Krb5Conf is the text of krb5.conf; empty means the file of the agent or the image.
	Krb5Conf string `json:"krb5Conf,omitempty"`
}

// LogFile finds the text of a logging configuration: log4j.properties or logback.xml.
func (o Overlays) LogFile(name string) string {
	if text, ok := o.LogConfiguration[name]; ok {
		return text
	}
	return o.LogConfiguration[consoleName(name)]
}

// consoleName is the name that a file has in a FlinkDeployment.
func consoleName(name string) string {
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "-console" + ext
}

// complete makes what is empty absent.
func (o Overlays) complete() Overlays {
	if o.Hadoop != nil && *o.Hadoop == (Hadoop{}) {
		o.Hadoop = nil
	}
	if o.Kerberos != nil {
		k := *o.Kerberos
		k.Contexts = orNone(k.Contexts)
		o.Kerberos = &k
	}
	o.LogConfiguration, o.Plugins = noneIfEmpty(o.LogConfiguration), orNone(o.Plugins)
	return o
}

var (
	pluginPattern    = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	principalPattern = regexp.MustCompile(`^[^\s@\\]+(@[^\s@\\]+)?$`)
	contextPattern   = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
)

// checkOverlays looks at what overlays say, and whether options and variables say the same once more.
func (s Spec) checkOverlays() []problem {
	var checks []problem
	if h := s.Hadoop; h != nil {
		checks = append(checks, checkLocation("hadoop.configURL", rooted(h.ConfigURL)),
			problem{IsArtifactURI(h.ConfigURL), "hadoop.configURL", "must be a URI below which files are: name uploaded files in uris, and set HADOOP_CONF_DIR in environment"},
			problem{h.ConfigURL != "" && h.ConfigDirectory != "", "hadoop.configDirectory", "contradicts hadoop.configURL: remove one of them"},
			problem{
				h.ConfigDirectory != "" && (!path.IsAbs(h.ConfigDirectory) || hasControl(h.ConfigDirectory)), "hadoop.configDirectory",
				quote(h.ConfigDirectory) + " is not an absolute path",
			},
			problem{strings.ContainsFunc(h.User, isSpaceOrControl) || len(h.User) > 256, "hadoop.user", quote(h.User) + " is not the name of a user"},
			checkText("hadoop.classpath", h.Classpath), s.already("hadoop.user", h.User != "", "HADOOP_USER_NAME"),
			s.already("hadoop.classpath", h.Classpath != "", "HADOOP_CLASSPATH"),
			s.already("hadoop", h.ConfigURL+h.ConfigDirectory != "", "HADOOP_CONF_DIR"),
		)
	}
	checks = append(checks, s.checkKerberos()...)
	checks = append(checks, s.checkMetrics()...)
	files := []string{"log4j.properties", "logback.xml"}
	for _, name := range slices.Sorted(maps.Keys(s.LogConfiguration)) {
		field := "logConfiguration." + shorten(name)
		known := slices.ContainsFunc(files, func(f string) bool { return name == f || name == consoleName(f) })
		checks = append(checks, problem{!known, field, "is not a logging configuration that is known: there are log4j.properties and logback.xml"},
			checkText(field, s.LogConfiguration[name]))
	}
	for _, f := range files {
		_, plain := s.LogConfiguration[f]
		_, console := s.LogConfiguration[consoleName(f)]
		checks = append(checks, problem{plain && console, "logConfiguration." + consoleName(f), "is another name of " + f + ": remove one of them"})
	}
	for i, name := range s.Plugins {
		field := fmt.Sprintf("plugins[%d]", i)
		checks = append(checks,
			problem{!pluginPattern.MatchString(name), field, quote(name) + " is not the name of a plugin: write one such as s3-fs-presto or metrics-prometheus"},
			problem{slices.Contains(s.Plugins[:i], name), field, quote(name) + " is there twice"})
	}
	return append(checks, problem{len(s.Plugins) > maxEntries, "plugins", fmt.Sprintf("has more than %d elements", maxEntries)})
}

// rooted gives the address of a server alone the path of its root: there may be files below it, while it is none itself.
func rooted(uri string) string {
	if u, err := url.Parse(uri); err == nil && u.Host != "" && u.Path == "" {
		return uri + "/"
	}
	return uri
}

func (s Spec) checkKerberos() []problem {
	k := s.Kerberos
	if k == nil {
		return nil
	}
	checks := []problem{
		checkLocation("kerberos.keytabURI", k.KeytabURI),
		checkText("kerberos.krb5Conf", k.Krb5Conf),
		{k.Principal != "" && !principalPattern.MatchString(k.Principal), "kerberos.principal", quote(k.Principal) + " is not a principal: write one such as flink/host@EXAMPLE.COM"},
		{k.KeytabURI == "" && (k.Principal != "" || k.Krb5Conf == "" || len(k.Contexts) > 0), "kerberos.keytabURI", "is missing: upload the keytab and name its artifact URI"},
		{k.KeytabURI != "" && k.Principal == "", "kerberos.principal", "is missing: whose keys are in the keytab?"},
	}
	for i, c := range k.Contexts {
		checks = append(checks, problem{!contextPattern.MatchString(c), fmt.Sprintf("kerberos.contexts[%d]", i), quote(c) + " is not the name of a login context"})
	}
	for _, o := range []struct {
		option string
		set    bool
	}{{"keytab", k.KeytabURI != ""}, {"principal", k.Principal != ""}, {"contexts", len(k.Contexts) > 0}} {
		option := "security.kerberos.login." + o.option
		_, twice := s.FlinkConfiguration[option]
		checks = append(checks, problem{o.set && twice, "flinkConfiguration." + option, "is said by kerberos too: remove one of them"})
	}
	return checks
}

// already says whether a variable has in the environment what a field says too.
func (s Spec) already(field string, set bool, variable string) problem {
	_, twice := s.Environment[variable]
	return problem{set && twice, field, "is said by environment." + variable + " too: remove one of them"}
}

func isSpaceOrControl(c rune) bool { return c <= ' ' || c == 0x7f }
