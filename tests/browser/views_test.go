package browser_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/chromium"
	"github.com/flink-on-mesos/flink-service/internal/testkit/service"
)

// places are the views, by their address, with what is there when they are whole.
var places = []struct{ name, hash, ready string }{
	{"overview", "clusters", `document.querySelector("#cluster-huge .why")?.textContent.includes("mem: 102400 MiB wanted")`},
	{"cluster", "clusters/alpha", `document.querySelectorAll("#tasks tr").length === 3`},
	{"waiting", "clusters/huge", `document.querySelector(".notice.busy li")`},
	{"jobs", "clusters/alpha/jobs", `document.querySelector("#tab-jobs .empty, #tab-jobs table")`},
	{"log", "clusters/alpha/logs", `document.querySelector("#log")`},
	{"cluster-events", "clusters/alpha/events", `document.querySelectorAll("#tab-events li").length > 2`},
	{"cluster-operations", "clusters/alpha/operations", `document.querySelector("#tab-operations tbody tr")`},
	{"cluster-snapshots", "clusters/alpha/snapshots", `document.querySelector("#tab-snapshots .empty")`},
	{"spec", "clusters/alpha/spec", `document.querySelector("#tab-spec pre")?.textContent.includes("taskManagers:")`},
	{"create", "create?kind=application", `document.querySelector("#yaml")?.shadowRoot?.querySelector(".cm-content")`},
	{"update", "clusters/alpha/edit", `document.querySelector("#plan")?.textContent.includes("Nothing changes.") && document.querySelector("#yaml")?.shadowRoot?.querySelector(".cm-content")`},
	{"snapshots", "snapshots", `document.querySelector(".empty")`},
	{"events", "history", `document.querySelectorAll("#events li").length > 3`},
	{"placement", "placement?cluster=huge", `document.body.innerText.includes("0 of 1 would fit")`},
	{"service", "service", `document.querySelector("#service-facts") && document.querySelector("summary")`},
	{"missing", "clusters/none", `document.body.innerText.includes("There is no cluster none")`},
}

