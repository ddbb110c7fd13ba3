// Package sendfile has files that are sent over TCP leave the machine at the pace of a server that waits in the kernel.
//
// The standard library uses sendfile(2) as well, but gives the connection to its network poller each time the socket's buffer is full. For
// a client on a fast network that is every millisecond, and finding out again that there is room costs about as much as
// sending (artifact_vs_nginx_1 of make bench).
package sendfile

import "net"

// Listen returns a listener on a TCP listener whose connections send files so. On systems without sendfile(2) of Linux it is that
// listener.
func Listen(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return wrap(c), nil
}
