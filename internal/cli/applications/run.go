// Package applications owns `run-application`: one line that brings a jar to the service,
// gives it a cluster of its own, and reports how it ended.
package applications

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/clusters"
	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// RunOptions are what `run-application` was told.
type RunOptions struct {
	*command.Factory
	// Jar is a local file, or a URI that the Mesos fetcher can get.
	Jar string
	// Cluster is the name of the new cluster; empty makes one from the jar's name and the time.
	Cluster   string
	Args      []string
	Savepoint string
	// AllowNonRestoredState skips state of the savepoint that no operator takes.
	AllowNonRestoredState bool
	Spec                  clusters.SpecFlags
	Wait                  bool
	// Delete removes the cluster from the list when its job has ended.
	Delete  bool
	Timeout time.Duration
	Output  command.Output
}

// New returns the command `run-application`; run replaces its work in tests.
func New(f *command.Factory, run func(context.Context, *RunOptions) error) *cobra.Command {
	o := &RunOptions{Factory: f}
	if run == nil {
		run = runRun
	}
	var noWait bool
	cmd := &cobra.Command{
		Use:   "run-application JAR [flags] [-- ARGS…]",
		Short: "Run a jar on a cluster of its own and report how it ended",
		Long: `Run a jar on a cluster of its own: the jar is uploaded, an application cluster is created and
followed to its end. The exit code says how the job ended: 0 finished, 6 failed, 9 cancelled.
Arguments after -- are passed to the program. The cluster stays in the list, with its
result, until it is deleted.`,
		Example: `  dcos flink run-application app.jar --parallelism 4 -- --input s3://bucket/in
  dcos flink run-application app.jar --class com.example.App --cluster-name nightly --delete
  dcos flink run-application artifact:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08/app.jar --no-wait`,
		Args: command.Args("JAR", "[ARGS]…"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); dash == 0 {
				return command.Flagf("JAR must come before --")
			} else if dash < 0 && len(args) > 1 {
				return command.Flagf("unexpected argument %q: put -- before the arguments of the program", args[1])
			}
			o.Jar = args[0]
			if len(args) > 1 {
				o.Args = args[1:]
			}
			if o.AllowNonRestoredState && o.Savepoint == "" {
				return command.Flagf("--allow-non-restored-state needs --savepoint")
			}
			switch spec.Kind(o.Spec.Kind) {
			case "", spec.Application, spec.Job:
			default:
				return command.Flagf("--kind %s: run-application makes an application or job cluster", o.Spec.Kind)
			}
			if o.Spec.Jar != "" || o.Spec.JobGraph != "" {
				return command.Flagf("give the program as the argument JAR, not as --jar-uri or --job-graph-uri")
			}
			o.Wait = !noWait
			if o.Delete && noWait {
				return command.Flagf("--delete needs to wait: leave out --no-wait")
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(nil),
	}
	o.Spec.Register(cmd)
	o.Output.Register(cmd)
	fl := cmd.Flags()
	fl.StringVar(&o.Cluster, "cluster-name", "", "name of the cluster (default: made from the jar's name and the time)")
	fl.StringVarP(&o.Savepoint, "savepoint", "s", "", "savepoint or retained checkpoint to start from")
	fl.BoolVar(&o.AllowNonRestoredState, "allow-non-restored-state", false, "skip savepoint state that no operator restores")
	fl.BoolVar(&noWait, "no-wait", false, "return as soon as the service has accepted the cluster")
	fl.BoolVar(&o.Delete, "delete", false, "delete the cluster when its job has ended")
	fl.DurationVar(&o.Timeout, "timeout", 0, "maximum time to wait; 0 waits forever")
	return cmd
}

// runRun runs the application.
func runRun(ctx context.Context, o *RunOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	ctx, cancel := command.WithTimeout(ctx, o.Timeout)
	defer cancel()
	spec, err := o.Spec.Read(o.Factory, nameOf(o))
	if err != nil {
		return err
	}
	if err := o.Spec.Apply(&spec); err != nil {
		return err
	}
	uri, err := jarURI(ctx, o, c)
	if err != nil {
		return err
	}
	complete(&spec, o, uri)
	w := clusters.NewFollower(o.Factory, c, spec.Name, o.Output.Quiet)
	d, err := c.CreateClusterFrom(ctx, spec, o.Spec.FromSnapshot)
	if err != nil {
		return err
	}
	if !o.Wait {
		switch {
		case o.Output.JSON:
			return o.Streams.JSON(d)
		case o.Output.Quiet:
			o.Streams.Outf("%s\n", d.Name)
		default:
			o.Streams.Outf("Application cluster %s is accepted: see dcos flink cluster describe %s\n", d.Name, d.Name)
		}
		return nil
	}
	d, err = w.Until(ctx, func(d wire.Description) bool {
		return d.Status.Result != nil && (d.Status.State == wire.Finished || d.Status.State == wire.Failed)
	})
	if err != nil {
		return err
	}
	w.Summary(d)
	if o.Delete {
		if err := c.DeleteCluster(ctx, d.Name, true); err != nil {
			return err
		}
	}
	return result(o, d)
}

// nameOf returns the new cluster's name. Without one in flags or spec it is made from the jar and
// the time, so that the same line can be run again.
func nameOf(o *RunOptions) string {
	if o.Cluster != "" || o.Spec.File != "" {
		return o.Cluster
	}
	stamp := o.Clock.Now().UTC().Format("20060102-150405")
	base := strings.ToLower(strings.TrimSuffix(path.Base(strings.ReplaceAll(o.Jar, `\`, "/")), ".jar"))
	base = strings.Trim(notName.ReplaceAllString(base, "-"), "-")
	if base == "" || base[0] < 'a' || base[0] > 'z' {
		base = "app-" + base
	}
	const longest = 40 // The limit of Spec.Name.
	base = strings.TrimRight(base[:min(len(base), longest-len(stamp)-1)], "-")
	return base + "-" + stamp
}

// notName is what a cluster's name may not have in it.
var notName = regexp.MustCompile(`[^a-z0-9]+`)

// jarURI uploads a local jar; a URI is used as it is.
func jarURI(ctx context.Context, o *RunOptions, c *client.Client) (string, error) {
	file, err := o.Open(o.Jar)
	if err == nil {
		file.Close()
		a, err := command.Upload(ctx, o.Factory, o.Jar, o.Output.Quiet, c.UploadArtifact)
		return a.URI, err
	}
	if scheme, _, ok := strings.Cut(o.Jar, ":"); ok && len(scheme) > 1 && errors.Is(err, fs.ErrNotExist) {
		return o.Jar, nil
	}
	return "", command.Usagef("read the jar: %w", err)
}

// complete puts the program into the spec.
func complete(sp *spec.Spec, o *RunOptions, uri string) {
	job := spec.JobSpec{}
	if sp.Job != nil {
		job = *sp.Job
	}
	job.JarURI = uri
	if o.Args != nil {
		job.Args = o.Args
	}
	if o.Savepoint != "" {
		job.InitialSavepointPath = o.Savepoint
		job.AllowNonRestoredState = o.AllowNonRestoredState
	}
	sp.Job = &job
	if sp.Kind == spec.Session {
		sp.Kind = spec.Application
	}
}

// result prints how the job ended and returns the error that carries the exit code.
func result(o *RunOptions, d wire.Description) error {
	r := d.Status.Result
	switch {
	case o.Output.JSON:
		err := o.Streams.JSON(struct {
			Cluster string          `json:"cluster"`
			Result  *wire.JobResult `json:"result"`
		}{d.Name, r})
		if err != nil {
			return err
		}
	case o.Output.Quiet:
		o.Streams.Outf("%s\n", d.Name)
	default:
		o.Streams.Outf("Application %s: %s\n", d.Name, r.Status)
	}
	switch r.Status {
	case "SUCCEEDED":
		return nil
	case "CANCELED":
		return command.Errorf(command.ExitJobCanceled, "the job of %s was cancelled", d.Name)
	case "FAILED":
		return command.Errorf(command.ExitJobFailed, "the job of %s failed: %s", d.Name, client.Reason(r.Diagnostics))
	default:
		return command.Errorf(command.ExitFailure, "the outcome of the job of %s is unknown: %s", d.Name, client.Reason(r.Diagnostics))
	}
}
