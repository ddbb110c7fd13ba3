// Package marathon owns what the service does to its own app in Marathon: read it, suspend and resume it, change it,
// follow the deployment of that, and remove it. It refuses to touch any other app.
//
// The calls are those of go-marathon. Its client has no context, takes every failed request for a lost server that is to
// be pinged for ever, and its Application lacks networks, secrets and references to them. So each operation gets a
// client of its own, whose transport (exchange) carries the context, keeps the real answer, and passes the whole
// document of the app on as it is.
package marathon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	gomarathon "github.com/gambol99/go-marathon"
)

// Options configure a Client. URL and AppID are required.
type Options struct {
	// URL is where Marathon is, such as http://marathon.mesos:8080 or https://leader.mesos/service/marathon.
	URL string
	// AppID is the id of our app, which Marathon tells in MARATHON_APP_ID.
	AppID string
	// User and Password are those of basic authentication; none when User is empty.
	User, Password string
	// Transport adds other credentials when there are any; nil means a direct one without.
	Transport http.RoundTripper
	// Timeout bounds one call; 30 seconds when 0.
	Timeout time.Duration
	// Poll is the time between looks at a deployment; one second when 0.
	Poll time.Duration
}

func (o *Options) validate() error {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Contains(o.URL, ",") {
		return fmt.Errorf("marathon: %q is not an http or https URL", o.URL)
	}
	o.AppID = "/" + strings.Trim(o.AppID, "/")
	if o.AppID == "/" {
		return errors.New("marathon: AppID is empty")
	}
	o.URL = strings.TrimRight(o.URL, "/")
	if o.Transport == nil {
		o.Transport = &http.Transport{IdleConnTimeout: time.Minute}
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	return nil
}

// Client works on one app. It is safe for use by several goroutines.
type Client struct{ o Options }

// New returns a Client. It makes no call.
func New(o Options) (*Client, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Client{o: o}, nil
}

// App is an app as Marathon answers it.
type App struct {
	ID      string            `json:"id"`
	Version string            `json:"version"`
	Labels  map[string]string `json:"labels"`
	// Instances is how many are wanted; Running and Healthy are those that there are.
	Instances int `json:"instances"`
	Running   int `json:"tasksRunning"`
	Healthy   int `json:"tasksHealthy"`
	// Deployments are the ids of those under way.
	Deployments []Deployment `json:"deployments"`
	// LastTaskFailure is how an instance ended last that was not meant to; nil while none has.
	LastTaskFailure *TaskFailure `json:"lastTaskFailure"`
}

// TaskFailure is the end of an instance.
type TaskFailure struct {
	TaskID    string `json:"taskId"`
	State     string `json:"state"`
	Message   string `json:"message"`
	Host      string `json:"host"`
	Timestamp string `json:"timestamp"`
}

// Deployment names a change under way.
type Deployment struct {
	ID string `json:"id"`
}

// App reads the app.
func (c *Client) App(ctx context.Context) (App, error) {
	document, err := c.read(ctx)
	if err != nil {
		return App{}, err
	}
	var app App
	if err := json.Unmarshal(document, &app); err != nil {
		return App{}, fmt.Errorf("read the app %s: %w", c.o.AppID, err)
	}
	return app, nil
}

// read returns the document of the app.
func (c *Client) read(ctx context.Context) (json.RawMessage, error) {
	x, err := c.call(ctx, nil, func(m gomarathon.Marathon) error {
		_, err := m.Application(c.o.AppID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the app %s: %w", c.o.AppID, err)
	}
	var answer struct {
		App json.RawMessage `json:"app"`
	}
	if err := json.Unmarshal(x.body, &answer); err != nil || len(answer.App) == 0 {
		return nil, fmt.Errorf("read the app %s: the answer has no app", c.o.AppID)
	}
	return answer.App, nil
}

// Suspend stops every instance of the app; the tasks of clusters go on. It returns the id of the deployment.
func (c *Client) Suspend(ctx context.Context, force bool) (string, error) {
	return c.Scale(ctx, 0, force)
}

// Resume starts so many instances of the app again. It returns the id of the deployment.
func (c *Client) Resume(ctx context.Context, instances int, force bool) (string, error) {
	return c.Scale(ctx, instances, force)
}

// Scale changes how many instances are wanted. With force it replaces a deployment under way; without, that is a
// Locked error. It returns the id of the deployment.
func (c *Client) Scale(ctx context.Context, instances int, force bool) (string, error) {
	x, err := c.call(ctx, nil, func(m gomarathon.Marathon) error {
		_, err := m.ScaleApplicationInstances(c.o.AppID, instances, force)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("scale the app %s to %d: %w", c.o.AppID, instances, err)
	}
	return x.deployment()
}

// answered are fields that Marathon answers and that are not part of what is asked for: the times and states of now,
// and uris, which it derives from fetch.
var answered = []string{
	"uris", "version", "versionInfo", "deployments", "tasks", "tasksStaged", "tasksRunning", "tasksHealthy", "tasksUnhealthy",
	"taskStats", "lastTaskFailure", "readinessCheckResults",
}

// Update reads the app, has change alter its document, and puts the whole of it back. It returns the id of the
// deployment.
func (c *Client) Update(ctx context.Context, change func(app map[string]any) error, force bool) (string, error) {
	document, err := c.read(ctx)
	if err != nil {
		return "", err
	}
	var app map[string]any
	d := json.NewDecoder(strings.NewReader(string(document)))
	d.UseNumber()
	if err := d.Decode(&app); err != nil {
		return "", fmt.Errorf("read the app %s: %w", c.o.AppID, err)
	}
	maps.DeleteFunc(app, func(name string, _ any) bool { return slices.Contains(answered, name) })
	if err := change(app); err != nil {
		return "", err
	}
	if id, _ := app["id"].(string); id != c.o.AppID {
		return "", fmt.Errorf("the app %s cannot become %q", c.o.AppID, id)
	}
	return c.Put(ctx, app, force)
}

// Put makes the app what a document says, the whole of it, and creates it when it is not there. The document becomes
// JSON; its id is ours. It returns the id of the deployment.
func (c *Client) Put(ctx context.Context, app any, force bool) (string, error) {
	body, err := json.Marshal(app)
	if err != nil {
		return "", fmt.Errorf("write the app %s: %w", c.o.AppID, err)
	}
	x, err := c.call(ctx, body, func(m gomarathon.Marathon) error {
		_, err := m.UpdateApplication(&gomarathon.Application{ID: c.o.AppID}, force)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("update the app %s: %w", c.o.AppID, err)
	}
	return x.deployment()
}

// Destroy removes the app. It returns the id of the deployment, in which Marathon stops the instances.
func (c *Client) Destroy(ctx context.Context, force bool) (string, error) {
	x, err := c.call(ctx, nil, func(m gomarathon.Marathon) error {
		_, err := m.DeleteApplication(c.o.AppID, force)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("remove the app %s: %w", c.o.AppID, err)
	}
	return x.deployment()
}

// Wait returns when a deployment is over. Marathon does not tell whether it was completed or replaced by another:
// who wants to know looks at the app.
func (c *Client) Wait(ctx context.Context, deployment string) error {
	ticker := time.NewTicker(c.o.Poll)
	defer ticker.Stop()
	for {
		var there bool
		_, err := c.call(ctx, nil, func(m gomarathon.Marathon) (err error) {
			if there, err = m.HasDeployment(deployment); err != nil {
				return fmt.Errorf("read the deployments: %v", err) //nolint:errorlint // One that cannot be read says nothing.
			}
			return nil
		})
		switch {
		case err == nil && !there:
			return nil
		case err != nil && !passing(err):
			return fmt.Errorf("follow the deployment %s: %w", deployment, err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("follow the deployment %s: %w", deployment, ctx.Err())
		}
	}
}

// call performs one operation with a client of its own.
func (c *Client) call(ctx context.Context, body []byte, do func(gomarathon.Marathon) error) (*exchange, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	x := &exchange{ctx: ctx, next: c.o.Transport, document: body}
	config := gomarathon.NewDefaultConfig()
	config.URL = c.o.URL
	config.HTTPBasicAuthUser, config.HTTPBasicPassword = c.o.User, c.o.Password
	config.HTTPClient = &http.Client{Transport: x, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // A redirect would take the credentials elsewhere.
	}}
	m, err := gomarathon.NewClient(config)
	if err != nil {
		return nil, err
	}
	err = do(m)
	if failed := x.failure(); failed != nil {
		return nil, failed
	}
	if err != nil && !errors.Is(err, gomarathon.ErrInvalidResponse) { // What it cannot read is read here.
		return nil, err
	}
	return x, nil
}
