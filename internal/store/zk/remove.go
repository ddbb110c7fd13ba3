package zk

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/go-zookeeper/zk"

	"github.com/flink-on-mesos/flink-service/internal/store"
)

// Remove deletes the state with every node that was made for it, also those above it that are empty then, and gives up
// the lock: nothing can be written afterwards. It takes the lock to do that. Other instances that stand in line lose
// their place, and end with an error.
//
// Stopped halfway, the state may lack its head; the next New makes an empty one in its place.
func (z *Store) Remove(ctx context.Context) error {
	z.mu.Lock()
	l := z.lease
	z.mu.Unlock()
	if l == nil {
		return store.ErrNotLeader
	}
	if err := z.take(ctx); err != nil {
		return err
	}
	defer z.give()
	// The head first, if we lead: nothing can be written without it.
	_, err := call(ctx, func() ([]zk.MultiResponse, error) {
		return z.s.conn.Multi(&zk.CheckVersionRequest{Path: l.path, Version: -1}, &zk.DeleteRequest{Path: z.paths.head, Version: l.version})
	})
	if err != nil {
		return fmt.Errorf("remove %s: %w", z.paths.head, l.or(err))
	}
	l.end("the state is removed", store.ErrNotLeader)
	if err := z.removeTree(ctx, z.paths.root); err != nil {
		return err
	}
	for parent := path.Dir(z.paths.root); parent != "/"; parent = path.Dir(parent) {
		err := z.s.remove(ctx, parent)
		if errors.Is(err, zk.ErrNotEmpty) || errors.Is(err, zk.ErrNoAuth) {
			return nil // It is somebody else's, too.
		}
		if err != nil {
			return fmt.Errorf("remove %s: %w", parent, err)
		}
	}
	return nil
}

// removeTree deletes a node and all below it.
func (z *Store) removeTree(ctx context.Context, node string) error {
	for {
		children, err := z.s.children(ctx, node)
		if errors.Is(err, zk.ErrNoNode) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list %s: %w", node, explain(err))
		}
		for _, child := range children {
			if err := z.removeTree(ctx, node+"/"+child); err != nil {
				return err
			}
		}
		err = z.s.remove(ctx, node)
		if errors.Is(err, zk.ErrNotEmpty) {
			continue // Something was added meanwhile.
		}
		if err != nil {
			return fmt.Errorf("remove %s: %w", node, explain(err))
		}
		return nil
	}
}
