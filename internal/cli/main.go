// Package cli is the command line of the product: `dcos flink …` as a plugin of the DC/OS
// CLI, and `dcos-flink …` on its own. It owns the plugin contract (arguments, environment,
// exit codes) and puts the commands together; each noun has a package below this one.
//
// It never imports a package of the service.
package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/document"
)

// Info is the line that `--info` prints and `dcos --help` shows.
const Info = "Run Apache Flink clusters and jobs on Mesos"

// defaultService is the name under which the package is installed unless it says otherwise.
const defaultService = "flink"

// defaultPoll is the time between two looks at something that is being followed.
const defaultPoll = 500 * time.Millisecond

// Main runs the program and returns its exit code. args are without the program's own name; env
// returns a variable of the environment.
func Main(ctx context.Context, args []string, env func(string) string, streams *terminal.Streams) command.Exit {
	f := &command.Factory{
		Streams: streams,
		Clock:   command.SystemClock{},
		Env:     env,
		Open:    os.Open,
		Version: version(),
	}
	return Run(ctx, f, args)
}

// Run runs the program with a given factory, whose client and pace are chosen from flags and
// environment unless they are set.
func Run(ctx context.Context, f *command.Factory, args []string) command.Exit {
	poll, err := pollOf(f.Env("DCOS_FLINK_POLL_INTERVAL"))
	if err != nil {
		return report(f.Streams, nil, err)
	}
	if f.Poll == 0 {
		f.Poll = poll
	}
	// The DC/OS CLI names the command in the first argument; on its own it may be left out.
	f.Streams.Program = "dcos-flink"
	if len(args) > 0 && args[0] == "flink" {
		args, f.Streams.Program = args[1:], terminal.DefaultProgram
	}
	root := newRoot(f)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	return report(f.Streams, cmd, err)
}

// pollOf reads DCOS_FLINK_POLL_INTERVAL.
func pollOf(text string) (time.Duration, error) {
	if text == "" {
		return defaultPoll, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, command.Usagef("DCOS_FLINK_POLL_INTERVAL is %q: use a duration above 0, such as 500ms", text)
	}
	return d, nil
}

// address is where the service is and how it is spoken to.
type address struct {
	url   string
	token string
	// bearer is the service's own token; empty where Admin Router takes the header that it would be in.
	bearer  string
	service string
	// cluster is the address of DC/OS; empty where the service was named by its own.
	cluster string
}

// hostPort is an address without a scheme, such as 127.0.0.1:8080: the service speaks plain HTTP by itself.
var hostPort = regexp.MustCompile(`^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+)(:[0-9]+)?(/.*)?$`)

