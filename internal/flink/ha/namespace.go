package ha

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/go-zookeeper/zk"
)

// Remove deletes the whole namespace, and the nodes above it that are empty then. Files that its nodes point to stay
// in the cluster's high-availability.storageDir: the service need not be able to reach that place.
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

// RemoveGraphs deletes what Flink would recover and run in place of a new submission: job graphs up to 1.20,
// execution plans in 2.x, applications since 2.3, and the locks on them. It returns how many there were. Checkpoints
// and the counters of their ids stay (jobs/ID/checkpoints, jobs/ID/checkpoint_id_counter), so a new submission with
// the same job id starts from the last checkpoint. No JobManager of the cluster may be alive: a dead one's session,
// with its locks, may be.
func (l Location) RemoveGraphs(ctx context.Context) (int, error) {
	removed := 0
	err := l.do(ctx, func(c *zk.Conn) error {
		for _, node := range l.graphs {
			names, err := children(c, node)
			if err != nil {
				return err
			}
			if err := remove(c, node); err != nil {
				return err
			}
			removed += len(names)
		}
		return nil
	})
	return removed, err
}

// Jobs lists the ids of the jobs that have checkpoints, a leader or a stored graph in the namespace, in the order of
// the ids.
func (l Location) Jobs(ctx context.Context) (ids []string, err error) {
	err = l.do(ctx, func(c *zk.Conn) error {
		for _, node := range append([]string{path.Join(l.Path, jobs)}, l.graphs[:l.ofJobs]...) {
			names, err := children(c, node)
			if err != nil {
				return err
			}
			ids = append(ids, names...)
		}
		return nil
	})
	slices.Sort(ids)
	return slices.Compact(ids), err
}

// Checkpoints lists the ids of the completed checkpoints that ZooKeeper knows of a job, the oldest first; none when
// it does not know the job. Where their metadata is stands in a file of high-availability.storageDir; in the
// directory of checkpoints it is JOB/chk-ID.
func (l Location) Checkpoints(ctx context.Context, jobID string) (ids []int64, err error) {
	if !nodeName(jobID) {
		return nil, fmt.Errorf("%q is not the id of a job", jobID)
	}
	err = l.do(ctx, func(c *zk.Conn) error {
		names, err := children(c, path.Join(l.Path, jobs, jobID, "checkpoints"))
		for _, name := range names {
			// The id in 19 digits (ZooKeeperCheckpointStoreUtil). Flink ignores other names, too.
			if id, err := strconv.ParseInt(name, 10, 64); err == nil {
				ids = append(ids, id)
			}
		}
		return err
	})
	slices.Sort(ids)
	return ids, err
}

// Namespaces lists the cluster ids below the same root that begin with a prefix, in order. They have no leading slash;
// Namespace gives the location of each.
func (l Location) Namespaces(ctx context.Context, prefix string) (ids []string, err error) {
	err = l.do(ctx, func(c *zk.Conn) error {
		names, err := children(c, l.Root)
		for _, name := range names {
			if strings.HasPrefix(name, prefix) {
				ids = append(ids, name)
			}
		}
		return err
	})
	slices.Sort(ids)
	return ids, err
}

// Namespace is the location of another cluster id on the same quorum, below the same root, with the same options.
func (l Location) Namespace(id string) Location {
	from := l.Path
	l.Path = path.Join(l.Root, path.Join("/", id))
	graphs := make([]string, len(l.graphs))
	for i, g := range l.graphs {
		graphs[i] = l.Path + strings.TrimPrefix(g, from)
	}
	l.graphs = graphs
	return l
}

// jobs is the node that has one child for each job, leader that of the election.
const jobs, leader = "jobs", "leader"

func nodeName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}

// children lists the names of the nodes below one, which need not exist.
func children(c *zk.Conn, node string) ([]string, error) {
	names, _, err := c.Children(node)
	if errors.Is(err, zk.ErrNoNode) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", node, err)
	}
	return names, nil
}
