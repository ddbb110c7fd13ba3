package universe

import (
	"encoding/base64"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// mediaType is that of a repository file, without its parameters.
const mediaType = "application/vnd.dcos.universe.repo+json"

// RepositoryVersions are the forms of a repository file that we offer, the best first: version 5 is read from DC/OS 1.12
// on, version 4 by 1.10 and 1.11. A package of packaging version 4.0 is the same in both.
func RepositoryVersions() []int { return []int{5, 4} }

func repositoryName(version int) string { return fmt.Sprintf("repo-v%d.json", version) }

// ContentType is the media type of a repository file, which Cosmos insists on.
func ContentType(version int) string {
	return fmt.Sprintf("%s;charset=utf-8;version=v%d", mediaType, version)
}

// Repository is the content of a repository file with one package.
func Repository(p Package, releaseVersion int) map[string]any {
	entry := maps.Clone(p.Info)
	entry["releaseVersion"] = releaseVersion
	entry["config"] = p.Config
	entry["resource"] = p.Resource
	entry["marathon"] = map[string]any{"v2AppMustacheTemplate": base64.StdEncoding.EncodeToString([]byte(p.Template))}
	return map[string]any{"packages": []any{entry}}
}

// hostHeader is what may be put into the addresses of a repository.
var hostHeader = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?$`)

// Handler serves a release for `dcos package repo add NAME http://host:port/repo`: the repository file in the form that
// the client asks for, and the files. The addresses in the repository file, which begin with the release's URL,
// are those of the host that the client has reached, so that one build serves from any machine.
func Handler(dir, url string) (http.Handler, error) {
	repos := map[int]string{}
	for _, v := range RepositoryVersions() {
		data, err := os.ReadFile(filepath.Join(dir, repositoryName(v)))
		if err != nil {
			return nil, fmt.Errorf("the repository: %w: run `make universe`", err)
		}
		repos[v] = string(data)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /repo", func(w http.ResponseWriter, r *http.Request) {
		version := accepted(r.Header.Values("Accept"))
		if version == 0 {
			http.Error(w, "this repository has the forms "+ContentType(5)+" and "+ContentType(4), http.StatusNotAcceptable)
			return
		}
		if !hostHeader.MatchString(r.Host) {
			http.Error(w, "the Host header is not a host", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", ContentType(version))
		w.Header().Set("Vary", "Accept, Host")
		_, _ = w.Write([]byte(strings.ReplaceAll(repos[version], url+"/", "http://"+r.Host+"/"))) // The client may be gone.
	})
	mux.Handle("GET /", http.FileServer(http.Dir(dir)))
	return mux, nil
}

// accepted picks the form that a client takes: the best of those it names; 0 when it takes none of ours.
func accepted(headers []string) int {
	best, anything := 0, len(headers) == 0
	for _, header := range headers {
		for part := range strings.SplitSeq(header, ",") {
			name, params, err := mime.ParseMediaType(part)
			switch {
			case err != nil:
			case name == "*/*" || name == "application/*" || name == "application/json":
				anything = true
			case name == mediaType:
				n, err := strconv.Atoi(strings.TrimPrefix(params["version"], "v"))
				if err == nil && n > best && n <= 5 {
					best = n
				}
			}
		}
	}
	switch {
	case best >= 4:
		return best
	case best == 0 && anything:
		return 5
	default:
		return 0
	}
}
