// Package launch turns a decided launch into what Mesos needs to start it: the command, the
// environment, the files to fetch, and the overlay of the cluster. It decides neither what is
// launched nor where.
package launch

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// Distribution is a Flink that tasks can fetch.
type Distribution struct {
	// Version is Flink's full version.
	Version string
	// URI is where the archive is fetched; it is the same for every task, so that the
	// fetcher's cache hits.
	URI string
	// Optional are the jars that the cluster names and that are not in the archive.
	Optional []Optional
	// Classes are archives of its classes; a task that can use none of them starts all the same, only slower.
	Classes []Classes
}

// Optional is a jar of a Flink that only the clusters fetch which name it.
type Optional struct {
	// File is where it goes in the sandbox; URI is the same for every task.
	File, URI string
	// JobManager says that TaskManagers have no use for it.
	JobManager bool
}

// Classes is a class archive that tasks of a role can fetch.
type Classes struct {
	Role spec.TaskKind
	// File is the name in the sandbox; URI is the same for every task.
	File, URI string
}

// Options configure a Planner.
type Options struct {
	// Distribution finds the Flink of a cluster.
	Distribution func(spec.Spec) (Distribution, error)
	// OverlayURI is where a task fetches the overlay of its cluster.
	OverlayURI func(cluster string) (string, error)
	// ArtifactURI is where a task fetches an uploaded artifact.
	ArtifactURI func(spec.ArtifactURI) (string, error)
	// Secret reads a secret that specs name by valueFrom; nil means that there are none.
	Secret func(name string) ([]byte, error)
	// Key makes the tokens by which the service and the drivers know each other; 32 bytes or more.
	Key []byte
	// KillGrace is the time between SIGTERM and SIGKILL; a TaskManager says goodbye in it.
	KillGrace time.Duration
	// ZooKeeper and StorageDir are filled in for clusters that ask for high availability with
	// ZooKeeper and do not say where; empty for none.
	ZooKeeper, StorageDir string
	// JavaHome is set for tasks whose cluster does not set it; empty leaves it to the agent.
	JavaHome string
	// JavaArchive is a URI of a Java runtime that tasks without a Java of their own fetch; empty for none.
	JavaArchive string
	// HadoopDirectory has the Hadoop configuration of clusters that bring none; empty for none.
	HadoopDirectory string
	// Inherited are variables of the service's own environment that every task gets.
	Inherited map[string]string
}

func (o *Options) validate() error {
	if o.Distribution == nil || o.OverlayURI == nil || o.ArtifactURI == nil {
		return errors.New("launch: Distribution, OverlayURI and ArtifactURI are required")
	}
	if len(o.Key) < 32 {
		return errors.New("launch: Key has fewer than 32 bytes")
	}
	if o.Secret == nil {
		o.Secret = func(name string) ([]byte, error) { return nil, fmt.Errorf("there is no secret %s", name) }
	}
	if o.KillGrace == 0 {
		o.KillGrace = 10 * time.Second
	}
	return nil
}

// Planner makes the plans.
type Planner struct{ o Options }

// New returns a Planner.
func New(o Options) (*Planner, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Planner{o: o}, nil
}

// Entry points of the driver's jar.
const (
	sessionEntry     = "org.flinkonmesos.driver.MesosSessionClusterEntrypoint"
	applicationEntry = "org.flinkonmesos.driver.MesosApplicationClusterEntrypoint"
	jobEntry         = "org.flinkonmesos.driver.MesosJobClusterEntrypoint"
	pythonDriver     = "org.apache.flink.client.python.PythonDriver"
)

// Files in the sandbox.
const (
	tokenFile    = "conf/driver-token"
	jobGraphFile = "job.graph"
	userLibrary  = "usrlib"
)

