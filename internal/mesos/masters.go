package mesos

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// schedulerPath is where a master serves the v1 scheduler API.
const schedulerPath = "/api/v1/scheduler"

// Masters reads the address of the master: host:port, a comma list of them, a URL, or
// zk://host:port,…/path, whose leader is asked of leader each time. Scheme is for addresses
// without one: http or https.
func Masters(address, scheme string, leader func(ctx context.Context, zk string) (hostPort string, err error)) (func(context.Context) ([]string, error), error) {
	if strings.HasPrefix(address, "zk://") {
		return func(ctx context.Context) ([]string, error) {
			host, err := leader(ctx, address)
			if err != nil {
				return nil, err
			}
			return []string{scheme + "://" + host + schedulerPath}, nil
		}, nil
	}
	var urls []string
	for part := range strings.SplitSeq(address, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if !strings.Contains(part, "://") {
			part = scheme + "://" + part
		}
		u, err := url.Parse(part)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, fmt.Errorf("%q is not the address of a Mesos master: use host:port, http(s)://host:port, a comma list of them, zk://host:port/path, or local", part)
		}
		// Behind Admin Router the API is below a path such as /mesos.
		if !strings.HasSuffix(u.Path, schedulerPath) {
			u.Path = strings.TrimSuffix(u.Path, "/") + schedulerPath
		}
		urls = append(urls, u.String())
	}
	if len(urls) == 0 {
		return nil, fmt.Errorf("the address of the Mesos master is empty")
	}
	return func(context.Context) ([]string, error) { return urls, nil }, nil
}
