package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/kelseyhightower/envconfig"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

const (
	// Prefix may stand before the name of every option.
	Prefix = "FLINK_SERVICE_"
	// fileSuffix stands behind the name of a secret that is in a file.
	fileSuffix = "_FILE"
	// maxSecret is the longest file of a secret, in bytes.
	maxSecret = 64 << 10
)

// Load reads the configuration from environ, which has the form of os.Environ. The error is a
// fault.Invalid with every problem, each with the name of its variable. It never holds a secret.
func Load(environ []string) (Config, error) { return load(environ, false) }

// CheckElsewhere looks at an environment that is meant for another machine: as Load does, except that the files that it
// names are not looked for, and what is in them is taken to be right.
func CheckElsewhere(environ []string) error {
	_, err := load(environ, true)
	return err
}

func load(environ []string, elsewhere bool) (Config, error) {
	l := loader{env: make(map[string]string, len(environ)), elsewhere: elsewhere}
	for _, e := range environ {
		name, value, ok := strings.Cut(e, "=")
		if ok && strings.TrimSpace(value) != "" {
			l.env[name] = value
		}
	}
	var c Config
	for _, f := range fields(reflect.ValueOf(&c).Elem(), false) {
		l.set(f)
	}
	l.refuseUnknown(environ)
	l.derive(&c)
	if elsewhere {
		l.refused = append(l.refused, "MESOS_CA_FILE", "HADOOP_CONF_DIR", "SECRETS_DIR", "LISTEN_CERTIFICATE_FILE", "LISTEN_KEY_FILE", "STATE_STORE_CA_FILE")
	}
	l.reconcile(&c)
	l.check(c)
	if err := l.problems.Err("the service's environment is not valid"); err != nil {
		return Config{}, err
	}
	return c, nil
}

// loader collects what is found in one environment.
type loader struct {
	env      map[string]string
	problems fault.List
	// refused are the variables whose value could not be read; they are not checked further.
	refused []string
	// elsewhere says that the files are on another machine.
	elsewhere bool
}

// field is one variable: where its value goes, and its tags.
type field struct {
	value reflect.Value
	tags  reflect.StructField
	fact  bool
}

func (f field) name() string { return f.tags.Tag.Get("envconfig") }

func (f field) secret() bool { return f.tags.Type == reflect.TypeFor[Secret]() }

// fields lists the variables of a struct of sections, in their order.
func fields(v reflect.Value, fact bool) []field {
	var all []field
	for i := range v.NumField() {
		tags := v.Type().Field(i)
		if tags.Tag.Get("envconfig") == "" && tags.Type.Kind() != reflect.Struct {
			continue
		}
		if tags.Tag.Get("envconfig") == "" {
			all = append(all, fields(v.Field(i), tags.Tag.Get("fact") == "true")...)
			continue
		}
		all = append(all, field{value: v.Field(i), tags: tags, fact: fact})
	}
	return all
}

// lookup finds a variable: by envconfig's own rule the prefixed name wins.
func (l *loader) lookup(name string) (value, found string) {
	for _, n := range []string{Prefix + name, name} {
		if v, ok := l.env[n]; ok {
			return v, n
		}
	}
	return "", name
}

// set reads one variable.
func (l *loader) set(f field) {
	name := f.name()
	value, found := l.lookup(name)
	if f.fact {
		value, found = l.env[name], name
	}
	if f.secret() {
		value, found = l.secret(name, value, found)
	} else {
		value = strings.TrimSpace(value)
	}
	if value == "" {
		value = f.tags.Tag.Get("default")
	}
	switch {
	case value != "":
		if err := assign(f, value); err != nil {
			l.refuse(name, found, "%s", explain(f, value, err))
		}
	case f.tags.Tag.Get("required") == "true":
		l.refuse(name, name, "is missing. %s", f.tags.Tag.Get("doc"))
	}
}

func (l *loader) refuse(name, found, format string, args ...any) {
	l.refused = append(l.refused, name)
	l.problems.Add(found, format, args...)
}

// secret reads a secret from the variable or from the file that its variant names.
func (l *loader) secret(name, value, found string) (text, where string) {
	path, foundFile := l.lookup(name + fileSuffix)
	switch {
	case path == "":
		return value, found
	case value != "":
		l.refuse(name, foundFile, "%s is set too: use one of them", found)
		return "", found
	}
	if l.elsewhere {
		l.refused = append(l.refused, name, "MESOS_PRINCIPAL", "MARATHON_USER", "STATE_STORE_USER", "ZOOKEEPER_SASL_USER") // Those ask whether there is a secret.
		return "", foundFile
	}
	text, err := readSecret(path)
	if err != nil {
		l.refuse(name, foundFile, "%v", err)
	}
	return text, foundFile
}

// readSecret returns what a file holds, without the line break at its end.
func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("the secret cannot be read: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	text := strings.TrimRight(string(data), "\r\n")
	switch {
	case err != nil:
		return "", fmt.Errorf("the secret cannot be read: %w", err)
	case len(data) > maxSecret:
		return "", fmt.Errorf("the file %s is larger than %d bytes: it cannot be the secret", path, maxSecret)
	case text == "":
		return "", fmt.Errorf("the file %s is empty: put the secret into it", path)
	}
	return text, nil
}

