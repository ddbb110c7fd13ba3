package browser_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/chromium"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// TestHistory opens the console below a path prefix: it tells why a cluster waits, draws what was wanted and how long a loss
// took, lists the last events, follows a log, and leads into the sandbox of a task.
func TestHistory(t *testing.T) {
	d := disttest.Real(t)[0]
	b := chromium.Start(t)
	w := world.Start(t, world.Options{Service: func(string) []string { return []string{"FRAMEWORK_NAME=flink"} }})
	target, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	const prefix = "/some/where/service/dev/flink"
	proxy := httptest.NewServer(http.StripPrefix(prefix, httputil.NewSingleHostReverseProxy(target)))
	t.Cleanup(func() {
		proxy.CloseClientConnections() // The page follows its stream until the browser ends.
		proxy.Close()
	})
	p := b.Open(proxy.URL+prefix+"/", 1100, 960)
	sp := spec.Spec{
		Name: "small", FlinkVersion: d.Version, Allocation: spec.Static,
		TaskManagers: spec.TaskManagers{Count: 1}, TaskManager: spec.TaskManager{Slots: 2},
	}
	small := w.Create(sp)
	big := sp
	big.Name, big.TaskManager.Memory = "big", 100*spec.GiB
	if _, err := w.Client.CreateCluster(t.Context(), big); err != nil {
		t.Fatal(err)
	}
	p.Until("it tells why a cluster waits", `document.querySelector("#cluster-big .why")?.textContent.includes("mem: 102400 MiB wanted")`, long)
	w.Signal(world.Tasks(small, spec.TaskManagerTask)[0].ID, syscall.SIGKILL)
	p.Eval(`location.hash = "#/history"`)
	p.Until("what is wanted is drawn", `document.querySelector("#slots figcaption")?.textContent.includes("4 wanted") && document.querySelector("#slots canvas")`, long)
	p.Until("the loss is an event", `document.querySelector("#events").textContent.includes("ended on")`, long)
	p.Until("the recovery is drawn", `document.querySelector("#recoveries figcaption")?.textContent.includes("(small, TaskManagerLost)") && document.querySelector("#recoveries canvas")`, long)
	p.Eval("scrollTo(0, 0); document.activeElement.blur()")
	shot(t, p, "history")
	keyboard(t, p)

	p.Eval(`location.hash = "#/clusters/small/logs"`)
	p.Until("the log is followed", `document.querySelector("#log")?.textContent.length > 200`, soon)
	shot(t, p, "log")
	p.Eval(`location.hash = "#/clusters/small"`)
	p.Click("#tasks button[id^=sandbox-]")
	p.Until("the sandbox is listed", `document.querySelector("#sandbox")?.open && document.querySelector("#sandbox-files").textContent.includes("stdout")`, soon)
	folder := `[...document.querySelectorAll("#sandbox-files button")].find(e => e.textContent === "conf/")`
	p.Until("it has a folder", folder, soon)
	p.Eval(folder + ".click()")
	p.Until("the folder is listed", `document.querySelector("#sandbox-path").textContent === "/conf/" && document.querySelector("#sandbox-files a")`, soon)
	shot(t, p, "sandbox")
	file := b.Open(p.Text(`document.querySelector("#sandbox-files a").href`), 800, 600)
	file.Until("a file is shown", `document.body.innerText.length > 0`, soon)
	p.Press("Escape")
	p.Until("the sandbox is closed", `!document.querySelector("#sandbox")`, soon)
	keyboard(t, p)
	for _, r := range p.Requests() {
		if !strings.HasPrefix(r, proxy.URL+prefix+"/") && !strings.HasPrefix(r, "data:") {
			t.Errorf("the page asks for %s, which is not below its prefix", r)
		}
	}
	if e := p.Errors(); len(e) > 0 {
		t.Errorf("errors of the console:\n%s", strings.Join(e, "\n"))
	}
}

// keyboard checks that Tab reaches everything that can be used, and that it is seen where the focus is.
func keyboard(t *testing.T, p *chromium.Page) {
	t.Helper()
	const all = `[...document.querySelectorAll("a[href], button, summary, input, select, [tabindex='0']")].filter(e => e.getClientRects().length && !e.disabled)`
	p.Eval(all + `.forEach(e => e.addEventListener("focus", () => { e.dataset.reached = getComputedStyle(e).outlineStyle !== "none" ? "seen" : "unseen"; }))`)
	n, _ := p.Eval(all + ".length").(float64)
	for range int(n) + 2 {
		p.Press("Tab")
	}
	missed := p.Text(all + `.filter(e => e.dataset.reached !== "seen").map(e => e.tagName + " " + e.textContent + " " + e.dataset.reached).join("; ")`)
	if n < 5 || missed != "" {
		t.Errorf("of %v elements Tab does not lead to, or does not show: %s", n, missed)
	}
}
