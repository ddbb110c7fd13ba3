package ha

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

// sessionTimeout is that of the short sessions here.
const sessionTimeout = 10 * time.Second

// do connects, works and disconnects. The library waits for a connection for ever; ctx bounds it.
func (l Location) do(ctx context.Context, work func(*zk.Conn) error) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	dial := func(network, address string, timeout time.Duration) (net.Conn, error) {
		c, err := net.DialTimeout(network, address, timeout)
		if err == nil && l.SASL != nil {
			c = &saslConn{Conn: c, login: *l.SASL, fail: fail}
		}
		return c, err
	}
	c, _, err := zk.Connect(l.Servers, sessionTimeout, zk.WithLogger(silent{}), zk.WithEventCallback(func(zk.Event) {}), zk.WithDialer(dial))
	if err != nil {
		return l.wrap(err)
	}
	done := make(chan error, 1)
	go func() {
		for _, a := range l.logins {
			if err := c.AddAuth(a.scheme, a.auth); err != nil {
				done <- fmt.Errorf("authenticate by %s: %w", a.scheme, err)
				return
			}
		}
		done <- work(c)
	}()
	select {
	case err = <-done:
		c.Close()
		if errors.Is(err, zk.ErrNoAuth) {
			err = fmt.Errorf("%w: the ACL of Flink's nodes shuts the service out; give Flink and the service the same login (%s, or ZOOKEEPER_SASL_USER), or leave high-availability.zookeeper.client.acl open",
				err, authorization)
		}
		return l.wrap(err)
	case <-ctx.Done():
		c.Close() // Ends the work, too.
		return l.wrap(context.Cause(ctx))
	}
}

// wrap says where an error is from; nil for nil.
func (l Location) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("ZooKeeper at %s: %w", strings.Join(l.Servers, ","), err)
}

// silent keeps the library's own lines out of the log.
type silent struct{}

// Printf implements zk.Logger.
func (silent) Printf(string, ...any) {}
