package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/app"
	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/marathon"
	"github.com/flink-on-mesos/flink-service/internal/render"
)

// operator is a person who does something to the service's own app in Marathon, where no package manager does it.
type operator struct {
	app     *marathon.Client
	id, url string
	environ []string
	docker  bool
	force   bool
	out     io.Writer
}

// newMarathon is the command marathon. The app is the one that render marathon writes for the same environment.
func (p *program) newMarathon() *cobra.Command {
	o := &operator{id: "/flink", environ: p.environ, out: p.out}
	deploy := o.command("deploy", "Create or update the app", func(ctx context.Context, _ []string) error { return o.deploy(ctx) })
	deploy.Long = `Give the app that "render marathon" writes to Marathon, new or in the place of the one that is there, and follow the
deployment. FLINK_SERVICE_ variables with other values are the way to change options.`
	deploy.Flags().BoolVar(&o.docker, "docker", false, "run the service in the image RENDER_IMAGE")
	status := o.command("status", "Show the app", func(ctx context.Context, _ []string) error { return o.status(ctx) })
	suspend := o.command("suspend", "Stop the service without its clusters", func(ctx context.Context, _ []string) error {
		return o.follow(ctx)(o.app.Suspend(ctx, o.force))
	})
	resume := o.command("resume [INSTANCES]", "Start the service again", func(ctx context.Context, args []string) error {
		return o.follow(ctx)(o.app.Resume(ctx, instances(args), o.force))
	})
	resume.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 1 || instances(args) < 1 {
			return usageError("marathon resume takes the number of instances")
		}
		return nil
	}
	yes := false
	uninstall := o.command("uninstall", "Delete all clusters, the state and the app", func(ctx context.Context, _ []string) error { return o.uninstall(ctx) })
	uninstall.Args = func(cmd *cobra.Command, args []string) error {
		if !yes {
			return usageError("marathon uninstall deletes every cluster and the state of the service: confirm with --yes")
		}
		return atMost(0)(cmd, args)
	}
	uninstall.Flags().BoolVar(&yes, "yes", false, "confirm the deletion")
	all := []*cobra.Command{deploy, status, suspend, resume, uninstall}
	for _, c := range all {
		if c != status {
			c.Flags().BoolVar(&o.force, "force", false, "take the place of a deployment that is under way")
		}
	}
	return group(&cobra.Command{
		Use:   "marathon",
		Short: "Deploy and remove the service in Marathon",
		Long:  "Deploy the service as the app RENDER_APP_ID in the Marathon of FLINK_SERVICE_MARATHON_URL, change it, and remove it.",
	}, all...)
}

// command is one of the commands of marathon.
func (o *operator) command(use, short string, run func(context.Context, []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: atMost(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.connect(); err != nil {
				return err
			}
			return run(cmd.Context(), args)
		},
	}
}

// instances is the argument of resume: 1 without one, 0 when it is no number.
func instances(args []string) int {
	if len(args) == 0 {
		return 1
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return 0
	}
	return n
}

// connect reads where Marathon is and who we are: nothing else of the service's environment concerns this machine. A
// variable without the prefix wins, because it is not handed on to the service: this machine has other files.
func (o *operator) connect() error {
	env := map[string]string{}
	for _, e := range o.environ {
		name, value, _ := strings.Cut(e, "=")
		env[name] = strings.TrimSpace(value)
	}
	mine := []string{"MESOS_MASTER=unused:5050"}
	for _, name := range []string{"MARATHON_URL", "MARATHON_USER", "MARATHON_PASSWORD", "MESOS_CA_FILE", "MESOS_INSECURE", "DCOS_SERVICE_ACCOUNT_CREDENTIAL"} {
		value, file := env[name], env[name+"_FILE"]
		if value == "" && file == "" {
			value, file = env[config.Prefix+name], env[config.Prefix+name+"_FILE"]
		}
		mine = append(mine, name+"="+value, name+"_FILE="+file)
	}
	if id := env[render.Prefix+"APP_ID"]; id != "" {
		o.id = "/" + strings.Trim(id, "/")
	}
	c, err := config.Load(mine)
	if err != nil {
		return err
	}
	if o.url = c.Marathon.URL; o.url == "" {
		return fault.New(fault.Invalid, "%sMARATHON_URL is missing: where Marathon is, such as http://marathon.mesos:8080", config.Prefix)
	}
	o.app, err = app.Marathon(c, o.id)
	return err
}

