package jobmanager

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// FlinkOptions configure a Flink. After, NextJob and NextJar are required.
type FlinkOptions struct {
	// Version is what /overview says.
	Version string
	// Program is the file name of the jar that an application cluster runs by itself; empty for a session.
	Program string
	// Parallelism is that of the application's job; 1 when 0.
	Parallelism int
	// SavepointDirectory is execution.checkpointing.savepoint-dir; empty when it is not set.
	SavepointDirectory string
	// SlotsPerTaskManager is taskmanager.numberOfTaskSlots; 1 when 0.
	SlotsPerTaskManager int
	// Need is told how many more TaskManagers the jobs need, and Idle which one has been without work for as long as
	// resourcemanager.taskmanager-timeout; nil for a cluster whose TaskManagers Flink does not choose.
	Need func(taskManagers int)
	Idle func(taskManager string)
	// Ended is told once how the application ended, with a status of Flink's ApplicationStatus; nil for nobody.
	Ended func(status, diagnostics string)
	// After has a function called after a time. Functions are called one after the other.
	After func(time.Duration, func())
	// NextJob and NextJar return the numbers of which the ids of jobs and jars are made.
	NextJob, NextJar func() int
	// Adaptive says that jobs are run by the adaptive scheduler, which can rescale them.
	Adaptive bool
	// Runs is how long a job runs that ends by itself; 3 s when 0.
	Runs time.Duration
}

// The times of a scripted Flink.
const (
	deploy     = 400 * time.Millisecond // from the slots to RUNNING
	cancelling = 300 * time.Millisecond
	savepoints = 1200 * time.Millisecond
	idle       = 30 * time.Second // resourcemanager.taskmanager-timeout
)

// Flink is the REST API of a scripted JobManager and what is behind it: jobs that are given slots, run and end,
// savepoints, and uploaded jars. What a job does follows from the name of its jar: throws.jar throws in its main method,
// fails.jar fails while it runs, endless.jar and busy.jar never end, cancelled.jar is cancelled; every other one finishes. A savepoint
// into a directory with "full" in its name fails. Its methods are safe for use by several goroutines.
type Flink struct {
	o   FlinkOptions
	mux *http.ServeMux

	mu     sync.Mutex
	tms    []*taskManager
	jobs   []*job
	jars   []jar
	closed bool
	ended  bool
}

// taskManager is a registered TaskManager.
type taskManager struct {
	id, host string
	slots    int
	used     int
	// idle counts the times that it came to be without work.
	idle int
}

// job is a job of a Flink.
type job struct {
	id, program, state string
	start, end         time.Time
	// since is when it last came to run.
	since       time.Time
	parallelism int
	// wanted is the parallelism that it is to have; 0 for that which it has.
	wanted int
	// at are the TaskManagers whose slots the job has, one for each.
	at []*taskManager
	// attempt counts the times that it was given slots.
	attempt    int
	savepoints []*savepoint
}

// savepoint is an operation on a job.
type savepoint struct {
	id, directory, location, failure string
	triggered, completed             time.Time
	stop                             bool
}

// jar is an uploaded jar.
type jar struct {
	id, name string
	uploaded time.Time
}

// NewFlink returns a Flink whose application, if it has one, has been submitted.
func NewFlink(o FlinkOptions) (*Flink, error) {
	if o.After == nil || o.NextJob == nil || o.NextJar == nil {
		return nil, errors.New("jobmanager: After, NextJob and NextJar are required")
	}
	if o.Runs == 0 {
		o.Runs = 3 * time.Second
	}
	o.SlotsPerTaskManager, o.Parallelism = max(o.SlotsPerTaskManager, 1), max(o.Parallelism, 1)
	f := &Flink{o: o}
	f.routes()
	if o.Program != "" {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.submit(o.Program, o.Parallelism)
	}
	return f, nil
}

// Throws says whether the main method of a jar throws; an application's JobManager then exits before it serves.
func Throws(jar string) bool { return program(jar) == "throws" }

// ThrowsDiagnostics is how Flink tells of the end of an application whose main method threw.
const ThrowsDiagnostics = "org.apache.flink.client.program.ProgramInvocationException: The main method caused an error: Missing required parameter --input"

// Register adds a TaskManager, as its process does when it has found the JobManager.
func (f *Flink) Register(id, host string, slots int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || slices.ContainsFunc(f.tms, func(t *taskManager) bool { return t.id == id }) {
		return
	}
	t := &taskManager{id: id, host: host, slots: slots}
	f.tms = append(f.tms, t)
	f.place()
	f.watchIdle(t)
}

// Unregister removes a TaskManager that is gone: the jobs that ran there restart.
func (f *Flink) Unregister(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.tms, func(t *taskManager) bool { return t.id == id })
	if i < 0 || f.closed {
		return
	}
	gone := f.tms[i]
	f.tms = slices.Delete(f.tms, i, i+1)
	for _, j := range f.jobs {
		if slices.Contains(j.at, gone) {
			f.free(j)
			j.state = "RESTARTING"
		}
	}
	f.place()
}

// Close ends the Flink with its process: nothing that was to happen happens any more.
func (f *Flink) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

// after calls g, with the lock held, unless the process is gone by then.
func (f *Flink) after(d time.Duration, g func()) {
	f.o.After(d, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.closed {
			g()
		}
	})
}

