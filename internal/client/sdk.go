package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Plan is a plan as the tools of DC/OS SDK services know them.
type Plan struct {
	Phases   []Phase  `json:"phases"`
	Errors   []string `json:"errors"`
	Strategy string   `json:"strategy"`
	Status   string   `json:"status"`
	// Paused says that task launches of all clusters are paused, also of those that are created later.
	Paused bool `json:"paused"`
}

// Phase is a part of a plan: a cluster.
type Phase struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Steps    []Step `json:"steps"`
	Strategy string `json:"strategy"`
	Status   string `json:"status"`
	// Paused says that task launches of the cluster are paused.
	Paused bool `json:"paused"`
}

// Step is the smallest part of a plan: a pod.
type Step struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

// Plans lists the names of the plans.
func (c *Client) Plans(ctx context.Context) ([]string, error) {
	return c.names(ctx, "v1", "plans")
}

// Plan describes a plan, and returns its JSON as well. A plan with errors is an answer too.
func (c *Client) Plan(ctx context.Context, name string) (Plan, json.RawMessage, error) {
	var out Plan
	raw, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "plans", name}, besides: http.StatusExpectationFailed}, &out)
	return out, raw, err
}

// PlanCommand is a command on a plan, a phase of it or a step of that.
type PlanCommand struct {
	// Plan is its name, Command one of start, stop, interrupt, continue, restart and forceComplete.
	Plan, Command string
	// Phase and Step narrow it; empty means all.
	Phase, Step string
}

// CommandPlan gives a plan a command. Changed says that it was not so already.
func (c *Client) CommandPlan(ctx context.Context, p PlanCommand) (changed bool, err error) {
	query := url.Values{}
	for name, value := range map[string]string{"phase": p.Phase, "step": p.Step} {
		if value != "" {
			query.Set(name, value)
		}
	}
	_, status, err := c.perform(ctx, call{method: http.MethodPost, path: []string{"v1", "plans", p.Plan, p.Command}, query: query})
	return status != http.StatusAlreadyReported, err
}

// Pod is a pod with its tasks.
type Pod struct {
	Name  string    `json:"name"`
	Tasks []PodTask `json:"tasks"`
}

// PodTask is a task of a pod.
type PodTask struct {
	Name   string `json:"name"`
	ID     string `json:"id"`
	Status string `json:"status"`
}

// Pods lists the names of the pods.
func (c *Client) Pods(ctx context.Context) ([]string, error) {
	return c.names(ctx, "v1", "pod")
}

// PodStatuses lists the pods with their tasks, and returns the JSON as well.
func (c *Client) PodStatuses(ctx context.Context) ([]Pod, json.RawMessage, error) {
	var out struct {
		Pods []struct {
			Instances []Pod `json:"instances"`
		} `json:"pods"`
	}
	raw, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "pod", "status"}}, &out)
	var pods []Pod
	for _, kind := range out.Pods {
		pods = append(pods, kind.Instances...)
	}
	return pods, raw, err
}

// PodStatus describes one pod, and returns its JSON as well.
func (c *Client) PodStatus(ctx context.Context, name string) (Pod, json.RawMessage, error) {
	var out Pod
	raw, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "pod", name, "status"}}, &out)
	return out, raw, err
}

// CommandPod has a pod restarted or replaced, and returns the names of its tasks.
func (c *Client) CommandPod(ctx context.Context, name, command string) ([]string, error) {
	var out struct {
		Tasks []string `json:"tasks"`
	}
	_, err := c.decode(ctx, call{method: http.MethodPost, path: []string{"v1", "pod", name, command}}, &out)
	return out.Tasks, err
}

// Endpoint is where something can be reached.
type Endpoint struct {
	// Address holds host:port pairs.
	Address []string `json:"address"`
	// DNS holds name:port pairs of tasks on a virtual network.
	DNS []string `json:"dns,omitempty"`
}

// Endpoints lists the names of the endpoints.
func (c *Client) Endpoints(ctx context.Context) ([]string, error) {
	return c.names(ctx, "v1", "endpoints")
}

// Endpoint describes one endpoint.
func (c *Client) Endpoint(ctx context.Context, name string) (Endpoint, error) {
	var out Endpoint
	_, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "endpoints", name}}, &out)
	return out, err
}

// names asks for a list of names.
func (c *Client) names(ctx context.Context, path ...string) ([]string, error) {
	var out []string
	_, err := c.decode(ctx, call{method: http.MethodGet, path: path}, &out)
	return out, err
}
