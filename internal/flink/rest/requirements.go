package rest

import (
	"context"
	"net/http"
	"net/url"
)

// VertexRequirements say between which bounds the adaptive scheduler chooses the parallelism of a vertex.
type VertexRequirements struct {
	Parallelism struct {
		Lower int `json:"lowerBound"`
		Upper int `json:"upperBound"`
	} `json:"parallelism"`
}

// ResourceRequirements asks for the requirements of a job, by vertex id. Only the adaptive scheduler has some; with
// another one Flink answers an Error.
func (c *Client) ResourceRequirements(ctx context.Context, id string) (map[string]VertexRequirements, error) {
	var all map[string]VertexRequirements
	err := c.call(ctx, http.MethodGet, requirementsPath(id), nil, &all)
	return all, err
}

// SetResourceRequirements sets the requirements of all vertices of a job. Flink rescales it soon.
func (c *Client) SetResourceRequirements(ctx context.Context, id string, all map[string]VertexRequirements) error {
	return c.call(ctx, http.MethodPut, requirementsPath(id), all, nil)
}

func requirementsPath(id string) string {
	return "/jobs/" + url.PathEscape(id) + "/resource-requirements"
}
