package sendfile

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

const (
	// patience is how long a full buffer is waited for in the kernel, in milliseconds. It holds a processor of
	// the scheduler, and so must be short.
	patience = 1
	// chunk is the most that one call sends, in bytes, as with nginx: deadlines are looked at in between.
	chunk = 2 << 20
)

// wrap returns a connection that sends files itself; any other than TCP as it is.
func wrap(c net.Conn) net.Conn {
	if t, ok := c.(*net.TCPConn); ok {
		return &conn{t}
	}
	return c
}

type conn struct{ *net.TCPConn }

// ReadFrom implements io.ReaderFrom. What is not a part of a file goes its usual way.
func (c *conn) ReadFrom(src io.Reader) (int64, error) {
	part, ok := src.(*io.LimitedReader)
	if !ok {
		return c.TCPConn.ReadFrom(src)
	}
	file, ok := part.R.(*os.File)
	if !ok {
		return c.TCPConn.ReadFrom(src)
	}
	socket, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var sent int64
	var failed error
	err = socket.Write(func(fd uintptr) bool {
		var n int64
		var done bool
		n, done, failed = send(int(fd), int(file.Fd()), part.N)
		part.N -= n
		sent += n
		return done
	})
	runtime.KeepAlive(file)
	if sent == 0 && (errors.Is(failed, unix.EINVAL) || errors.Is(failed, unix.ENOSYS) || errors.Is(failed, unix.EOPNOTSUPP)) {
		return c.TCPConn.ReadFrom(src) // A file that cannot be sent so, such as a pipe.
	}
	return sent, errors.Join(failed, err)
}

// send sends up to so many bytes from where the file stands. It is not done when the socket takes no more for longer than patience.
func send(socket, file int, left int64) (sent int64, done bool, err error) {
	for waited := false; left > sent; {
		n, err := unix.Sendfile(socket, file, nil, int(min(left-sent, chunk)))
		if n > 0 {
			sent += int64(n)
			waited = false
			continue
		}
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN) && waited:
			return sent, false, nil
		case errors.Is(err, unix.EAGAIN):
			waited = true
			// Whatever it answers, the next call finds out.
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(socket), Events: unix.POLLOUT}}, patience)
		case err != nil:
			return sent, true, os.NewSyscallError("sendfile", err)
		default:
			return sent, true, nil // The file ends before it was said to; the caller sees how far it came.
		}
	}
	return sent, true, nil
}