// Plan works out how a task is started.
func (p *Planner) Plan(l state.Launch) (task.Template, error) {
	d, err := p.o.Distribution(l.Spec)
	if err != nil {
		return task.Template{}, err
	}
	process := flink.Process{
		Role: l.Task.Kind, Version: d.Version, TaskID: resourceID(l), Host: host(l), Ports: l.Task.Ports,
		CPUs: l.Task.Resources.CPUs, Worker: l.Task.Worker, Log: logging(l.Spec), Configuration: p.Configuration(l.Spec, l.Nonce),
		JVMArguments: overlayJVM(l.Spec),
	}
	if l.Task.Kind == spec.JobManagerTask {
		if l.Spec.HasDriver() {
			process.EntryClass = entryClass(l.Spec)
			process.DriverTokenFile = tokenFile
			process.WorkerPrefix = l.Spec.Name + "-" + l.Nonce + "-tm"
		}
		process.Arguments = slices.Concat(portArguments(l), allocationArguments(l.Spec), jobArguments(l.Spec))
	} else {
		process.Arguments = append(portArguments(l), stateArguments(l)...)
		if l.JobManager != nil && !l.Spec.HighAvailability() {
			process.JobManagerHost, process.JobManagerPort = task.HostOf(l.Spec, l.JobManager), l.JobManager.Ports[flink.PortRPC]
		}
	}
	start, err := process.Launch()
	if err != nil {
		return task.Template{}, fmt.Errorf("start of %s: %w", l.Task.ID, err)
	}
	plan := p.shape(l, start)
	if plan.Secrets, err = p.secrets(l); err != nil {
		return task.Template{}, err
	}
	if plan.URIs, err = p.uris(l, d); err != nil {
		return task.Template{}, err
	}
	if p.o.JavaArchive != "" && plan.Environment["JAVA_HOME"] == "" && (plan.Container == nil || plan.Container.Image == "") {
		plan.URIs = append(plan.URIs, spec.URI{Value: p.o.JavaArchive, Extract: true, Cache: true})
	}
	return plan, nil
}

// allocationArguments tell the driver's entry points that Flink asks for no TaskManagers.
func allocationArguments(s spec.Spec) []string {
	if s.HasDriver() && s.Allocation == spec.Static {
		return []string{"-D", "mesos.allocation=static"}
	}
	return nil
}

// entryClass is the main class of a JobManager with the driver.
func entryClass(s spec.Spec) string {
	switch {
	case s.Kind == spec.Session:
		return sessionEntry
	case s.Job != nil && s.Job.JobGraphURI != "":
		return jobEntry
	default:
		return applicationEntry
	}
}

func jobArguments(s spec.Spec) []string {
	if s.Job == nil || s.Kind == spec.Session {
		return nil
	}
	j := s.Job
	var args []string
	if j.InitialSavepointPath != "" {
		args = append(args, "--fromSavepoint", j.InitialSavepointPath)
	}
	if j.AllowNonRestoredState {
		args = append(args, "--allowNonRestoredState")
	}
	program := j.Args
	switch {
	case j.JobGraphURI != "":
		return args
	case j.Python != "":
		args = append(args, "--job-classname", pythonDriver)
		program = append([]string{"-py", path.Base(j.Python)}, j.Args...)
	case j.EntryClass != "":
		args = append(args, "--job-classname", j.EntryClass)
	}
	if len(program) > 0 {
		args = append(append(args, "--"), program...)
	}
	return args
}

// uris lists what the fetcher brings: the distribution, the overlay, and what the cluster adds.
func (p *Planner) uris(l state.Launch, d Distribution) ([]spec.URI, error) {
	overlay, err := p.o.OverlayURI(l.Spec.Name)
	if err != nil {
		return nil, err
	}
	uris := []spec.URI{
		{Value: d.URI, Extract: true, Cache: true},
		{Value: overlay, Extract: true},
	}
	for _, c := range d.Classes {
		if c.Role == l.Task.Kind {
			uris = append(uris, spec.URI{Value: c.URI, Cache: true, OutputFile: c.File})
		}
	}
	for _, o := range d.Optional {
		if l.Task.Kind == spec.JobManagerTask || !o.JobManager {
			uris = append(uris, spec.URI{Value: o.URI, Cache: true, OutputFile: o.File})
		}
	}
	for _, u := range append(overlayURIs(l.Spec), l.Spec.URIs...) {
		if u.Value, err = p.resolve(u.Value); err != nil {
			return nil, err
		}
		uris = append(uris, u)
	}
	if j := l.Spec.Job; j != nil && l.Task.Kind == spec.JobManagerTask {
		for _, f := range []struct{ uri, file string }{
			{j.JarURI, userLibrary + "/" + base(j.JarURI)},
			{j.JobGraphURI, jobGraphFile},
			{j.Python, base(j.Python)},
		} {
			if f.uri == "" {
				continue
			}
			value, err := p.resolve(f.uri)
			if err != nil {
				return nil, err
			}
			uris = append(uris, spec.URI{Value: value, OutputFile: f.file})
		}
	}
	return uris, nil
}

