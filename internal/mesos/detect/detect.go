// Package detect finds out from ZooKeeper which Mesos master leads.
//
// It refuses to choose: the masters elect their leader among themselves, and the one with the lowest sequence number is it,
// whether it answers or not.
package detect

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

// ErrNoLeader says that no master has registered.
var ErrNoLeader = errors.New("no Mesos master leads")

const (
	// sessionTimeout rules how soon a lost ZooKeeper server is left for another one.
	sessionTimeout = 10 * time.Second
	// answerTimeout bounds Leader.
	answerTimeout = 15 * time.Second
	// prefix is what Mesos 0.24 and later call the nodes with JSON in them.
	prefix = "json.info_"
)

// Leader returns host:port of the leading master. The address is zk://[user:password@]host[:port],…/path, as Mesos itself takes it. It returns ErrNoLeader
// when no master has registered, and gives up after 15 s without an answer.
func Leader(ctx context.Context, address string) (string, error) {
	e, err := parse(address)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	c, err := e.connect(ctx)
	if err != nil {
		return "", err
	}
	defer func() { go c.Close() }()
	leader, _, err := e.look(ctx, c, false)
	if err != nil {
		return "", err
	}
	if leader == "" {
		return "", fmt.Errorf("%w: no master is registered at %s of %s", ErrNoLeader, e.path, strings.Join(e.servers, ","))
	}
	return leader, nil
}

