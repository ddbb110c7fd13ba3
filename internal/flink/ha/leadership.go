package ha

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"

	"github.com/go-zookeeper/zk"
)

// RevokeLeadership removes the candidacy of a dead JobManager, whose RPC address is host:port, and returns how many
// nodes that were. With alone no other JobManager of the cluster is alive, so every candidate in the latch is the
// dead one or a predecessor. Otherwise only the nodes of the session go that published the dead one's address: those
// are certainly its own.
func (l Location) RevokeLeadership(ctx context.Context, host string, port int, alone bool) (int, error) {
	removed := 0
	err := l.do(ctx, func(c *zk.Conn) error {
		dead, err := l.sessionsOf(c, host+":"+strconv.Itoa(port))
		if err != nil {
			return err
		}
		latch := path.Join(l.Path, leader, "latch")
		candidates, _, err := c.Children(latch)
		if errors.Is(err, zk.ErrNoNode) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list %s: %w", latch, err)
		}
		for _, name := range candidates {
			node := path.Join(latch, name)
			_, stat, err := c.Get(node)
			if errors.Is(err, zk.ErrNoNode) {
				continue
			}
			if err != nil {
				return fmt.Errorf("read %s: %w", node, err)
			}
			if !alone && !dead[stat.EphemeralOwner] {
				continue
			}
			if err := c.Delete(node, stat.Version); err != nil && !errors.Is(err, zk.ErrNoNode) {
				return fmt.Errorf("remove %s: %w", node, err)
			}
			removed++
		}
		return nil
	})
	return removed, err
}

// sessionsOf finds the sessions that published an address as a leader's.
func (l Location) sessionsOf(c *zk.Conn, address string) (map[int64]bool, error) {
	sessions := make(map[int64]bool)
	leaders := path.Join(l.Path, leader)
	components, _, err := c.Children(leaders)
	if errors.Is(err, zk.ErrNoNode) {
		return sessions, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", leaders, err)
	}
	for _, component := range components {
		// Flink writes the address as a Java string: its characters stand in the node as they are.
		data, stat, err := c.Get(path.Join(leaders, component, "connection_info"))
		if errors.Is(err, zk.ErrNoNode) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read who leads in %s: %w", leaders, err)
		}
		if bytes.Contains(data, []byte("@"+address+"/")) && stat.EphemeralOwner != 0 {
			sessions[stat.EphemeralOwner] = true
		}
	}
	return sessions, nil
}
