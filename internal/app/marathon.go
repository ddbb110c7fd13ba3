package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

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

// ownApp is the command marathon. The app is the one that render marathon writes for the same environment.
func ownApp(ctx context.Context, args, environ []string, out io.Writer) error {
	const use = "marathon takes deploy, status, suspend, resume or uninstall"
	o := operator{id: "/flink", environ: environ, out: out}
	yes := false
	var words []string
	for _, a := range args {
		switch a {
		case "--docker", "-docker":
			o.docker = true
		case "--force", "-force":
			o.force = true
		case "--yes", "-yes":
			yes = true
		default:
			words = append(words, a)
		}
	}
	command := append(words, "", "")[0]
	instances, err := strconv.Atoi(cmp.Or(append(words, "", "")[1], "1"))
	switch {
	case !slices.Contains([]string{"deploy", "status", "suspend", "resume", "uninstall"}, command), o.docker && command != "deploy":
		return wrongUse(use)
	case len(words) > 1 && command != "resume", len(words) > 2, err != nil, instances < 1:
		return wrongUse("marathon resume takes the number of instances, the others nothing")
	case command == "uninstall" && !yes:
		return wrongUse("marathon uninstall deletes every cluster and what the service knows: say --yes as well")
	}
	if err := o.connect(); err != nil {
		return err
	}
	switch command {
	case "deploy":
		return o.deploy(ctx)
	case "suspend":
		return o.follow(ctx)(o.app.Suspend(ctx, o.force))
	case "resume":
		return o.follow(ctx)(o.app.Resume(ctx, instances, o.force))
	case "uninstall":
		return o.uninstall(ctx)
	}
	return o.status(ctx)
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
	s := Service{c: c, log: slog.New(slog.DiscardHandler)}
	if err := s.identify(); err != nil {
		return err
	}
	o.app, err = s.marathon(o.id)
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
