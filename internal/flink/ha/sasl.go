package ha

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// SASL is the login of Flink's ZooKeeper clients where the ensemble authenticates by SASL with DIGEST-MD5, as its
// DigestLoginModule does. Kerberos (GSSAPI) is not supported.
type SASL struct {
	User string
	// Password is a secret.
	Password string
}

// String hides the password.
func (s SASL) String() string { return s.User + ":******" }

// GoString hides the password.
func (s SASL) GoString() string { return s.String() }

// saslConn authenticates a connection of the ZooKeeper library, which has no SASL of its own. ZooKeeper's handshake
// follows the answer to the first request, which grants the session; so that answer is held back until the handshake
// is over, and the library sees nothing of it.
type saslConn struct {
	net.Conn
	login SASL
	// fail is told why the server refuses; the library would try again for ever.
	fail func(error)
	// held is what was read and not yet handed out.
	held []byte
	done bool
}

// Read implements net.Conn.
func (c *saslConn) Read(p []byte) (int, error) {
	if !c.done {
		if err := c.first(); err != nil {
			return 0, err
		}
		c.done = true
	}
	if len(c.held) > 0 {
		n := copy(p, c.held)
		c.held = c.held[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// first takes in the answer to the connection request: protocol version, timeout, session id, password.
func (c *saslConn) first() error {
	answer, err := readFrame(c.Conn)
	if err != nil {
		return err
	}
	if len(answer) < 16 {
		return fmt.Errorf("ZooKeeper's answer has %d bytes", len(answer))
	}
	if binary.BigEndian.Uint64(answer[8:]) != 0 { // Or the session has expired, and the library makes another.
		if err := c.handshake(); err != nil {
			if _, ok := errors.AsType[*saslRefusal](err); ok {
				c.fail(err)
			}
			return err
		}
	}
	c.held = append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...)
	return nil
}

// saslRefusal is an end of the handshake that trying again does not change.
type saslRefusal struct{ reason string }

// Error implements error.
func (r *saslRefusal) Error() string {
	return "ZooKeeper refuses the SASL login: " + r.reason + "; check ZOOKEEPER_SASL_USER and ZOOKEEPER_SASL_PASSWORD"
}

// handshake authenticates: an empty token brings the challenge, the response brings the server's own proof.
func (c *saslConn) handshake() error {
	if err := c.SetDeadline(time.Now().Add(sessionTimeout)); err != nil {
		return err
	}
	challenge, err := c.exchange(1, nil)
	if err != nil {
		return err
	}
	d, response, err := answerDigest(challenge, c.login, newNonce())
	if err != nil {
		return &saslRefusal{err.Error()}
	}
	proof, err := c.exchange(2, response)
	if err != nil {
		return err
	}
	if err := d.checkServer(proof); err != nil {
		return &saslRefusal{err.Error()}
	}
	return c.SetDeadline(time.Time{})
}

// requestSASL is the type of ZooKeeper's SASL packets (ZooDefs.OpCode.sasl).
const requestSASL = 102

// exchange sends one token and returns the server's.
func (c *saslConn) exchange(xid uint32, token []byte) ([]byte, error) {
	request := binary.BigEndian.AppendUint32(nil, uint32(12+len(token)))
	request = binary.BigEndian.AppendUint32(request, xid)
	request = binary.BigEndian.AppendUint32(request, requestSASL)
	request = binary.BigEndian.AppendUint32(request, uint32(len(token)))
	if _, err := c.Write(append(request, token...)); err != nil {
		return nil, err
	}
	reply, err := readFrame(c.Conn)
	if err != nil {
		if errors.Is(err, io.EOF) { // So does a server that insists on it.
			return nil, &saslRefusal{"it closes the connection"}
		}
		return nil, err
	}
	// xid, zxid, error, length of the token
	const header = 4 + 8 + 4
	if len(reply) < header+4 {
		return nil, &saslRefusal{fmt.Sprintf("its error is %d", replyError(reply))}
	}
	size := int32(binary.BigEndian.Uint32(reply[header:]))
	switch {
	case replyError(reply) != 0:
		return nil, &saslRefusal{fmt.Sprintf("its error is %d", replyError(reply))}
	case size < 0 || int(size) != len(reply)-header-4:
		return nil, &saslRefusal{"it sends no token"}
	}
	return reply[header+4:], nil
}

func replyError(reply []byte) int32 {
	if len(reply) < 16 {
		return 0
	}
	return int32(binary.BigEndian.Uint32(reply[12:]))
}

// readFrame reads one packet without its length.
func readFrame(r io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	const most = 1 << 20 // jute.maxbuffer
	n := binary.BigEndian.Uint32(length[:])
	if n > most {
		return nil, fmt.Errorf("a packet of ZooKeeper says that it has %d bytes", n)
	}
	frame := make([]byte, n)
	_, err := io.ReadFull(r, frame)
	return frame, err
}