// resolve turns the name of an uploaded artifact into a URI that a task can fetch.
func (p *Planner) resolve(uri string) (string, error) {
	if !spec.IsArtifactURI(uri) {
		return uri, nil
	}
	u, err := spec.ParseArtifactURI(uri)
	if err != nil {
		return "", err
	}
	return p.o.ArtifactURI(u)
}

// base is the last element of a URI's path.
func base(uri string) string {
	if i := strings.IndexAny(uri, "?#"); i >= 0 {
		uri = uri[:i]
	}
	return path.Base(uri)
}

// Configuration is what conf/config.yaml of a cluster says.
func (p *Planner) Configuration(s spec.Spec, nonce string) map[string]string {
	extra := map[string]string{}
	fill := func(key, value string) {
		if _, ok := s.FlinkConfiguration[key]; !ok && value != "" {
			extra[key] = value
		}
	}
	if s.HighAvailability() {
		fill("high-availability.cluster-id", "/"+s.Name+"-"+nonce)
		fill("high-availability.zookeeper.quorum", p.o.ZooKeeper)
		fill("high-availability.storageDir", p.o.StorageDir)
	}
	if j := s.Job; j != nil {
		if j.Parallelism > 0 {
			fill("parallelism.default", strconv.Itoa(j.Parallelism))
		}
		if j.JobGraphURI != "" {
			fill("internal.jobgraph-path", jobGraphFile)
		}
	}
	if s.Security.TLS {
		for key, value := range tlsConfiguration() {
			fill(key, value)
		}
	}
	maps.Copy(extra, overlayConfiguration(s))
	for key, value := range gpuConfiguration(s) {
		if key == externalResources {
			extra[key] = value
			continue
		}
		fill(key, value)
	}
	if s.Allocation == spec.Dynamic && s.TaskManagers.Max > 0 {
		fill("slotmanager.number-of-slots.max", strconv.Itoa(s.TaskManagers.Max*max(1, s.TaskManager.Slots)))
	}
	if s.Allocation == spec.Dynamic && s.TaskManagers.Min > 0 {
		fill("slotmanager.number-of-slots.min", strconv.Itoa(s.TaskManagers.Min*max(1, s.TaskManager.Slots)))
	}
	return flink.Configuration(s, extra)
}

// Overlay renders what the sandbox of every task of a cluster gets beside the distribution.
func (p *Planner) Overlay(s spec.Spec, nonce string) ([]byte, error) {
	o := flink.Overlay{Configuration: p.Configuration(s, nonce), Log: logging(s)}
	if s.HasDriver() {
		o.Files = append(o.Files, flink.File{Name: tokenFile, Content: []byte(p.Token(s.Name, nonce))})
	}
	if err := p.secure(&o, s, nonce); err != nil {
		return nil, err
	}
	files, err := p.overlayFiles(s)
	if err != nil {
		return nil, err
	}
	o.Files = append(o.Files, files...)
	return o.Archive()
}

// Token is what the service proves itself with to the driver of a cluster.
func (p *Planner) Token(name, nonce string) string {
	mac := hmac.New(sha256.New, p.o.Key)
	mac.Write([]byte("flink-mesos driver token\n" + name + "\n" + nonce))
	return hex.EncodeToString(mac.Sum(nil))
}
