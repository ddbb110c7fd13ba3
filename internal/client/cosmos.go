package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Package is what Cosmos, the package manager of DC/OS, knows of the installed service.
type Package struct {
	Package struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		// Config is the JSON schema (draft 4) of the options; nil for a package without options.
		Config map[string]any `json:"config"`
	} `json:"package"`
	// UpgradesTo and DowngradesTo are the versions that an update may lead to.
	UpgradesTo   []string `json:"upgradesTo"`
	DowngradesTo []string `json:"downgradesTo"`
	// Options are all options of the service, those with their default value included.
	Options map[string]any `json:"resolvedOptions"`
}

// PackageUpdate is a change of the service's own options.
type PackageUpdate struct {
	// Version is the package's new version; empty keeps it.
	Version string
	// Options are laid over the present ones, or replace all that were given with Replace. Nil changes none.
	Options map[string]any
	Replace bool
}

// InDCOS says whether there is a package manager to ask: the service is behind an Admin Router.
func (c *Client) InDCOS() bool { return c.opts.Cluster != "" }

// DescribePackage asks Cosmos for the service's package and its options.
func (c *Client) DescribePackage(ctx context.Context) (Package, error) {
	var p Package
	err := c.cosmos(ctx, "describe", map[string]any{"appId": "/" + c.opts.Service}, &p)
	return p, err
}

// UpdatePackage has Cosmos render the service's app anew and Marathon deploy it; the deployment's id is returned.
func (c *Client) UpdatePackage(ctx context.Context, u PackageUpdate) (deployment string, err error) {
	body := map[string]any{"appId": "/" + c.opts.Service, "replace": u.Replace}
	if u.Options != nil {
		body["options"] = u.Options
	}
	if u.Version != "" {
		body["packageVersion"] = u.Version
	}
	var answer struct {
		Deployment string `json:"marathonDeploymentId"`
	}
	err = c.cosmos(ctx, "update", body, &answer)
	return answer.Deployment, err
}

// cosmos performs a call of Cosmos' service manager.
func (c *Client) cosmos(ctx context.Context, endpoint string, in, out any) error {
	if !c.InDCOS() {
		return fault.New(fault.Invalid, "the DC/OS package manager is not available")
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	data, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.opts.Cluster+"/cosmos/service/"+endpoint, bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("build the request: %w", err)
	}
	media := func(kind string) string {
		return "application/vnd.dcos.service." + endpoint + "-" + kind + "+json;charset=utf-8;version=v1"
	}
	req.Header.Set("Content-Type", media("request"))
	req.Header.Set("Accept", media("response"))
	answer, err := c.send(req, true, http.StatusBadRequest, http.StatusConflict, http.StatusNotFound, http.StatusUnprocessableEntity)
	if err != nil {
		return err
	}
	var refused struct {
		Type    string          `json:"type"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(answer, &refused); err != nil {
		return fmt.Errorf("read the answer of Cosmos: %w", err)
	}
	if refused.Type != "" && refused.Message != "" {
		return refusedByCosmos(refused.Type, refused.Message, refused.Data)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("read the answer of Cosmos: %w", err)
	}
	return nil
}