// submit adds a job and looks for slots.
func (f *Flink) submit(jar string, parallelism int) *job {
	j := &job{
		id: fmt.Sprintf("%032x", f.o.NextJob()), program: program(jar), state: "CREATED", start: time.Now(), parallelism: max(parallelism, 1),
	}
	f.jobs = append(f.jobs, j)
	f.place()
	return j
}

// place gives slots to the jobs that have none, in the order in which they came, and asks for TaskManagers.
func (f *Flink) place() {
	free, missing := 0, 0
	for _, t := range f.tms {
		free += t.slots - t.used
	}
	for _, j := range f.jobs {
		if j.state == "RUNNING" {
			had := len(j.at)
			missing += f.rescale(j, free)
			free += had - len(j.at)
		}
	}
	for _, j := range f.jobs {
		if len(j.at) > 0 || j.state != "CREATED" && j.state != "RESTARTING" {
			continue
		}
		if j.parallelism > free {
			missing += j.parallelism - free
			free = 0
			continue
		}
		free -= j.parallelism
		for _, t := range f.tms {
			for ; t.used < t.slots && len(j.at) < j.parallelism; t.used++ {
				j.at = append(j.at, t)
			}
		}
		f.run(j)
	}
	if missing > 0 && f.o.Need != nil {
		f.o.Need((missing + f.o.SlotsPerTaskManager - 1) / f.o.SlotsPerTaskManager)
	}
}

// run starts a job that has its slots, and plans its end.
func (f *Flink) run(j *job) {
	j.attempt++
	attempt := j.attempt
	f.after(deploy, func() {
		if j.attempt != attempt || len(j.at) == 0 {
			return
		}
		j.state, j.since = "RUNNING", time.Now()
		if j.upper() != j.parallelism {
			f.place()
			return
		}
		if j.endless() {
			return
		}
		f.after(f.o.Runs, func() {
			if j.attempt != attempt || j.state != "RUNNING" {
				return
			}
			switch j.program {
			case "fails":
				f.end(j, "FAILED")
			case "cancelled":
				f.end(j, "CANCELED")
			default:
				f.end(j, "FINISHED")
			}
		})
	})
}

// end brings a job into a terminal state. With the job of an application the application ends.
func (f *Flink) end(j *job, state string) {
	if j.over() {
		return
	}
	j.state, j.end = state, time.Now()
	f.free(j)
	f.place()
	if f.o.Program == "" || f.ended {
		return
	}
	f.ended = true
	status, diagnostics := "SUCCEEDED", ""
	switch state {
	case "FAILED":
		status, diagnostics = "FAILED", failure
	case "CANCELED":
		status = "CANCELED"
	}
	if f.o.Ended != nil {
		f.o.Ended(status, diagnostics)
	}
}

// free gives the slots of a job back.
func (f *Flink) free(j *job) {
	for _, t := range j.at {
		t.used--
		f.watchIdle(t)
	}
	j.at = nil
}

// watchIdle has a TaskManager released when it is without work for too long.
func (f *Flink) watchIdle(t *taskManager) {
	if f.o.Idle == nil || t.used > 0 {
		return
	}
	t.idle++
	n := t.idle
	f.after(idle, func() {
		if t.idle == n && t.used == 0 && slices.Contains(f.tms, t) {
			f.o.Idle(t.id)
		}
	})
}

// trigger starts a savepoint; the same id starts one.
func (f *Flink) trigger(j *job, id, directory string, stop bool) *savepoint {
	if i := slices.IndexFunc(j.savepoints, func(s *savepoint) bool { return id != "" && s.id == id }); i >= 0 {
		return j.savepoints[i]
	}
	if id == "" {
		id = fmt.Sprintf("%032x", 0xa0+len(j.savepoints))
	}
	s := &savepoint{id: id, directory: directory, triggered: time.Now(), stop: stop}
	j.savepoints = append(j.savepoints, s)
	f.after(savepoints, func() {
		s.completed = time.Now()
		switch {
		case strings.Contains(directory, "full"):
			s.failure = "java.io.IOException: No space left on device"
		case j.program == "fails", j.state != "RUNNING":
			s.failure = "org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint expired before completing."
		default:
			s.location = fmt.Sprintf("%s/savepoint-%s-0a1b2c3d4e%02x", strings.TrimRight(directory, "/"), j.id[26:], len(j.savepoints))
			if stop {
				f.end(j, "FINISHED")
			}
		}
	})
	return s
}

// over says that the job has ended.
func (j *job) over() bool {
	return slices.Contains([]string{"FINISHED", "FAILED", "CANCELED"}, j.state)
}

// program is the part of a jar's file name that decides what it does.
func program(name string) string {
	if _, after, ok := strings.Cut(name, "_"); ok {
		name = after
	}
	return strings.TrimSuffix(name, ".jar")
}

// failure is why fails.jar fails, as Flink tells it.
const failure = `org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy
	at org.apache.flink.runtime.executiongraph.failover.ExecutionFailureHandler.handleFailure(ExecutionFailureHandler.java:180)
	at java.base/java.lang.Thread.run(Thread.java:840)
Caused by: java.lang.IllegalStateException: the input has no header
	at com.example.Fails.map(Fails.java:12)
	... 6 more
`

// thrown is what the main method of throws.jar throws, as Flink tells it.
const thrown = `<Exception on server side:
` + ThrowsDiagnostics + `
	at org.apache.flink.client.program.PackagedProgram.callMainMethod(PackagedProgram.java:373)
Caused by: java.lang.IllegalArgumentException: Missing required parameter --input
	at com.example.Throws.main(Throws.java:7)

End of exception on server side>`