// scripted is a service with clusters, below a path prefix as Admin Router has one.
func scripted(t *testing.T) (address string) {
	t.Helper()
	s, err := service.Start(service.Options{Dir: t.TempDir(), Speed: 4})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix("/service/flink", s))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := client.New(client.Options{BaseURL: server.URL + "/service/flink/", HTTP: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	create(t, c, spec.Spec{Name: "alpha", Allocation: spec.Static, TaskManagers: spec.TaskManagers{Count: 2}, TaskManager: spec.TaskManager{Slots: 2}})
	huge := spec.Spec{Name: "huge", Allocation: spec.Static, TaskManagers: spec.TaskManagers{Count: 1}}
	huge.TaskManager.Memory = 100 * spec.GiB
	create(t, c, huge)
	return server.URL + "/service/flink/"
}

func create(t *testing.T, c *client.Client, sp spec.Spec) {
	t.Helper()
	if _, err := c.CreateCluster(context.Background(), sp); err != nil {
		t.Fatal(err)
	}
}

// TestViews opens each view in both themes and on a phone: axe-core finds nothing, nothing is wider than the phone, the
// console has no error, and nobody else is asked.
func TestViews(t *testing.T) {
	disttest.Real(t)
	b := chromium.Start(t)
	address := scripted(t)
	axe, err := os.ReadFile("testdata/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	p := b.Open(address, 1280, 860)
	p.Until("the cluster is up", `document.querySelector("#cluster-alpha .badge")?.textContent === "STABLE"`, soon)
	p.Eval(string(axe) + "; 0")
	for _, at := range places {
		p.Eval(`location.hash = "#/` + at.hash + `"`)
		p.Until(at.name+" is shown", at.ready, soon)
		for _, dark := range []bool{false, true} {
			p.Dark(dark)
			axeClean(t, p, at.name)
			shot(t, p, "view-"+at.name+map[bool]string{true: "-dark"}[dark])
		}
		p.Resize(390, 844)
		if p.Eval(`document.documentElement.scrollWidth <= innerWidth`) != true {
			t.Errorf("%s is wider than a phone", at.name)
		}
		axeClean(t, p, at.name+" on a phone")
		shot(t, p, "view-"+at.name+"-phone")
		p.Resize(1280, 860)
	}
	p.Dark(false)
	for _, r := range p.Requests() {
		if !strings.HasPrefix(r, address) && !strings.HasPrefix(r, "data:") {
			t.Errorf("the page asks for %s, which is not below its prefix", r)
		}
	}
	for _, e := range p.Errors() {
		// The browser itself counts refusals as errors: the scripted agents have no list of files, and a cluster is not there.
		if !strings.Contains(e, "status of 502") && !strings.Contains(e, "status of 404") {
			t.Errorf("error of the console: %s", e)
		}
	}
}

// axeClean checks a page with axe-core, by the rules of WCAG 2.1 A and AA and its best practices.
func axeClean(t *testing.T, p *chromium.Page, what string) {
	t.Helper()
	found := p.Text(`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}).then((r) =>
		r.violations.map((v) => v.id + ": " + v.help + ": " + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + " (" + n.failureSummary + ")").join("; ")).join("\n"))`)
	if found != "" {
		t.Errorf("%s: axe finds\n%s", what, found)
	}
}

// TestFocusStays changes a cluster while its row has the focus and the page is scrolled: the row changes in place.
func TestFocusStays(t *testing.T) {
	disttest.Real(t)
	b := chromium.Start(t)
	p := b.Open(scripted(t), 900, 420)
	p.Until("the cluster is up", `document.querySelector("#cluster-alpha .badge")?.textContent === "STABLE"`, soon)
	p.Until("the page is live", `document.querySelector("#connection").textContent === "Live"`, soon)
	p.Eval(`document.querySelector("#cluster-alpha a").focus(); scrollTo(0, 120); window.row = document.querySelector("#cluster-alpha"); window.at = scrollY;`)
	if _, ok := p.Eval(`fetch("v1/clusters/alpha").then((r) => r.json()).then((d) => fetch("v1/clusters/alpha", {method: "PUT",
		headers: {"Content-Type": "application/json"}, body: JSON.stringify({...d.spec, taskManagers: {count: 3}})})).then((r) => r.ok)`).(bool); !ok {
		t.Fatal("the cluster is not changed")
	}
	p.Until("the row changes", `document.querySelector("#cluster-alpha").textContent.includes("3 / 3")`, soon)
	if p.Eval(`window.row === document.querySelector("#cluster-alpha") && document.activeElement === window.row.querySelector("a") && scrollY === window.at`) != true {
		t.Error("the row, the focus or the scroll position is another one")
	}
}

// TestLost takes the service away: the page says so, and goes on by itself when it is back.
func TestLost(t *testing.T) {
	disttest.Real(t)
	b := chromium.Start(t)
	s, err := service.Start(service.Options{Dir: t.TempDir(), Speed: 4})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(s)
	server.Start()
	where := server.Listener.Addr().String()
	p := b.Open(server.URL+"/", 900, 700)
	p.Until("the page is live", `document.querySelector("#connection").textContent === "Live"`, soon)
	server.CloseClientConnections()
	server.Close()
	p.Until("the page tells of it", `document.querySelector("#problem").textContent.includes("Connection lost, trying again")`, soon)
	shot(t, p, "lost")
	server = restarted(t, where, s)
	defer func() {
		server.CloseClientConnections()
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	p.Until("the page is live again", `document.querySelector("#connection").textContent === "Live" && !document.querySelector("#problem").textContent.includes("lost")`, soon)
}

// restarted serves at an address that was in use.
func restarted(t *testing.T, address string, h http.Handler) *httptest.Server {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Listener.Close()
	server.Listener = l
	server.Start()
	return server
}
