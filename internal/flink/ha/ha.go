// Package ha looks after what Flink's high availability leaves in ZooKeeper when a JobManager or a whole cluster
// ends: it removes the leadership of a JobManager that is dead for certain, so that its successor need not wait
// until ZooKeeper gives up on the session, and the nodes of a cluster that is deleted. It elects nobody.
package ha

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

// Flink's defaults (HighAvailabilityOptions).
const (
	defaultRoot      = "/flink"
	defaultClusterID = "/default"
)

// Location is where a cluster keeps its high-availability data in ZooKeeper.
type Location struct {
	// Servers are host:port of the quorum.
	Servers []string
	// Path is the cluster's node.
	Path string
}

// Locate reads the location from Flink's configuration; false when the cluster does not use ZooKeeper.
func Locate(config map[string]string) (Location, bool) {
	get := func(names ...string) string {
		for _, n := range names {
			if v := strings.TrimSpace(config[n]); v != "" {
				return v
			}
		}
		return ""
	}
	quorum := get("high-availability.zookeeper.quorum", "recovery.zookeeper.quorum")
	if !strings.EqualFold(get("high-availability.type", "high-availability", "high-availability.mode"), "zookeeper") || quorum == "" {
		return Location{}, false
	}
	root := get("high-availability.zookeeper.path.root", "recovery.zookeeper.path.root")
	if root == "" {
		root = defaultRoot
	}
	id := get("high-availability.cluster-id", "high-availability.zookeeper.path.namespace", "recovery.zookeeper.path.namespace")
	if id == "" {
		id = defaultClusterID
	}
	l := Location{Path: path.Join("/", root, id)}
	servers, chroot, _ := strings.Cut(quorum, "/")
	if chroot != "" {
		l.Path = path.Join("/", chroot, l.Path)
	}
	for s := range strings.SplitSeq(servers, ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		if !strings.Contains(s, ":") {
			s += ":2181"
		}
		l.Servers = append(l.Servers, s)
	}
	return l, len(l.Servers) > 0
}

// Depose removes the leadership of a dead JobManager, whose RPC address is host:port, and returns how many nodes
// that were. With alone no other JobManager of the cluster lives, so every candidate in the latch is the dead one
// or one before it. Otherwise only the nodes of the session go that published the dead one's address: those are
// certainly its own.
func (l Location) Depose(ctx context.Context, host string, port int, alone bool) (int, error) {
	removed := 0
	err := l.do(ctx, func(c *zk.Conn) error {
		dead, err := l.sessionsOf(c, host+":"+strconv.Itoa(port))
		if err != nil {
			return err
		}
		latch := path.Join(l.Path, "leader", "latch")
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
	leaders := path.Join(l.Path, "leader")
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

// Remove deletes everything of the cluster, and the nodes above it when they are empty then. Files that its nodes point to stay where the cluster's
// high-availability.storageDir is: the service need not be able to reach that place.
func (l Location) Remove(ctx context.Context) error {
	return l.do(ctx, func(c *zk.Conn) error {
		if err := remove(c, l.Path); err != nil {
			return err
		}
		// What is above is for every cluster; Flink makes it again when it is missing.
		for parent := path.Dir(l.Path); parent != "/"; parent = path.Dir(parent) {
			err := c.Delete(parent, -1)
			if errors.Is(err, zk.ErrNotEmpty) || errors.Is(err, zk.ErrNoAuth) {
				return nil
			}
			if err != nil && !errors.Is(err, zk.ErrNoNode) {
				return fmt.Errorf("remove %s: %w", parent, err)
			}
		}
		return nil
	})
}

func remove(c *zk.Conn, node string) error {
	for {
		children, _, err := c.Children(node)
		if errors.Is(err, zk.ErrNoNode) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list %s: %w", node, err)
		}
		for _, child := range children {
			if err := remove(c, path.Join(node, child)); err != nil {
				return err
			}
		}
		err = c.Delete(node, -1)
		switch {
		case err == nil, errors.Is(err, zk.ErrNoNode):
			return nil
		case errors.Is(err, zk.ErrNotEmpty):
			continue // Something was added meanwhile.
		}
		return fmt.Errorf("remove %s: %w", node, err)
	}
}

// sessionTimeout is that of the short sessions here.
const sessionTimeout = 10 * time.Second

// do connects, works and disconnects. The library waits for a connection for ever; ctx bounds it.
func (l Location) do(ctx context.Context, work func(*zk.Conn) error) error {
	c, _, err := zk.Connect(l.Servers, sessionTimeout, zk.WithLogger(silent{}), zk.WithEventCallback(func(zk.Event) {}))
	if err != nil {
		return fmt.Errorf("ZooKeeper at %s: %w", strings.Join(l.Servers, ","), err)
	}
	done := make(chan error, 1)
	go func() { done <- work(c) }()
	select {
	case err = <-done:
		c.Close()
		return err
	case <-ctx.Done():
		c.Close() // Ends the work, too.
		return fmt.Errorf("ZooKeeper at %s: %w", strings.Join(l.Servers, ","), ctx.Err())
	}
}

// silent keeps the library's own lines out of the log.
type silent struct{}

// Printf implements zk.Logger.
func (silent) Printf(string, ...any) {}
