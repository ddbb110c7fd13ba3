package app

import (
	"context"
	"net"
	"time"
)

// Network is how a Service listens and connects. The zero value is the network of the machine; simulations put
// one in memory in its place.
type Network struct {
	// Listen takes the place of net.Listen. The address of its listener must be a *net.TCPAddr.
	Listen func(network, address string) (net.Listener, error)
	// Dial takes the place of (*net.Dialer).DialContext for every connection but those to the ZooKeeper of Mesos and of Flink.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func (n Network) listen(address string) (net.Listener, error) {
	if n.Listen != nil {
		return n.Listen("tcp", address)
	}
	return net.Listen("tcp", address)
}

// dialer bounds how long a connection takes to be made. The probes of idle connections are the system's, every 15 s.
func (n Network) dialer(timeout time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	if n.Dial == nil {
		return (&net.Dialer{Timeout: timeout}).DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return n.Dial(ctx, network, address)
	}
}

// dialTimeout is Dial in the form of net.DialTimeout; nil for the network of the machine.
func (n Network) dialTimeout() func(network, address string, timeout time.Duration) (net.Conn, error) {
	if n.Dial == nil {
		return nil
	}
	return func(network, address string, timeout time.Duration) (net.Conn, error) {
		return n.dialer(timeout)(context.Background(), network, address)
	}
}