// Watch calls changed with host:port of the leading master, at once and at every change, and with an empty text while there is
// none, until ctx ends. While ZooKeeper cannot be reached, the last word stands.
func Watch(ctx context.Context, address string, changed func(hostPort string)) error {
	e, err := parse(address)
	if err != nil {
		return err
	}
	c, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { go c.Close() }()
	for last, first := "", true; ; {
		leader, again, err := e.look(ctx, c, true)
		if err != nil {
			return err
		}
		if first || leader != last {
			first, last = false, leader
			changed(leader)
		}
		select {
		case <-again:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ensemble is where the masters register.
type ensemble struct {
	servers []string
	path    string
	auth    string // user:password, or nothing
}

// parse reads an address. Its errors do not quote it, because of the password.
func parse(address string) (ensemble, error) {
	rest, ok := strings.CutPrefix(address, "zk://")
	if !ok {
		return ensemble{}, errors.New("the address of the Mesos masters does not begin with zk://")
	}
	authority, path, _ := strings.Cut(rest, "/")
	e := ensemble{path: "/" + strings.TrimSuffix(path, "/")}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		auth, err := url.PathUnescape(authority[:at])
		if err != nil || !strings.Contains(auth, ":") {
			return ensemble{}, errors.New("zk:// has an @ and before it not user:password, with other signs as %XX")
		}
		e.auth, authority = auth, authority[at+1:]
	}
	for server := range strings.SplitSeq(authority, ",") {
		host, port, err := net.SplitHostPort(server)
		if err != nil {
			host, port = strings.Trim(server, "[]"), strconv.Itoa(zk.DefaultPort)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" || (strings.Contains(host, ":") && net.ParseIP(host) == nil) {
			return ensemble{}, fmt.Errorf("zk://: server %q is not host:port", server)
		}
		e.servers = append(e.servers, net.JoinHostPort(host, port))
	}
	for segment := range strings.SplitSeq(e.path[1:], "/") {
		if segment == "." || segment == ".." || (segment == "" && e.path != "/") {
			return ensemble{}, fmt.Errorf("zk://: path %q has the segment %q", e.path, segment)
		}
	}
	return e, nil
}

// connect opens a session; it need not stand yet.
func (e ensemble) connect(ctx context.Context) (*zk.Conn, error) {
	c, _, err := zk.Connect(e.servers, sessionTimeout, zk.WithLogger(silent{}), zk.WithLogInfo(false), zk.WithDialer(dial))
	if err != nil {
		return nil, fmt.Errorf("reach ZooKeeper at %s: %w", strings.Join(e.servers, ","), err)
	}
	if e.auth == "" {
		return c, nil
	}
	_, err = ask(ctx, e, func() (struct{}, error) { return struct{}{}, c.AddAuth("digest", []byte(e.auth)) })
	if err != nil {
		go c.Close()
		return nil, err
	}
	return c, nil
}

// look returns who leads, or nothing, and, if it shall watch, what tells when to look again. It does not watch in vain: the library renews its watches
// after a lost connection by reading what the answers that arrive meanwhile write.
func (e ensemble) look(ctx context.Context, c *zk.Conn, watch bool) (string, <-chan zk.Event, error) {
	type members struct {
		names []string
		again <-chan zk.Event
	}
	for {
		m, err := ask(ctx, e, func() (members, error) {
			if !watch {
				names, _, err := c.Children(e.path)
				if errors.Is(err, zk.ErrNoNode) {
					err = nil
				}
				return members{names: names}, err
			}
			names, _, again, err := c.ChildrenW(e.path)
			if errors.Is(err, zk.ErrNoNode) {
				var there bool
				if there, _, again, err = c.ExistsW(e.path); err == nil && there {
					err = errMoved
				}
			}
			return members{names, again}, err
		})
		if errors.Is(err, errMoved) {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		name := lowest(m.names)
		if name == "" {
			return "", m.again, nil
		}
		path := strings.TrimSuffix(e.path, "/") + "/" + name
		text, err := ask(ctx, e, func() ([]byte, error) {
			text, _, err := c.Get(path)
			return text, err
		})
		if errors.Is(err, zk.ErrNoNode) {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		leader, err := hostPort(text)
		if err != nil {
			return "", nil, fmt.Errorf("node %s: %w", path, err)
		}
		return leader, m.again, nil
	}
}

var errMoved = errors.New("it changed meanwhile")

// lowest returns the leader's node among all there are, or nothing.
func lowest(names []string) string {
	type member struct {
		name   string
		number uint64
	}
	var all []member
	for _, n := range names {
		digits, ok := strings.CutPrefix(n, prefix)
		number, err := strconv.ParseUint(digits, 10, 64)
		if ok && err == nil {
			all = append(all, member{n, number})
		}
	}
	if len(all) == 0 {
		return ""
	}
	return slices.MinFunc(all, func(a, b member) int { return cmp.Compare(a.number, b.number) }).name
}

// hostPort reads the address from the JSON of Mesos's MasterInfo. As in Mesos's own schedulers, the IP counts before the
// host's name, which need not be known here.
func hostPort(text []byte) (string, error) {
	var info struct {
		Hostname string `json:"hostname"`
		Port     int    `json:"port"`
		Address  struct {
			Hostname string `json:"hostname"`
			IP       string `json:"ip"`
			Port     int    `json:"port"`
		} `json:"address"`
	}
	if err := json.Unmarshal(text, &info); err != nil {
		return "", fmt.Errorf("read MasterInfo: %w", err)
	}
	host := cmp.Or(info.Address.IP, info.Address.Hostname, info.Hostname)
	port := cmp.Or(info.Address.Port, info.Port)
	if host == "" || port < 1 || port > 65535 {
		return "", errors.New("its MasterInfo has no address; Mesos before 0.24 is not supported")
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), nil
}

// ask runs a request that knows no context until it is answered or ctx ends.
func ask[T any](ctx context.Context, e ensemble, f func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	for {
		answers := make(chan answer, 1)
		go func() {
			value, err := f()
			answers <- answer{value, err}
		}()
		var a answer
		select {
		case a = <-answers:
		case <-ctx.Done():
			return a.value, fmt.Errorf("ask ZooKeeper at %s: %w", strings.Join(e.servers, ","), ctx.Err())
		}
		switch {
		case a.err == nil, errors.Is(a.err, zk.ErrNoNode), errors.Is(a.err, errMoved):
			return a.value, a.err
		case errors.Is(a.err, zk.ErrConnectionClosed), errors.Is(a.err, zk.ErrNoServer), errors.Is(a.err, zk.ErrSessionExpired), errors.Is(a.err, zk.ErrSessionMoved):
		default:
			return a.value, fmt.Errorf("ask ZooKeeper at %s for %s: %w", strings.Join(e.servers, ","), e.path, a.err)
		}
		select {
		case <-time.After(20*time.Millisecond + rand.N(30*time.Millisecond)):
		case <-ctx.Done():
		}
	}
}

// dial connects so that a server which accepts and says nothing is left soon; the library would wait for a minute.
func dial(network, address string, timeout time.Duration) (net.Conn, error) {
	c, err := net.DialTimeout(network, address, timeout)
	if err != nil {
		return nil, err
	}
	return &impatient{Conn: c}, nil
}

// impatient keeps the wait for the first bytes short.
type impatient struct {
	net.Conn
	answered bool
}

func (c *impatient) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.answered = c.answered || n > 0
	return n, err
}

func (c *impatient) SetReadDeadline(deadline time.Time) error {
	if soon := time.Now().Add(sessionTimeout / 3); !c.answered && deadline.After(soon) {
		deadline = soon
	}
	return c.Conn.SetReadDeadline(deadline)
}

// silent drops what the library says: what matters comes as errors.
type silent struct{}

func (silent) Printf(string, ...any) {}
