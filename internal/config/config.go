package config

import (
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/auth"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Config is the service's configuration, checked. Package app cuts it into each part's options.
type Config struct {
	Mesos     Mesos     `doc:"How the service finds the Mesos master and proves who it is."`
	Identity  Identity  `doc:"The service account of a DC/OS cluster whose masters ask who calls; see docs/security.md."`
	Marathon  Marathon  `doc:"The Marathon that runs the service, and the removal of the service."`
	Framework Framework `doc:"How the service introduces itself to Mesos."`
	HTTP      HTTP      `doc:"Where the service listens, and the name under which tasks and users reach it."`
	State     State     `doc:"Where the service keeps what must outlive it."`
	Flink     Flink     `doc:"Which Flink is started, and what clusters get that do not say otherwise."`
	HA        HA        `doc:"How the service enters the ZooKeeper of highly available JobManagers, of which it removes what they leave."`
	Timing    Timing    `doc:"Times of the scheduler. Each is a number with a unit: 500ms, 30s, 15m, 168h."`
	Metrics   Metrics   `doc:"What the service tells systems that watch it."`
	Log       Log       `doc:"What the service writes to its standard error."`
	// Warnings are the options that are ignored, because they contradict others, with what to do about each. They are no
	// errors: a slip in an option must not stop a service that runs clusters.
	Warnings []fault.Detail
	Facts    Facts `doc:"What Marathon, Mesos and Cosmos tell a process that they start. These are facts, not options: they have no prefixed form, and other variables that begin with MESOS_, MARATHON_ or PORT are left alone." fact:"true"`
}

// Mesos says where the master is.
type Mesos struct {
	Master    string   `envconfig:"MESOS_MASTER" required:"true" doc:"The master: host:port, a comma-separated list of them, an http or https URL, zk://host:port,…/path (the leader is read from ZooKeeper), or local (a master and agents inside this process, sized by LOCALMESOS_ variables)."`
	Scheme    string   `envconfig:"MESOS_SCHEME" default:"http" doc:"http or https, for master addresses that name no scheme."`
	Principal string   `envconfig:"MESOS_PRINCIPAL" doc:"Whom the service authenticates as; needs MESOS_SECRET. With a service account it is the account."`
	Secret    Secret   `envconfig:"MESOS_SECRET" doc:"The principal's secret. Not used with a service account."`
	Roles     []string `envconfig:"MESOS_ROLES" default:"*" doc:"The roles whose resources are used, separated by commas; the first is the default of a cluster."`
	CAFile    string   `envconfig:"MESOS_CA_FILE" doc:"A PEM file with the authorities that may sign the certificates of masters, agents, the login endpoint and Marathon; without it .ssl/ca-bundle.crt in the sandbox, which DC/OS Enterprise puts there, else those of the system."`
	Insecure  bool     `envconfig:"MESOS_INSECURE" default:"false" doc:"true accepts any certificate of the master. For trials only."`
}

// Identity is a service account.
type Identity struct {
	Credential Secret `envconfig:"DCOS_SERVICE_ACCOUNT_CREDENTIAL" doc:"The credential of a service account, as dcos security secrets create-sa-secret stores it: its JSON, or file: and the path of a file with it. The service then logs in, and sends the token to masters, agents and Marathon."`
}

// Marathon runs us.
type Marathon struct {
	URL      string `envconfig:"MARATHON_URL" doc:"Where Marathon is, such as http://marathon.mesos:8080 or https://leader.mesos/service/marathon. Needed for the service to remove its own app at the end of UNINSTALL, and for flink-service marathon."`
	User     string `envconfig:"MARATHON_USER" doc:"Whom the service authenticates as to a Marathon that was started with --http_credentials."`
	Password Secret `envconfig:"MARATHON_PASSWORD" doc:"The password of MARATHON_USER."`
	// UninstallSavepoints is a URI, or empty.
	UninstallSavepoints string `envconfig:"UNINSTALL_SAVEPOINT_DIRECTORY" doc:"Where the removal of the service stops every running job with a savepoint before it deletes the job's cluster, such as hdfs:///savepoints; the log names each savepoint. Without it none are taken. A cluster whose savepoint fails is tried again until it succeeds, or the service is started without this."`
	Uninstall           bool   `envconfig:"UNINSTALL" default:"false" doc:"true removes the service: it deletes every cluster, kills all tasks, tears the framework down, removes its state, and then only answers. Cosmos asks for the same with SDK_UNINSTALL."`
}

// Framework is our entry in the master's list.
type Framework struct {
	Name            string        `envconfig:"FRAMEWORK_NAME" default:"flink" doc:"The framework's name in Mesos and in the user interface of DC/OS. Under Marathon it defaults to the id of the app, without the slash at its beginning."`
	User            string        `envconfig:"FRAMEWORK_USER" doc:"The operating system user of tasks whose cluster names none; without it the agents use the one that runs this process."`
	FailoverTimeout time.Duration `envconfig:"FRAMEWORK_FAILOVER_TIMEOUT" default:"168h" doc:"How long Mesos keeps the tasks running while no service is there."`
	WebUIURL        string        `envconfig:"FRAMEWORK_WEBUI_URL" doc:"The link that Mesos shows for the framework; without it the service's own address."`
}

// HTTP is the one listener.
type HTTP struct {
	Listen          string `envconfig:"LISTEN" default:"0.0.0.0:8080" doc:"The address of the one listener, for the API, the user interface, metrics and artifacts. Under Marathon the port defaults to PORT_API, or PORT0. Port 0 picks a free one."`
	CertificateFile string `envconfig:"LISTEN_CERTIFICATE_FILE" doc:"A PEM file with the certificate of the service, followed by those above it. With it the listener speaks HTTPS only, also to agents that fetch files: their fetcher must trust the certificate. It is read at the start."`
	KeyFile         string `envconfig:"LISTEN_KEY_FILE" doc:"A PEM file with the key of LISTEN_CERTIFICATE_FILE."`
	AdvertiseHost   string `envconfig:"ADVERTISE_HOST" doc:"The host name or address under which agents reach the service; without it HOST as given by Marathon, else the host name of the machine."`
	AdvertiseURL    string `envconfig:"ADVERTISE_URL" doc:"The whole address under which agents reach the service, when it is not http://ADVERTISE_HOST:port (https with LISTEN_CERTIFICATE_FILE). A name that stays when the service moves (a VIP, Mesos-DNS) keeps the fetcher's cache useful after the move."`
	APITokens       Secret `envconfig:"API_TOKENS" doc:"Who may use the API: tokens as scope:token, or scope@name:token so that operations and the audit record name whose it is, separated by commas, blanks or line breaks (lines that begin with # are left out). scope is read (look), operate (also run, stop and save jobs, upload files, restart) or admin (also create, change and delete clusters); a token has 16 or more letters, digits and ._~+/-=. Requests carry Authorization: Bearer token. Without any, everybody who reaches the service may do everything, which is right behind Admin Router."`
}

// Tokens reads APITokens, which are checked already.
func (h HTTP) Tokens() auth.Tokens {
	t, err := auth.Parse(h.APITokens.Reveal())
	if err != nil {
		panic("config: API_TOKENS was not checked")
	}
	return t
}

// tokensProblem says what is wrong with the tokens; empty when nothing is.
func (h HTTP) tokensProblem() string {
	if _, err := auth.Parse(h.APITokens.Reveal()); err != nil {
		return err.Error()
	}
	return ""
}

// scheme is what the listener speaks.
func (h HTTP) scheme() string {
	if h.CertificateFile != "" {
		return "https"
	}
	return "http"
}

// URL is the address under which agents and users reach the service that listens on a port, without
// a slash at its end.
func (h HTTP) URL(port int) string {
	if h.AdvertiseURL != "" {
		return strings.TrimRight(h.AdvertiseURL, "/")
	}
	return h.scheme() + "://" + net.JoinHostPort(h.AdvertiseHost, strconv.Itoa(port))
}

// Instance is the address under which the other instances of the service reach this one, which listens on a port: a
// name that stays when the service moves leads to whichever instance leads.
func (h HTTP) Instance(port int) string {
	if h.AdvertiseHost == "" {
		return h.URL(port)
	}
	return h.scheme() + "://" + net.JoinHostPort(h.AdvertiseHost, strconv.Itoa(port))
}

// State is durable.
type State struct {
	DataDir        string        `envconfig:"DATA_DIR" default:"flink-service-data" doc:"The directory for uploaded artifacts and for the embedded state store."`
	Store          string        `envconfig:"STATE_STORE" doc:"Where the state is: file:PATH (one machine) or zk://host:port,…/path (a cluster of machines; needed to survive the loss of this machine). Without it file:state below DATA_DIR."`
	User           string        `envconfig:"STATE_STORE_USER" doc:"Whom the service authenticates as to ZooKeeper (digest scheme); then only that user can read and change the state."`
	Password       Secret        `envconfig:"STATE_STORE_PASSWORD" doc:"The password of STATE_STORE_USER."`
	TLS            bool          `envconfig:"STATE_STORE_TLS" default:"false" doc:"true speaks TLS to the ZooKeeper of STATE_STORE."`
	CAFile         string        `envconfig:"STATE_STORE_CA_FILE" doc:"A PEM file with the authorities that may sign the certificates of that ZooKeeper; without it those of the system."`
	Key            Secret        `envconfig:"STATE_KEY" doc:"A secret of 16 or more characters that seals the values in the state (AES-256-GCM): specs with their secrets, the keys of artifact paths, of drivers and of certificates. Without it they are readable for who reads the files or ZooKeeper. Without the secret a sealed state cannot be read; every instance needs the same. A state that was not sealed is sealed with the first write."`
	SessionTimeout time.Duration `envconfig:"STATE_SESSION_TIMEOUT" default:"10s" doc:"How long ZooKeeper waits for a silent service before another may take over."`
}

// Flink is about what is started.
type Flink struct {
	Distributions      []string       `envconfig:"FLINK_DISTRIBUTIONS" default:"build/flink" doc:"Flink archives (.tgz), installed Flink directories, or directories of archives, separated by commas."`
	DefaultVersion     string         `envconfig:"DEFAULT_FLINK_VERSION" doc:"The version of a cluster that names none: a full version or the beginning of one, such as 2.3; without it the newest there is."`
	DefaultAllocation  string         `envconfig:"DEFAULT_ALLOCATION" default:"dynamic" doc:"dynamic (Flink asks for TaskManagers) or static, for clusters that say neither."`
	ZooKeeper          string         `envconfig:"ZOOKEEPER" doc:"The ZooKeeper quorum for the high availability of JobManagers: host:port, separated by commas."`
	HAStorageDir       string         `envconfig:"HA_STORAGE_DIR" doc:"The URI below which highly available JobManagers keep their metadata, such as hdfs:///flink/ha; a cluster may set its own."`
	JavaHome           string         `envconfig:"JAVA_HOME" doc:"Where Java is on the agents; without it java is looked for in the tasks' PATH."`
	JavaArchive        string         `envconfig:"JAVA_ARCHIVE" doc:"An archive (.tgz, .tar.gz, .zip) with a Java runtime that every task fetches, which agents keep in the cache of their fetcher: a URI, or the path of a file that the service serves. For agents without Java. Tasks that have a Java of their own (JAVA_HOME here or in their environment, javaHome, an image) do not fetch it."`
	InitialCluster     InitialCluster `envconfig:"INITIAL_CLUSTER" doc:"A cluster that is created when the service starts with a state in which there has never been one: its spec in JSON or YAML, as the API takes it, or base64 of that; without it none is created."`
	ArtifactURLs       time.Duration  `envconfig:"ARTIFACT_URL_LIFETIME" default:"1h" doc:"How long the path of a secret artifact, made for one launch, can be fetched."`
	ArtifactMaxSize    Size           `envconfig:"ARTIFACT_MAX_SIZE" default:"1023m" doc:"The largest file that can be uploaded."`
	FetchSchemes       []string       `envconfig:"FETCH_SCHEMES" doc:"The schemes of URIs that a cluster's spec may have its tasks fetch, separated by commas; without it those that the Mesos fetcher knows: http, https, ftp, ftps, file, hdfs, hftp, s3, s3a, s3n. Uploaded files can always be fetched."`
	FetchHosts         []string       `envconfig:"FETCH_HOSTS" doc:"The hosts of such URIs, separated by commas; .example.com stands for all hosts below it. Without it every host. A host that is allowed and redirects is trusted to do so: agents follow."`
	SecretsDir         string         `envconfig:"SECRETS_DIR" doc:"A directory with one file for each secret that a cluster's spec may name (secrets[].valueFrom, security.rest.clientCertificate), such as those that Marathon mounts into the sandbox. Every file in it can be handed to tasks by whoever may change a cluster."`
	HadoopDirectory    string         `envconfig:"HADOOP_CONF_DIR" doc:"A directory with a Hadoop configuration (core-site.xml, hdfs-site.xml): its files are put into the sandboxes of clusters whose spec brings none."`
	Inherit            []string       `envconfig:"INHERIT_ENVIRONMENT" doc:"Which variables of the service's own environment every task gets, as patterns separated by commas, such as HADOOP_*,TZ. The service's own variables and those of Marathon and Mesos are not handed on. Whoever may look at the Mesos master sees them: they are not for secrets."`
	AllowPrivileged    bool           `envconfig:"ALLOW_PRIVILEGED_CONTAINERS" default:"false" doc:"true lets a cluster's spec ask for privileged Docker containers, and for the options of docker run that give a container rights on its agent."`
	ProxyResponseStall time.Duration  `envconfig:"PROXY_STALL_TIMEOUT" default:"11m" doc:"How long a request through the proxy to Flink may pass nothing in either direction. A program's main method runs inside such a request (POST /jars/:id/run), so this bounds its time; the default is above Flink's own bound (web.timeout, 10 minutes), so that Flink's answer arrives."`
}

// HA is the service's login where Flink keeps the high-availability data of clusters.
type HA struct {
	User     string `envconfig:"ZOOKEEPER_SASL_USER" doc:"Whom the service authenticates as to the ensemble of ZOOKEEPER by SASL with DIGEST-MD5: the user of Flink's JAAS entry Client, if clusters set high-availability.zookeeper.client.acl to creator. Kerberos is not supported."`
	Password Secret `envconfig:"ZOOKEEPER_SASL_PASSWORD" doc:"The password of ZOOKEEPER_SASL_USER."`
}

// Timing holds what the scheduler waits for.
type Timing struct {
	OfferRefuse time.Duration `envconfig:"OFFER_REFUSE_DURATION" default:"1h" doc:"For how long Mesos does not offer again what was declined. New demand ends it early."`
	Reconcile   time.Duration `envconfig:"RECONCILE_INTERVAL" default:"15m" doc:"The time between two comparisons of all tasks with Mesos."`
	KillGrace   time.Duration `envconfig:"TASK_KILL_GRACE" default:"30s" doc:"The time between SIGTERM and SIGKILL of a task."`
	Unreachable time.Duration `envconfig:"UNREACHABLE_TIMEOUT" default:"30s" doc:"How long an unreachable task that does not answer is waited for while nothing else answers the service either. Else it is replaced at once, and one that answers stays."`
}

// Metrics are for systems that watch the service.
type Metrics struct {
	MaxSeries  int    `envconfig:"METRICS_MAX_SERIES" default:"10000" doc:"The most series of all clusters together in /metrics. Clusters beyond it are left out, and counted in flink_mesos_clusters_omitted. A cluster without jobs has about 20, 0 leaves out all."`
	StatsDHost string `envconfig:"STATSD_UDP_HOST" doc:"Where the metrics of /metrics are sent as StatsD datagrams, every 10 seconds; needs STATSD_UDP_PORT. DC/OS sets both for every task."`
	StatsDPort int    `envconfig:"STATSD_UDP_PORT" default:"0" doc:"The port of STATSD_UDP_HOST; 0 sends nothing."`
}

// StatsD is where metrics are sent, as host:port; empty for nowhere.
func (m Metrics) StatsD() string {
	if m.StatsDHost == "" || m.StatsDPort == 0 {
		return ""
	}
	return net.JoinHostPort(m.StatsDHost, strconv.Itoa(m.StatsDPort))
}

// Log is for people and machines.
type Log struct {
	AuditStdout bool       `envconfig:"AUDIT_STDOUT" default:"false" doc:"true also writes the audit record to standard output, a line of JSON for each entry. It is always in audit below DATA_DIR."`
	Level       slog.Level `envconfig:"LOG_LEVEL" default:"INFO" doc:"DEBUG, INFO, WARN or ERROR."`
	Format      string     `envconfig:"LOG_FORMAT" default:"text" doc:"text or json."`
}

// Facts come from Marathon and Mesos.
type Facts struct {
	Host    string `envconfig:"HOST" doc:"The agent's host name; the default of ADVERTISE_HOST."`
	PortAPI string `envconfig:"PORT_API" doc:"The port named api of the Marathon app; the default port of LISTEN."`
	Port0   string `envconfig:"PORT0" doc:"The first port of the Marathon app; the default port of LISTEN when no port is named api."`
	AppID   string `envconfig:"MARATHON_APP_ID" doc:"The id of the Marathon app that the service is."`
	TaskID  string `envconfig:"MESOS_TASK_ID" doc:"The id of the Mesos task that the service is."`
	// SDKUninstall is set by Cosmos.
	SDKUninstall bool   `envconfig:"SDK_UNINSTALL" doc:"true when Cosmos uninstalls the package: the same as UNINSTALL, but it is Cosmos that removes the app."`
	Sandbox      string `envconfig:"MESOS_SANDBOX" doc:"The directory of the Mesos task that the service is."`
}