// assign has envconfig convert a value to the field's type. envconfig reads the environment of the process and
// stops at the first problem; so each field is given to it alone, with the value as the default of a variable
// that no environment can hold. That way every problem is told, and any environment can be loaded.
func assign(f field, value string) error {
	const nowhere = "=" // A name cannot contain this.
	one := reflect.New(reflect.StructOf([]reflect.StructField{{
		Name: f.tags.Name, Type: f.tags.Type,
		Tag: reflect.StructTag("envconfig:" + strconv.Quote(nowhere) + " default:" + strconv.Quote(value)),
	}}))
	if err := envconfig.Process("", one.Interface()); err != nil {
		return err
	}
	if list, ok := reflect.TypeAssert[[]string](one.Elem().Field(0)); ok {
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
	}
	f.value.Set(one.Elem().Field(0))
	return nil
}

// explain says what a value should have been.
func explain(f field, value string, err error) string {
	if e, ok := errors.AsType[*envconfig.ParseError](err); ok {
		err = e.Err
	}
	switch kind(f.tags.Type) {
	case "duration":
		return fmt.Sprintf("%q is not a duration: write a number and a unit, such as 30s, 15m or 168h", value)
	case "boolean":
		return fmt.Sprintf("%q is neither true nor false", value)
	case "number":
		return fmt.Sprintf("%q is not a whole number", value)
	case "level":
		return fmt.Sprintf("%q is not a level: use DEBUG, INFO, WARN or ERROR", value)
	default:
		return err.Error()
	}
}

// refuseUnknown looks for variables with our prefix that are none of ours.
func (l *loader) refuseUnknown(environ []string) {
	var known []string
	for _, v := range Variables() {
		if !v.Fact {
			known = append(known, v.Name)
		}
		if v.Secret {
			known = append(known, v.Name+fileSuffix)
		}
	}
	var unknown []string
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		if short, ok := strings.CutPrefix(name, Prefix); ok && !slices.Contains(known, short) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range slices.Compact(unknown) {
		l.problems.Add(name, "is not a variable of this service: did you mean %s?", Prefix+nearest(strings.TrimPrefix(name, Prefix), known))
	}
}

// reconcile takes back options that contradict others and without which the service can run. In an environment for
// another machine, where nothing runs yet, they are errors.
func (l *loader) reconcile(c *Config) {
	ignore := func(when bool, name, message string) bool {
		_, found := l.lookup(name)
		switch {
		case !when:
		case l.elsewhere:
			l.problems.Add(found, "%s", message)
		default:
			c.Warnings = append(c.Warnings, fault.Detail{Field: found, Message: message})
		}
		return when
	}
	if ignore(c.Mesos.Insecure && c.Mesos.CAFile != "", "MESOS_INSECURE", "contradicts MESOS_CA_FILE, whose authorities are asked for: remove one of them") {
		c.Mesos.Insecure = false
	}
	if ignore(c.State.CAFile != "" && !c.State.TLS, "STATE_STORE_CA_FILE", "is not used: set STATE_STORE_TLS to true, or remove it") {
		c.State.CAFile = ""
	}
	if ignore(c.HTTP.KeyFile != "" && c.HTTP.CertificateFile == "", "LISTEN_KEY_FILE", "is not used: set LISTEN_CERTIFICATE_FILE to the certificate of this key, or remove it") {
		c.HTTP.KeyFile = ""
	}
	ignore(c.HTTP.CertificateFile != "" && c.HTTP.KeyFile == "", "LISTEN_CERTIFICATE_FILE", "is not used, because its key is missing: set LISTEN_KEY_FILE. "+
		"Until then the service listens with a certificate of its own making, which agents do not trust: no task can be launched")
	if l.elsewhere {
		problem := c.Flink.InitialCluster.problem(c.Flink, c.Mesos.Roles)
		ignore(problem != "", "INITIAL_CLUSTER", problem)
	}
}

// derive fills what follows from other variables and from facts.
func (l *loader) derive(c *Config) {
	if _, found := l.lookup("LISTEN"); l.env[found] == "" {
		port := c.Facts.PortAPI
		if port == "" {
			port = c.Facts.Port0
		}
		if port != "" {
			c.HTTP.Listen = "0.0.0.0:" + port
		}
	}
	if c.HTTP.AdvertiseHost == "" {
		c.HTTP.AdvertiseHost = c.Facts.Host
	}
	if c.HTTP.AdvertiseHost == "" {
		host, err := os.Hostname()
		if err != nil {
			l.problems.Add("ADVERTISE_HOST", "is missing, and the host name of the machine cannot be read (%v)", err)
		}
		c.HTTP.AdvertiseHost = host
	}
	if _, found := l.lookup("FRAMEWORK_NAME"); l.env[found] == "" && strings.Trim(c.Facts.AppID, "/") != "" {
		c.Framework.Name = strings.Trim(c.Facts.AppID, "/")
	}
	if bundle := filepath.Join(c.Facts.Sandbox, ".ssl", "ca-bundle.crt"); c.Mesos.CAFile == "" && c.Facts.Sandbox != "" && !c.Mesos.Insecure && !unreadable(bundle) {
		c.Mesos.CAFile = bundle
	}
	c.Marathon.Uninstall = c.Marathon.Uninstall || c.Facts.SDKUninstall
	if c.State.Store == "" {
		c.State.Store = "file:" + filepath.Join(c.State.DataDir, "state")
	}
}
