package jobs

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// RunOptions are what `job run` was told.
type RunOptions struct {
	*command.Factory
	Cluster string
	// Jar is a local file, or the id or name of a jar that was uploaded before.
	Jar          string
	Run          client.Run
	Wait         bool
	Accumulators bool
	Timeout      time.Duration
	Output       command.Output
}

// NewRun returns the command `job run`; run replaces its work in tests.
func NewRun(f *command.Factory, run func(context.Context, *RunOptions) error) *cobra.Command {
	o := &RunOptions{Factory: f}
	if run == nil {
		run = runRun
	}
	var define []string
	cmd := &cobra.Command{
		Use:   "run CLUSTER JAR [flags] [-- ARGS…]",
		Short: "Run a jar on a cluster",
		Long: `Run a jar on a cluster and print the job's id. JAR is a local file, which is uploaded, or the
id or name of a jar that was uploaded before. Arguments after -- are passed to the program.
With --wait the job is followed to its end, and the exit code says how it ended:
0 finished, 6 failed, 9 cancelled.`,
		Example: `  dcos flink job run demo WordCount.jar -- --input /data/text --output /data/counts
  dcos flink job run demo app.jar --class com.example.App --parallelism 8 --wait
  dcos flink job run demo app.jar --savepoint hdfs:///savepoints/sp-1 --allow-non-restored-state`,
		Args: command.Args("CLUSTER", "JAR", "[ARGS]…"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); dash >= 0 && dash < 2 {
				return command.Flagf("CLUSTER and JAR must come before --")
			} else if dash < 0 && len(args) > 2 {
				return command.Flagf("unexpected argument %q: put -- before the arguments of the program", args[2])
			}
			o.Cluster, o.Jar = args[0], args[1]
			o.Run.Args = args[2:]
			if len(o.Run.Args) == 0 {
				o.Run.Args = nil
			}
			if o.Run.Parallelism < 0 {
				return command.Flagf("--parallelism %d: use a number above 0", o.Run.Parallelism)
			}
			if o.Run.AllowNonRestoredState && o.Run.Savepoint == "" {
				return command.Flagf("--allow-non-restored-state needs --savepoint")
			}
			for _, d := range define {
				key, value, ok := strings.Cut(d, "=")
				if key = strings.TrimSpace(key); !ok || key == "" {
					return command.Flagf("-D %q: write it as key=value", d)
				}
				if o.Run.FlinkConfiguration == nil {
					o.Run.FlinkConfiguration = map[string]string{}
				}
				o.Run.FlinkConfiguration[key] = value
			}
			o.Wait = o.Wait || o.Accumulators
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames, nil),
	}
	fl := cmd.Flags()
	fl.StringVarP(&o.Run.EntryClass, "class", "c", "", "class with the main method (default: the one in the jar's manifest)")
	fl.IntVarP(&o.Run.Parallelism, "parallelism", "p", 0, "parallelism (default: the cluster's)")
	fl.StringVarP(&o.Run.Savepoint, "savepoint", "s", "", "savepoint or retained checkpoint to start from")
	fl.BoolVarP(&o.Run.AllowNonRestoredState, "allow-non-restored-state", "n", false, "skip savepoint state that no operator restores")
	fl.StringArrayVarP(&define, "define", "D", nil, "Flink option key=value of this job (repeatable)")
	fl.BoolVarP(&o.Wait, "wait", "w", false, "wait until the job ends")
	fl.BoolVar(&o.Accumulators, "accumulators", false, "print the job's accumulators when it ends; implies --wait")
	fl.DurationVar(&o.Timeout, "timeout", 0, "maximum time to wait; 0 waits forever")
	o.Output.Register(cmd)
	return cmd
}

// runRun uploads the jar if need be and runs it.
func runRun(ctx context.Context, o *RunOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	ctx, cancel := command.WithTimeout(ctx, o.Timeout)
	defer cancel()
	flink := c.Flink(o.Cluster)
	jar, err := jarID(ctx, o, flink)
	if err != nil {
		return err
	}
	progress := o.Streams.Progress(o.Output.Quiet)
	progress.Show("starting the program")
	id, err := flink.RunJar(ctx, jar, o.Run)
	progress.Clear()
	if err != nil {
		return err
	}
	if !o.Wait {
		switch {
		case o.Output.JSON:
			return o.Streams.JSON(map[string]string{"jobid": id})
		case o.Output.Quiet:
			o.Streams.Outf("%s\n", id)
		default:
			o.Streams.Outf("Job %s is submitted: see dcos flink job describe %s %s\n", id, o.Cluster, id)
		}
		return nil
	}
	if o.Output.Quiet && !o.Output.JSON {
		o.Streams.Outf("%s\n", id)
	}
	state, err := Await(ctx, o.Factory, flink, Target{Cluster: o.Cluster, Job: id}, o.Output.Quiet)
	if err != nil {
		return err
	}
	if err := printResult(ctx, o, flink, id, state); err != nil {
		return err
	}
	return Verdict(ctx, flink, id, state)
}

// jarID finds or uploads the jar and returns its id.
func jarID(ctx context.Context, o *RunOptions, flink *client.Flink) (string, error) {
	file, err := o.Open(o.Jar)
	if err == nil {
		file.Close()
		return command.Upload(ctx, o.Factory, o.Jar, o.Output.Quiet, flink.UploadJar)
	}
	if !errors.Is(err, fs.ErrNotExist) || strings.ContainsAny(o.Jar, `/\`) {
		return "", command.Usagef("read the jar: %w", err)
	}
	jars, err := flink.Jars(ctx)
	if err != nil {
		return "", err
	}
	var newest client.Jar
	for _, j := range jars.Files {
		if j.ID == o.Jar {
			return j.ID, nil
		}
		if j.Name == o.Jar && j.Uploaded >= newest.Uploaded {
			newest = j
		}
	}
	if newest.ID == "" {
		return "", fault.New(fault.NotFound, "%s is neither a file here nor a jar on cluster %s: see dcos flink jar list %s", o.Jar, o.Cluster, o.Cluster)
	}
	return newest.ID, nil
}

// printResult prints how the job ended.
func printResult(ctx context.Context, o *RunOptions, flink *client.Flink, id string, state client.JobState) error {
	var values []client.Accumulator
	if o.Accumulators || o.Output.JSON {
		var err error
		if values, err = flink.Accumulators(ctx, id); err != nil {
			return err
		}
	}
	if o.Output.JSON {
		if values == nil {
			values = []client.Accumulator{}
		}
		return o.Streams.JSON(struct {
			JobID        string               `json:"jobid"`
			State        client.JobState      `json:"state"`
			Accumulators []client.Accumulator `json:"accumulators"`
		}{id, state, values})
	}
	if !o.Output.Quiet {
		o.Streams.Outf("Job %s: %s\n", id, state)
	}
	if !o.Accumulators {
		return nil
	}
	table := o.Streams.Table("ACCUMULATOR", "TYPE", "VALUE")
	for _, v := range values {
		table.Row(v.Name, v.Type, v.Value)
	}
	return table.Print()
}
