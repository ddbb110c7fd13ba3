package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/sendfile"
)

// The bench of the artifact server: how fast a distribution reaches tasks, beside nginx with sendfile on the
// same file. Both servers are processes of their own and are asked in turn by the same client.
const (
	artifactChildFlag = "serve-artifacts"
	artifactName      = "flink.tgz"
	artifactSize      = 85 << 20 // About a Flink distribution, in bytes.
)

// artifactLoad is one way to ask: so many clients at once, each fetching the file so often over one connection,
// so many rounds. Short rounds and many of them keep a neighbour on the machine from deciding the ratio.
type artifactLoad struct {
	name                  string
	clients, gets, rounds int
}

func benchArtifact(ctx context.Context, e env) ([]Result, error) {
	file := filepath.Join(e.dir, "www", artifactName)
	sha, err := writeRandom(file, artifactSize)
	if err != nil {
		return nil, err
	}
	nginx, stopNginx, err := startNginx(ctx, e.dir)
	if err != nil {
		return nil, err
	}
	defer stopNginx()
	ours, stopOurs, err := startChild(ctx, "-"+artifactChildFlag, e.dir)
	if err != nil {
		return nil, err
	}
	defer stopOurs()
	for _, url := range []string{nginx, ours} {
		if err := checkServed(ctx, url, sha); err != nil {
			return nil, err
		}
	}
	var results []Result
	for _, l := range []artifactLoad{
		{"artifact_vs_nginx_1", 1, 6, 41},
		{"artifact_vs_nginx_100", 100, 1, 13},
	} {
		r, err := compare(ctx, e, l, ours, nginx)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// compare alternates the two servers, and who goes first, so that a busy minute of the machine hits both.
func compare(ctx context.Context, e env, l artifactLoad, ours, nginx string) (Result, error) {
	values := map[string][]float64{}
	for round := range l.rounds + 1 {
		order := []string{ours, nginx}
		if round%2 == 1 {
			order = []string{nginx, ours}
		}
		for _, url := range order {
			v, err := load(ctx, url, l)
			if err != nil {
				return Result{}, err
			}
			if round > 0 { // The first warms up the page cache and both servers.
				values[url] = append(values[url], v)
			}
		}
		if round > 0 {
			fmt.Fprintf(e.progress, "  %s round %d: ours %.0f MB/s, nginx %.0f MB/s\n", l.name, round, values[ours][round-1], values[nginx][round-1])
		}
	}
	return NewResult(l.name, "MB/s", values[ours], "nginx with sendfile", values[nginx]), nil
}

// load fetches with all clients at once and returns the megabytes (10⁶) per second of all together.
func load(ctx context.Context, url string, l artifactLoad) (float64, error) {
	errs := make(chan error, l.clients)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for range l.clients {
		ready.Add(1)
		done.Go(func() {
			c, err := dialFetcher(ctx, url)
			ready.Done()
			if err != nil {
				errs <- err
				return
			}
			defer c.conn.Close()
			<-start
			for range l.gets {
				if err := c.get(); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	ready.Wait()
	began := time.Now()
	close(start)
	done.Wait()
	took := time.Since(began)
	close(errs)
	if err := errors.Join(collect(errs)...); err != nil {
		return 0, err
	}
	return float64(l.clients*l.gets) * artifactSize / 1e6 / took.Seconds(), nil
}

func collect(errs <-chan error) []error {
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return all
}

// fetcher is a client that costs little beside the servers: it reads the head once and throws the rest away.
type fetcher struct {
	conn    net.Conn
	reader  *bufio.Reader
	buf     []byte
	request *http.Request
}

func dialFetcher(ctx context.Context, url string) (*fetcher, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.URL.Host)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(5 * time.Minute)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &fetcher{conn: conn, reader: bufio.NewReaderSize(conn, 4<<10), buf: make([]byte, 256<<10), request: r}, nil
}

// get fetches the file and checks its length.
func (c *fetcher) get() error {
	if err := c.request.Write(c.conn); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.reader, c.request)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ContentLength != artifactSize {
		return fmt.Errorf("GET %s: %s, %d bytes", c.request.URL.Path, resp.Status, resp.ContentLength)
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, c.buf)
	if err == nil && n != artifactSize {
		err = fmt.Errorf("GET %s: %d bytes", c.request.URL.Path, n)
	}
	return err
}

// checkServed makes sure that a server gives the very bytes, so that the numbers compare the same work.
func checkServed(ctx context.Context, url, sha string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, resp.Body); err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); resp.StatusCode != http.StatusOK || got != sha {
		return fmt.Errorf("GET %s: %s, content %s, want %s", url, resp.Status, got, sha)
	}
	return nil
}

// writeRandom writes the same incompressible bytes on each run and returns their hash.
func writeRandom(file string, size int64) (string, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, hash), rand.NewChaCha8([32]byte{1}), size)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// startChild runs this program again as a server of its own, so that client and server share no
// scheduler and no garbage collector; nginx has that advantage too. The child prints its URL first.
func startChild(ctx context.Context, args ...string) (url string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = stdin.Close() // The child ends with its input.
		_ = cmd.Wait()    // Its measurements are done; how it ends does not matter.
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("server did not start: %w", err)
	}
	return strings.TrimSpace(line), stop, nil
}

