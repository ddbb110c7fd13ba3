// Package s3 runs an object store with the API of S3 for tests: moto, from PyPI, on 127.0.0.1, behind a gate that refuses
// whoever does not sign with the one key there is.
package s3

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/testkit/process"
	"github.com/flink-on-mesos/flink-service/internal/testkit/venv"
)

// moto is the environment of the server, with exact versions.
var moto = venv.Options{Name: "moto-5.2.5", Steps: [][]string{{"moto[s3]==5.2.5", "flask==3.1.2", "flask-cors==6.0.1"}}}

// Server is an object store that keeps its objects in memory.
type Server struct {
	// URL is its address, for requests in path style.
	URL string
	// AccessKey and SecretKey are the identity that it accepts.
	AccessKey, SecretKey string

	t    testing.TB
	moto string
}

// Start runs a server that ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	env, err := venv.Make(t.Context(), moto)
	if err != nil {
		t.Fatal(err)
	}
	address := process.FreeAddress(t)
	host, port := "127.0.0.1", address[len("127.0.0.1:"):]
	process.Start(t, process.Options{
		Name: "moto", Dir: t.TempDir(), Ready: process.Listens(address),
		Command: []string{filepath.Join(env, "bin", "moto_server"), "--host", host, "--port", port},
	})
	s := &Server{AccessKey: "AKIAFLINKTESTS", SecretKey: "a secret/of+tests", t: t, moto: "http://" + address}
	target, err := url.Parse(s.moto)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.verify(r); err != nil {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<Error><Code>AccessDenied</Code><Message>%s</Message></Error>", err)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(gate.Close)
	s.URL = gate.URL
	return s
}

// Bucket makes a bucket.
func (s *Server) Bucket(name string) {
	s.t.Helper()
	s.ask(http.MethodPut, "/"+name, nil)
}

// Keys lists the keys of a bucket that begin with a prefix: at most a thousand.
func (s *Server) Keys(bucket, prefix string) []string {
	s.t.Helper()
	var answer struct {
		Contents []struct{ Key string }
	}
	s.ask(http.MethodGet, "/"+bucket+"?list-type=2&prefix="+url.QueryEscape(prefix), &answer)
	keys := make([]string, 0, len(answer.Contents))
	for _, c := range answer.Contents {
		keys = append(keys, c.Key)
	}
	return keys
}

// ask goes around the gate; into takes an answer in XML.
func (s *Server) ask(method, path string, into any) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(s.t.Context()), method, s.moto+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatalf("%s %s: %s: %v: %.500s", method, path, response.Status, err, body)
	}
	if into != nil {
		if err := xml.Unmarshal(body, into); err != nil {
			s.t.Fatal(err)
		}
	}
}