// deploy makes the app what the environment says.
func (o *operator) deploy(ctx context.Context) error {
	app, err := render.Marathon(o.environ, o.docker)
	if err != nil {
		return err
	}
	return o.follow(ctx)(o.app.Put(ctx, json.RawMessage(app), o.force))
}

// follow shows how a deployment goes on until it is over, and fails if it did not bring what it was for.
func (o *operator) follow(ctx context.Context) func(deployment string, err error) error {
	return func(deployment string, err error) error {
		if err != nil {
			return err
		}
		fmt.Fprintf(o.out, "%s: deployment %s\n", o.id, deployment)
		over := make(chan error, 1)
		go func() { over <- o.app.Wait(ctx, deployment) }()
		began, seen := time.Now(), ""
		for {
			select {
			case err := <-over:
				return o.end(ctx, err)
			case <-time.After(500 * time.Millisecond):
			}
			app, err := o.app.App(ctx)
			if err != nil {
				continue // The waiting tells, if it lasts.
			}
			if now := describe(app, began); now != seen {
				seen = now
				fmt.Fprintf(o.out, "%s: %s\n", o.id, now)
			}
		}
	}
}

// end tells how it is after a deployment.
func (o *operator) end(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("stopped watching: the deployment of %s goes on in Marathon", o.id)
	}
	if err != nil {
		return err
	}
	app, err := o.app.App(ctx)
	if err != nil {
		return err
	}
	if app.Running != app.Instances || app.Healthy != app.Instances {
		return fmt.Errorf("the deployment of %s is over, and %s: another one may have taken its place; see flink-service marathon status", o.id, describe(app, time.Now()))
	}
	_, err = fmt.Fprintf(o.out, "%s: done, %s\n", o.id, describe(app, time.Now()))
	return err
}

// describe puts an app in words, with the last failure of an instance if that was after a time.
func describe(app marathon.App, since time.Time) string {
	text := fmt.Sprintf("%d of %d instances running, %d healthy", app.Running, app.Instances, app.Healthy)
	if f := app.LastTaskFailure; f != nil {
		if at, err := time.Parse(time.RFC3339, f.Timestamp); err == nil && at.After(since) {
			text += fmt.Sprintf("; %s on %s was %s: %s", f.TaskID, f.Host, f.State, cmp.Or(f.Message, "without a message"))
		}
	}
	return text
}

// status prints what there is.
func (o *operator) status(ctx context.Context) error {
	app, err := o.app.App(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "%s: %s\nversion: %s\n", app.ID, describe(app, time.Time{}), app.Version)
	for _, d := range app.Deployments {
		fmt.Fprintf(o.out, "deployment under way: %s\n", d.ID)
	}
	return nil
}

// uninstall tells the service to remove everything and then its app, and waits for that.
func (o *operator) uninstall(ctx context.Context) error {
	deployment, err := o.app.Update(ctx, func(app map[string]any) error {
		env, _ := app["env"].(map[string]any)
		if env == nil {
			env = map[string]any{}
			app["env"] = env
		}
		env[config.Prefix+"UNINSTALL"] = "true"
		if env[config.Prefix+"MARATHON_URL"] == nil && env["MARATHON_URL"] == nil {
			env[config.Prefix+"MARATHON_URL"] = o.url
		}
		app["instances"] = 1 // A suspended service can do nothing, and a standby has nothing to do.
		return nil
	}, o.force)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "%s: deployment %s; the service deletes its clusters, its framework, its state, and then itself\n", o.id, deployment)
	for {
		_, err := o.app.App(ctx)
		if r, ok := errors.AsType[*marathon.Refused](err); ok && r.Status == http.StatusNotFound {
			_, err := fmt.Fprintf(o.out, "%s: done, the app is gone\n", o.id)
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return fmt.Errorf("stopped watching: the removal of %s goes on", o.id)
		}
	}
}