// serviceName is a name of a service of Marathon, with its folders.
var serviceName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(/[a-z0-9]([a-z0-9.-]*[a-z0-9])?)*$`)

// addressOf finds the service. DCOS_FLINK_URL is the service's own address and wins;
// otherwise the service is behind Admin Router at DCOS_URL. A request has room for one token: the
// service's own goes to its own address, and through an Admin Router that asks for none.
func addressOf(env func(string) string, name string) (address, error) {
	dcos := strings.TrimRight(strings.TrimSuffix(env("DCOS_URL"), "#/"), "/")
	token, bearer := env("DCOS_ACS_TOKEN"), strings.TrimSpace(env("DCOS_FLINK_TOKEN"))
	if direct := env("DCOS_FLINK_URL"); direct != "" {
		if hostPort.MatchString(direct) {
			direct = "http://" + direct
		}
		return address{url: direct, token: tokenFor(direct, dcos, token), bearer: bearer}, nil
	}
	if token != "" {
		bearer = ""
	}
	if name == "" {
		name = env("DCOS_FLINK_SERVICE_NAME")
	}
	if name == "" {
		name = defaultService
	}
	name = strings.Trim(name, "/")
	if !serviceName.MatchString(name) {
		return address{}, command.Usagef("service name %q: use a name such as flink or dev/flink", name)
	}
	if dcos == "" {
		return address{}, command.Usagef("no cluster is configured: run dcos cluster setup and use dcos flink, or set DCOS_FLINK_URL to the address of the service")
	}
	return address{url: dcos + "/service/" + name, token: token, bearer: bearer, service: name, cluster: dcos}, nil
}

// tokenFor says which token an address of the user's own choice gets. The token of a DC/OS
// cluster is not told to another host.
func tokenFor(direct, dcos, token string) string {
	if dcos == "" {
		return token
	}
	a, err := url.Parse(direct)
	if err != nil {
		return ""
	}
	b, err := url.Parse(dcos)
	if err != nil || a.Host != b.Host || a.Scheme != b.Scheme {
		return ""
	}
	return token
}

// newClient returns the client that environment and flags ask for.
func newClient(f *command.Factory, name string, verbose int) (*client.Client, error) {
	at, err := addressOf(f.Env, name)
	if err != nil {
		return nil, err
	}
	config, err := tlsOf(f)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSClientConfig:       config,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   15 * time.Second,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       time.Minute,
	}
	c, err := client.New(client.Options{
		BaseURL: at.url,
		Token:   at.token,
		Bearer:  at.bearer,
		Service: at.service,
		Cluster: at.cluster,
		HTTP:    &http.Client{Transport: transport},
		Log:     logger(f, verbose),
		Agent:   "dcos-flink/" + f.Version,
	})
	if err != nil {
		return nil, &command.Error{Code: command.ExitUsage, Err: err}
	}
	return c, nil
}

// tlsOf reads DCOS_TLS_INSECURE and DCOS_TLS_CA_PATH.
func tlsOf(f *command.Factory) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	switch v := strings.ToLower(f.Env("DCOS_TLS_INSECURE")); v {
	case "", "0", "false":
	case "1", "true":
		config.InsecureSkipVerify = true //nolint:gosec // The user asked for it, by dcos cluster setup --insecure.
		return config, nil
	default:
		return nil, command.Usagef("DCOS_TLS_INSECURE is %q: use 1 or 0", v)
	}
	path := f.Env("DCOS_TLS_CA_PATH")
	if path == "" {
		return config, nil
	}
	file, err := f.Open(path)
	if err != nil {
		return nil, command.Usagef("read the certificates of DCOS_TLS_CA_PATH: %w", err)
	}
	defer file.Close()
	pem, err := readAll(file)
	if err != nil {
		return nil, command.Usagef("read the certificates of DCOS_TLS_CA_PATH: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, command.Usagef("DCOS_TLS_CA_PATH %s has no certificate in PEM form", path)
	}
	return config, nil
}

// logger tells of calls on the error output when --verbose or the DC/OS CLI's -v asks for it.
func logger(f *command.Factory, verbose int) *slog.Logger {
	if n, err := strconv.Atoi(f.Env("DCOS_VERBOSITY")); err == nil {
		verbose = max(verbose, n)
	}
	switch strings.ToLower(f.Env("DCOS_LOG_LEVEL")) {
	case "debug", "trace", "info":
		verbose = max(verbose, 1)
	}
	if verbose == 0 {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(f.Streams.Err, nil))
}

// report prints an error and returns the exit code. A mistake in the form of the command line is followed by where the
// form is explained.
func report(s *terminal.Streams, cmd *cobra.Command, err error) command.Exit {
	code := command.ExitOf(err)
	if err == nil {
		return code
	}
	s.Errf("Error: %s\n", terminal.Clean(strings.ReplaceAll(err.Error(), "\n", " ")))
	if _, ok := errors.AsType[*command.FlagError](err); ok && cmd != nil {
		s.Errf("Arguments and flags: %s --help\n", cmd.CommandPath())
	}
	return code
}

// flagError explains what is wrong with a flag. An unknown one is answered with the nearest that there is.
func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	name, ok := strings.CutPrefix(text, "unknown flag: --")
	if !ok {
		return command.Flagf("%s", text)
	}
	var known []string
	add := func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	}
	cmd.Flags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	near, ok := document.Nearest(name, known)
	if !ok {
		near = longer(name, known)
	}
	if near == "" {
		return command.Flagf("%s", text)
	}
	return command.Flagf("%s: did you mean --%s?", text, near)
}

// longer returns the only name of which a word is a part; empty when there is none, or several.
func longer(word string, names []string) string {
	found := ""
	for _, n := range names {
		if len(word) < 3 || !strings.Contains(n, word) {
			continue
		}
		if found != "" {
			return ""
		}
		found = n
	}
	return found
}

// version is the version of this build.
func version() string {
	if Version != "" {
		return Version
	}
	return fmt.Sprintf("0.0.0-%s", "dev")
}
