// Package election makes a master known in ZooKeeper as its leader.
package election

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
)

// Publisher keeps the leader known in ZooKeeper as a real master does: an ephemeral, sequential
// node json.info_NNNNNNNNNN that holds the MasterInfo as JSON.
type Publisher struct{ conn *zk.Conn }

// Publish writes the node below the path of address, which is host:port,…/path.
func Publish(address string, info *mesos.MasterInfo, log *slog.Logger) (*Publisher, error) {
	hosts, path, _ := strings.Cut(strings.TrimPrefix(address, "zk://"), "/")
	path = strings.Trim(path, "/")
	if path != "" {
		path = "/" + path
	}
	conn, events, err := zk.Connect(strings.Split(hosts, ","), 10*time.Second, zk.WithLogger(quiet{}))
	if err != nil {
		return nil, fmt.Errorf("publish the leader in ZooKeeper: %w", err)
	}
	deadline := time.After(10 * time.Second)
	for connected := false; !connected; {
		select {
		case e := <-events:
			connected = e.State == zk.StateHasSession
		case <-deadline:
			conn.Close()
			return nil, fmt.Errorf("publish the leader in ZooKeeper: no session with %s", hosts)
		}
	}
	go func() { // Ends when the connection is closed.
		for e := range events {
			log.Debug("zookeeper", "state", e.State.String())
		}
	}()
	for i := range len(path) + 1 {
		if i == 0 || i < len(path) && path[i] != '/' {
			continue
		}
		at := path[:i]
		if _, err := conn.Create(at, nil, 0, zk.WorldACL(zk.PermAll)); err != nil && err != zk.ErrNodeExists { //nolint:errorlint // The library returns its errors unwrapped.
			conn.Close()
			return nil, fmt.Errorf("publish the leader in ZooKeeper: create %s: %w", at, err)
		}
	}
	data, err := protocol.Encode(info, protocol.MediaJSON)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("publish the leader in ZooKeeper: %w", err)
	}
	if _, err := conn.Create(path+"/json.info_", data, zk.FlagEphemeral|zk.FlagSequence, zk.WorldACL(zk.PermAll)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("publish the leader in ZooKeeper: %w", err)
	}
	return &Publisher{conn: conn}, nil
}

// Close ends the session, and the node with it.
func (p *Publisher) Close() { p.conn.Close() }

// quiet keeps the library's own lines out of the log.
type quiet struct{}

// Printf implements zk.Logger.
func (quiet) Printf(string, ...any) {}
