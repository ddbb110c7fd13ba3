// Package adminrouter is a stand-in for DC/OS Admin Router, for tests of what goes through
// it: it asks for the token, finds a service by its name below /service/, takes that prefix
// away, and answers its own errors as web pages. It is used by tests only.
package adminrouter

import (
	"fmt"
	"net/http"
	"strings"
)

// Router forwards requests to services.
type Router struct {
	// Token is what "Authorization: token=…" must carry.
	Token string
	// Services are the services by name, with their folders: "flink", "dev/flink". A nil handler is a
	// service that does not answer.
	Services map[string]http.Handler
	// Cosmos is the package manager; nil for none.
	Cosmos *Cosmos
}

// ServeHTTP implements http.Handler.
func (r *Router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("Authorization") != "token="+r.Token {
		w.Header().Set("WWW-Authenticate", "acsjwt")
		page(w, http.StatusUnauthorized, "401 Authorization Required")
		return
	}
	if r.Cosmos != nil && strings.HasPrefix(req.URL.Path, "/cosmos/") {
		r.Cosmos.ServeHTTP(w, req)
		return
	}
	below, ok := strings.CutPrefix(req.URL.EscapedPath(), "/service/")
	if !ok {
		// The rest of Admin Router is the user interface.
		page(w, http.StatusOK, "DC/OS")
		return
	}
	name, service := "", http.Handler(nil)
	for n, h := range r.Services {
		// The longest name wins, as with nested services of Marathon.
		if (below == n || strings.HasPrefix(below, n+"/")) && len(n) > len(name) {
			name, service = n, h
		}
	}
	switch {
	case name == "":
		page(w, http.StatusNotFound, "404 Not Found")
	case service == nil:
		page(w, http.StatusBadGateway, "502 Bad Gateway")
	default:
		http.StripPrefix("/service/"+name, service).ServeHTTP(w, req)
	}
}

// page answers a web page.
func page(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<html>\n<head><title>%s</title></head>\n<body><center><h1>%s</h1></center></body>\n</html>\n", title, title)
}
