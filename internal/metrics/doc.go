// Package metrics shows how clusters and their jobs do to systems that watch them: as metrics of Prometheus, as the list
// of what Prometheus scrapes, and over StatsD. It reads the published state and decides nothing.
package metrics
