package runtime

import (
	"errors"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// command is the command of the task, with its output in the sandbox.
func (t *task) command() (*exec.Cmd, error) {
	c := t.info.Command
	var cmd *exec.Cmd
	if c.GetShell() {
		cmd = exec.Command("/bin/sh", "-c", c.GetValue())
	} else {
		cmd = exec.Command(c.GetValue())
		if len(c.Arguments) > 0 {
			cmd.Args = slices.Clone(c.Arguments) // The first is the program's own name, as in execvp(3).
		}
	}
	cmd.Dir, cmd.Env = t.sandbox, t.environment()
	stdout, err := os.OpenFile(filepath.Join(t.sandbox, "stdout"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	stderr, err := os.OpenFile(filepath.Join(t.sandbox, "stderr"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, errors.Join(err, stdout.Close())
	}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, nil
}

func closeOutput(cmd *exec.Cmd) {
	for _, w := range []any{cmd.Stdout, cmd.Stderr} {
		if f, ok := w.(*os.File); ok {
			_ = f.Close() // The process has its own copy.
		}
	}
}

// inherited are the variables that tasks get from this process. It is a short list, because the service's own
// environment may hold secrets.
var inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "JAVA_HOME"}

// environment is what a Mesos agent gives a command task, whose executor has the task's id (executorEnvironment in
// slave/slave.cpp, and launcher/executor.cpp for the role). MESOS_TASK_ID is not part of it: Marathon sets that.
func (t *task) environment() []string {
	values := make(map[string]string)
	for _, name := range inherited {
		if v, ok := os.LookupEnv(name); ok {
			values[name] = v
		}
	}
	maps.Copy(values, map[string]string{
		"MESOS_SANDBOX": t.sandbox, "MESOS_DIRECTORY": t.sandbox, "MESOS_EXECUTOR_ID": t.info.TaskID.Value,
		"MESOS_FRAMEWORK_ID": t.framework.ID.GetValue(), "MESOS_SLAVE_ID": t.r.o.AgentID, "MESOS_SLAVE_PID": "slave(1)@" + t.r.o.Endpoint,
		"MESOS_AGENT_ENDPOINT": t.r.o.Endpoint, "LIBPROCESS_IP": t.r.ip, "LIBPROCESS_PORT": "0",
		"MESOS_CHECKPOINT": "0", "MESOS_HTTP_COMMAND_EXECUTOR": "0", "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "5secs",
		"MESOS_ALLOCATION_ROLE": t.role(),
	})
	if t.framework.GetCheckpoint() {
		maps.Copy(values, map[string]string{
			"MESOS_CHECKPOINT": "1", "MESOS_RECOVERY_TIMEOUT": "15mins", "MESOS_SUBSCRIPTION_BACKOFF_MAX": "2secs",
		})
	}
	for _, v := range t.info.Command.GetEnvironment().GetVariables() {
		values[v.Name] = v.GetValue()
		if v.GetType() == mesos.Environment_Variable_SECRET {
			values[v.Name] = string(v.Secret.GetValue().GetData())
		}
	}
	env := make([]string, 0, len(values))
	for name, v := range values {
		env = append(env, name+"="+v)
	}
	slices.Sort(env)
	return env
}

// role is the one that the task's resources are allocated to; "*" for a task that has none.
func (t *task) role() string {
	for i := range t.info.Resources {
		if a := t.info.Resources[i].AllocationInfo; a != nil {
			return a.GetRole()
		}
	}
	return "*"
}

// address is the address of a host name, or the name when it has none.
func address(host string) string {
	if net.ParseIP(host) != nil {
		return host
	}
	if a, err := net.LookupHost(host); err == nil && len(a) > 0 {
		return a[0]
	}
	return host
}
