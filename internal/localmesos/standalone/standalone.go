package standalone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/runtime"
)

// Start makes a master with agents. Close the master to end it with all its tasks.
func Start(s Settings, log *slog.Logger) (*localmesos.Master, error) {
	if s.WorkDir == "" {
		s.WorkDir = "localmesos"
	}
	dir, err := filepath.Abs(s.WorkDir)
	if err != nil {
		return nil, fmt.Errorf("local Mesos: %w", err)
	}
	m, err := localmesos.New(localmesos.Options{
		Listen: s.Listen, Principal: s.Principal, Secret: s.Secret, Region: s.Region, Zone: s.zoneOf(0), ZooKeeper: s.ZooKeeper, Log: log,
		AgentPingTimeout: s.AgentPingTimeout, MaxAgentPingTimeouts: s.MaxAgentPingTimeouts,
	})
	if err != nil {
		return nil, err
	}
	for i := range s.Agents {
		o := localmesos.AgentOptions{
			Hostname: s.Hostname, CPUs: s.CPUs, MemMiB: s.Mem, DiskMiB: s.Disk, GPUs: s.GPUs, Ports: s.portsOf(i),
			Attributes: s.attributesOf(i), Region: s.Region, Zone: s.zoneOf(i),
			Runtime: func(id string) (executor.Runtime, error) {
				return runtime.New(runtime.Options{
					AgentID: id, WorkDir: filepath.Join(dir, "agent-"+strconv.Itoa(i)), Endpoint: m.Address(), Hostname: s.Hostname, Log: log,
				})
			},
		}
		if _, err := m.AddAgent(o); err != nil {
			return nil, errors.Join(err, m.Close())
		}
	}
	return m, nil
}

// Run is flink-service local-mesos: a local Mesos until ctx is done.
func Run(ctx context.Context, log *slog.Logger) error {
	s, err := Load()
	if err != nil {
		return err
	}
	m, err := Start(s, log)
	if err != nil {
		return err
	}
	log.Info("local Mesos is ready", "master", m.Address(), "agents", s.Agents, "cpus", s.CPUs, "mem", s.Mem)
	<-ctx.Done()
	return m.Close()
}
