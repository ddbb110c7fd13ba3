package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/recorder"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// The bench of upgrades: how long does an application process no records when its arguments change? Beside it stands
// the start of a JobManager and a TaskManager by hand, at once, until the one has registered with the other: what
// such a change takes at least.
const upgradeRounds = 3

func benchUpgrade(ctx context.Context, e env) ([]Result, error) {
	stock, err := upgradeStock(ctx, filepath.Join(e.dir, "stock"))
	if err != nil {
		return nil, fmt.Errorf("by hand: %w", err)
	}
	fmt.Fprintf(e.progress, "  JobManager and TaskManager by hand: %.2f s\n", stock)
	var all []Result
	for _, u := range []struct {
		name string
		mode spec.UpgradeMode
	}{{"savepoint", spec.Savepoint}, {"laststate", spec.LastState}} {
		took, err := upgradeOurs(ctx, filepath.Join(e.dir, u.name), u.mode)
		if err != nil {
			return nil, fmt.Errorf("by %s: %w", u.mode, err)
		}
		fmt.Fprintf(e.progress, "  %s: %.2f s without records\n", u.mode, took)
		all = append(all, NewResult("upgrade_outage_s_"+u.name, "s", took, "stock JobManager and TaskManager started by hand", stock))
	}
	return all, nil
}

// upgradeOurs changes an application again and again, and reads the outages from what it wrote down.
func upgradeOurs(ctx context.Context, dir string, mode spec.UpgradeMode) ([]float64, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	first := 20000 + os.Getpid()%100*100
	i, err := startInstance(ctx, dir, "service", "MESOS_MASTER=local", "FLINK_DISTRIBUTIONS="+distributions, "DATA_DIR="+filepath.Join(dir, "data"),
		"LOCALMESOS_AGENTS=2", "LOCALMESOS_CPUS=4", "LOCALMESOS_MEM=6144", fmt.Sprintf("LOCALMESOS_PORTS=%d-%d", first, first+99))
	if err != nil {
		return nil, err
	}
	w := &flinkWorld{instance: i, dir: dir}
	defer w.end()
	if err := w.connected(ctx); err != nil {
		return nil, err
	}
	s, err := w.recording(ctx, mode)
	if err != nil {
		return nil, err
	}
	var took []float64
	for round := range 1 + upgradeRounds {
		name := "round-" + strconv.Itoa(round)
		s.Job.Args[1] = name
		if _, err := w.client.PutCluster(ctx, s); err != nil {
			return nil, err
		}
		outage, err := w.upgraded(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("%w: %s", err, w.lastWords())
		}
		if round > 0 {
			took = append(took, outage.Seconds())
		}
	}
	return took, nil
}

// recording is the application: its second argument is the name of its job.
func (w *flinkWorld) recording(ctx context.Context, mode spec.UpgradeMode) (spec.Spec, error) {
	m, err := newestFlink()
	if err != nil {
		return spec.Spec{}, err
	}
	f, err := os.Open("resources/demo-job/target/flink-mesos-demo-job.jar")
	if err != nil {
		return spec.Spec{}, fmt.Errorf("%w: run make demo-job", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return spec.Spec{}, err
	}
	jar, err := w.client.UploadArtifact(ctx, client.File{Name: "recorder.jar", Size: info.Size(), Data: f})
	if err != nil {
		return spec.Spec{}, err
	}
	s := flinkSpec(m.Version, 1)
	s.Kind = spec.Application
	s.Job = &spec.JobSpec{
		JarURI: jar.URI, EntryClass: "org.flinkonmesos.demo.Recorder", Parallelism: 1, UpgradeMode: mode,
		Args: []string{"--name", "", "--directory", filepath.Join(w.dir, "records"), "--interval", "500", "--rate", "200"},
	}
	s.FlinkConfiguration["execution.checkpointing.dir"] = "file://" + filepath.Join(w.dir, "checkpoints")
	s.FlinkConfiguration["execution.checkpointing.savepoint-dir"] = "file://" + filepath.Join(w.dir, "savepoints")
	return s, nil
}

// upgraded waits until the job of a name has recorded something and is stable with a checkpoint, and returns the time
// without records before it; 0 for the first job.
func (w *flinkWorld) upgraded(ctx context.Context, name string) (time.Duration, error) {
	var before, after time.Time
	err := poll(ctx, w.ended, name+" records", func(context.Context) (bool, error) {
		l, err := recorder.Read(filepath.Join(w.dir, "records"))
		if err != nil {
			return false, err // The program makes the directory.
		}
		before, after = time.Time{}, time.Time{}
		for _, a := range l.Attempts {
			for _, r := range a.Records {
				if a.JobName == name && (after.IsZero() || r.Time.Before(after)) {
					after = r.Time
				} else if a.JobName != name && r.Time.After(before) {
					before = r.Time
				}
			}
		}
		return !after.IsZero(), nil
	})
	if err != nil {
		return 0, err
	}
	err = poll(ctx, w.ended, name+" is stable", func(ctx context.Context) (bool, error) {
		d, err := w.client.Cluster(ctx, clusterName)
		return err == nil && d.Status.State == wire.Stable && d.Status.Job != nil && d.Status.Job.Checkpoint != nil, err
	})
	if before.IsZero() {
		return 0, err
	}
	return after.Sub(before), err
}

// upgradeStock starts a JobManager and a TaskManager at once.
func upgradeStock(ctx context.Context, dir string) ([]float64, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	h, err := newHand(ctx, dir, 1)
	if err != nil {
		return nil, err
	}
	h.stock = true
	var took []float64
	for range upgradeRounds {
		s, err := h.startBoth(ctx)
		if err != nil {
			return nil, err
		}
		took = append(took, s)
	}
	return took, nil
}

func (h *hand) startBoth(ctx context.Context) (float64, error) {
	began := time.Now()
	jm, err := h.start(ctx, spec.JobManagerTask)
	if err != nil {
		return 0, err
	}
	defer jm.end()
	tm, err := h.start(ctx, spec.TaskManagerTask)
	if err != nil {
		return 0, err
	}
	defer tm.kill()
	api, err := h.api()
	if err != nil {
		return 0, err
	}
	if err := registered(ctx, api, jm.ended, 1); err != nil {
		return 0, err
	}
	return time.Since(began).Seconds(), nil
}
