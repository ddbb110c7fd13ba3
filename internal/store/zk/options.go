package zk

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// DefaultPort is ZooKeeper's client port.
const DefaultPort = "2181"

// Secret is a text that never shows in logs or errors.
type Secret string

// LogValue hides the text.
func (Secret) LogValue() slog.Value { return slog.StringValue("(hidden)") }

// String hides the text.
func (Secret) String() string { return "(hidden)" }

// GoString hides the text.
func (Secret) GoString() string { return "(hidden)" }

// Options say where the state is in ZooKeeper.
type Options struct {
	// Servers are host:port of the ensemble.
	Servers []string
	// Path is the node below which everything is kept, from "/". It is made when it is missing.
	Path string
	// User and Password prove who we are (digest scheme). When they are given, only they can read and change what we
	// make; otherwise everybody can.
	User     string
	Password Secret
	// TLS, when set, is spoken to the servers. Its ServerName defaults to each server's host.
	TLS *tls.Config
	// SessionTimeout is how long the ensemble waits for us before another instance may lead, 1 s or more; the ensemble
	// has bounds of its own. Default 10 s.
	SessionTimeout time.Duration
	// Timeout bounds the first connection and each read. Default 30 s.
	Timeout time.Duration
	// Log is told of sessions and leadership. Default: nothing is told.
	Log *slog.Logger
	// Dial connects to a server; net.DialTimeout when nil.
	Dial func(network, address string, timeout time.Duration) (net.Conn, error)

	// journaled is called when a batch is in the journal and not in its place yet.
	journaled func()
	// leading is called before a leader's first write.
	leading func()
	// shortest allows shorter sessions in tests.
	shortest time.Duration
}

// ParseURL reads zk://[user:password@]host[:port][,host[:port]…]/path into Servers, Path, User and Password. Characters of user and
// password that mean something in a URL are written as %XX.
func ParseURL(text string) (Options, error) {
	rest, ok := strings.CutPrefix(text, "zk://")
	if !ok {
		return Options{}, errors.New("the address of the state does not begin with zk://")
	}
	authority, path, _ := strings.Cut(rest, "/")
	o := Options{Path: "/" + path}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, password, ok := strings.Cut(authority[:at], ":")
		authority = authority[at+1:]
		if !ok || user == "" || password == "" {
			return Options{}, errors.New("zk:// has an @ and before it not user:password")
		}
		var err, err2 error
		o.User, err = url.PathUnescape(user)
		password, err2 = url.PathUnescape(password)
		o.Password = Secret(password)
		if err != nil || err2 != nil {
			return Options{}, errors.New("zk:// has a user or password with a % that is not followed by two hexadecimal digits; write % as %25")
		}
	}
	for server := range strings.SplitSeq(authority, ",") {
		server, err := withPort(server)
		if err != nil {
			return Options{}, fmt.Errorf("zk://: %w", err)
		}
		o.Servers = append(o.Servers, server)
	}
	if err := checkPath(o.Path); err != nil {
		return Options{}, fmt.Errorf("zk://: %w", err)
	}
	return o, nil
}

// withPort checks one server and adds the default port where there is none.
func withPort(server string) (string, error) {
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		if host, port = strings.Trim(server, "[]"), DefaultPort; strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", fmt.Errorf("server %q is not host:port", server)
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if host == "" || strings.ContainsAny(host, " /@") || err != nil || n == 0 {
		return "", fmt.Errorf("server %q is not host:port", server)
	}
	return net.JoinHostPort(host, port), nil
}

// checkPath refuses what ZooKeeper does, and its root, which is not ours.
func checkPath(path string) error {
	if path == "/" {
		return errors.New("there is no path after the servers; add one that is only this service's, such as /flink-service")
	}
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("path %q does not begin with /", path)
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "" || segment == "." || segment == ".." {
			return fmt.Errorf("path %q has the segment %q", path, segment)
		}
	}
	for _, r := range path {
		if r <= ' ' || (r >= 0x7f && r < 0xa0) || (r >= 0xd800 && r <= 0xf8ff) || r >= 0xfff0 {
			return fmt.Errorf("path %q has the character %U", path, r)
		}
	}
	if path == "/zookeeper" || strings.HasPrefix(path, "/zookeeper/") {
		return fmt.Errorf("path %q belongs to ZooKeeper itself", path)
	}
	return nil
}

func (o *Options) validate() error {
	if len(o.Servers) == 0 {
		return errors.New("Servers is empty; give host:port of each server")
	}
	servers := make([]string, len(o.Servers))
	for i, s := range o.Servers {
		var err error
		if servers[i], err = withPort(s); err != nil {
			return fmt.Errorf("Servers: %w", err)
		}
	}
	o.Servers = servers
	if err := checkPath(o.Path); err != nil {
		return fmt.Errorf("Path: %w", err)
	}
	if (o.User == "") != (o.Password == "") {
		return errors.New("User and Password: give both or none")
	}
	if strings.Contains(o.User, ":") {
		return errors.New("User has a colon, which the digest scheme cannot express")
	}
	if o.shortest == 0 {
		o.shortest = time.Second
	}
	if o.SessionTimeout == 0 {
		o.SessionTimeout = 10 * time.Second
	}
	if o.SessionTimeout < o.shortest || o.SessionTimeout > time.Hour {
		return fmt.Errorf("SessionTimeout is %s; give 1s to 1h", o.SessionTimeout)
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Timeout < 0 {
		return fmt.Errorf("Timeout is %s; give more than 0", o.Timeout)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.journaled == nil {
		o.journaled = func() {}
	}
	if o.leading == nil {
		o.leading = func() {}
	}
	if o.Dial == nil {
		o.Dial = net.DialTimeout
	}
	return nil
}