// serveArtifacts is the child: the service's handler on the service's kind of server. It prints the file's
// URL and serves until stdin ends.
func serveArtifacts(dir string, stdin io.Reader, stdout io.Writer) error {
	s, err := artifact.New(artifact.Options{
		Dir: filepath.Join(dir, "artifacts"), Prefix: artifact.NewPrefix(), Key: artifact.NewKey(),
		Registerer: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	defer s.Close()
	a, err := s.Add(context.Background(), filepath.Join(dir, "www", artifactName), artifact.PutOptions{Public: true})
	if err != nil {
		return err
	}
	path, err := s.Path(a.SHA256, a.Name)
	if err != nil {
		return err
	}
	return serveChild(s.Route(http.NotFoundHandler()), path, stdin, stdout)
}

// serveChild prints the URL of a path and serves until stdin ends.
func serveChild(handler http.Handler, path string, stdin io.Reader, stdout io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(sendfile.Listen(listener)) }()
	fmt.Fprintf(stdout, "http://%s%s\n", listener.Addr(), path)
	if _, err := io.Copy(io.Discard, stdin); err != nil {
		return err
	}
	if err := server.Close(); err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// startNginx runs Debian's nginx in the foreground with a configuration of our own: as many workers as
// processors, sendfile and what usually goes with it, no log.
func startNginx(ctx context.Context, dir string) (url string, stop func(), err error) {
	binary, err := exec.LookPath("nginx")
	if err != nil {
		binary = "/usr/sbin/nginx" // Debian's place, which is not in every user's PATH.
		if _, err := os.Stat(binary); err != nil {
			return "", nil, fmt.Errorf("nginx is not installed: apt-get install -y nginx-light")
		}
	}
	// nginx cannot choose a port and tell, so we look for a free one and check that the answer is its.
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address := probe.Addr().String()
	if err := probe.Close(); err != nil {
		return "", nil, err
	}
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, nginxConf(dir, address), 0o644); err != nil {
		return "", nil, err
	}
	// Workers of an nginx started by root run as another user and must reach the file.
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", nil, err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, "-p", dir, "-c", conf, "-e", filepath.Join(dir, "nginx.log"))
	cmd.Stderr = &said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // The master takes its workers along.
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt) // It has ended already when this fails.
		_ = cmd.Wait()                       // Its measurements are done; how it ends does not matter.
	}
	url = "http://" + address + "/" + artifactName
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return url, stop, conn.Close()
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			stop()
			return "", nil, fmt.Errorf("nginx did not start: %w\n%s", err, said.String())
		}
	}
}

func nginxConf(dir, address string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `daemon off;
worker_processes auto;
pid %[1]s/nginx.pid;
error_log %[1]s/nginx.log warn;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 65;
    client_body_temp_path %[1]s/t1;
    proxy_temp_path %[1]s/t2;
    fastcgi_temp_path %[1]s/t3;
    uwsgi_temp_path %[1]s/t4;
    scgi_temp_path %[1]s/t5;
    server {
        listen %[2]s;
        root %[1]s/www;
    }
}
`, dir, address)
	return b.Bytes()
}
