// Package browser_test opens the console, and Flink's own behind the proxy, in a real Chromium. The
// service, local Mesos and Flink are real too.
package browser_test

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/testkit/chromium"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

var update = flag.Bool("update", false, "write docs/images")

// soon bounds what the page does by itself; long what Flink and Mesos take part in.
const (
	soon = 30 * time.Second
	long = 3 * time.Minute
)

// documented are the screenshots of the documentation, which the DC/OS package shows too.
var documented = []string{"page", "page-dark", "page-phone", "form", "history"}

// shot writes a screenshot into build/browser, and into docs/images when that is asked for.
func shot(t *testing.T, p *chromium.Page, name string) {
	t.Helper()
	p.Screenshot(filepath.Join(disttest.Root(t), "build", "browser", name+".png"))
	if *update && slices.Contains(documented, name) {
		p.Screenshot(filepath.Join(disttest.Root(t), "docs", "images", name+".png"))
	}
}

// clean checks that a page had no error, and asked nobody but the service.
func clean(t *testing.T, p *chromium.Page, w *world.World) {
	t.Helper()
	if e := p.Errors(); len(e) > 0 {
		t.Errorf("errors of the console:\n%s", strings.Join(e, "\n"))
	}
	own, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Requests() {
		if u, err := url.Parse(r); err != nil || u.Host != own.Host && (u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "ws") {
			t.Errorf("the page asks another host: %s", r)
		}
	}
}

// TestPage goes through a cluster's life in the console: it creates one with the form, sees it come up, runs a jar in Flink's
// own page, looks at the job, scales the cluster, and deletes it.
func TestPage(t *testing.T) {
	disttest.Real(t)
	b := chromium.Start(t)
	w := world.Start(t, world.Options{Service: func(string) []string { return []string{"FRAMEWORK_NAME=flink"} }})
	p := b.Open(w.URL+"/", 1280, 900)
	p.Until("the page is live", `document.querySelector("#connection").textContent === "Live"`, soon)
	p.Until("there is no cluster", `document.querySelector("#none")`, soon)
	shot(t, p, "first")

	p.Click("#create-open")
	p.Until("the form is open", `document.querySelector("#edit [name=name]")`, soon)
	p.Click(`#edit [name=kind][value=session]`)
	p.Type(`#edit [name=name]`, "Wrong name")
	if p.Eval(`document.querySelector("#edit [name=name]").validity.valid`) != false {
		t.Error("the form takes a name with a blank")
	}
	p.Type(`#edit [name=name]`, "analytics")
	choose(p, `#edit [name=allocation]`, "static")
	p.Type(`#edit [name="taskManagers.count"]`, "1")
	p.Type(`#edit [name="taskManager.slots"]`, "2")
	p.Type(`#edit [name="taskManager.memory"]`, "10m")
	p.Until("the service's refusal is shown", `document.querySelector("#check .problems")?.textContent.includes("emory")`, soon)
	shot(t, p, "form-refused")
	p.Type(`#edit [name="taskManager.memory"]`, "1g")
	p.Until("the YAML follows the form", `document.querySelector("#yaml").shadowRoot.querySelector(".cm-content").innerText.includes("memory: 1g")`, soon)
	p.Until("the service has no objection", `document.querySelector("#plan")`, soon)
	shot(t, p, "form")
	p.Click("#apply")
	p.Until("the cluster is shown", `location.hash === "#/clusters/analytics"`, soon)
	p.Until("the cluster is up", `document.querySelector("#facts .badge")?.textContent === "STABLE"`, long)
	p.Until("its tasks are shown", `document.querySelectorAll("#tasks tr").length === 2`, soon)

	flink := b.Open(w.URL+"/"+p.Text(`document.querySelector("#flink-ui").getAttribute("href")`), 1280, 800)
	flink.Until("Flink's page shows the slots", `document.body.innerText.includes("Available Task Slots")`, long)
	runJar(t, flink, w)
	clean(t, flink, w)

	p.Eval(`location.hash = "#/clusters/analytics/jobs"`)
	p.Until("the job is listed", `document.querySelector("#tab-jobs tbody a")`, long)
	p.Click("#tab-jobs tbody a")
	p.Until("the job has vertices", `document.querySelectorAll("[aria-label=Vertices] tbody tr").length > 0`, long)
	shot(t, p, "job")
	p.Eval(`location.hash = "#/clusters"`)
	p.Until("the job is seen", `document.querySelector("#cluster-analytics [data-label=Jobs]")?.textContent === "1" && document.querySelector("#cluster-analytics").textContent.includes("2 / 2")`, long)
	p.Dark(false)
	p.Eval("scrollTo(0, 0); document.activeElement.blur()")
	shot(t, p, "page")
	p.Dark(true)
	shot(t, p, "page-dark")
	p.Resize(390, 844)
	shot(t, p, "page-phone")
	p.Resize(1280, 900)
	p.Dark(false)

	p.Eval(`location.hash = "#/clusters/analytics/edit"`)
	p.Until("the form has the spec", `document.querySelector('#edit [name="taskManagers.count"]')?.value === "1"`, soon)
	p.Type(`#edit [name="taskManagers.count"]`, "2")
	p.Until("the plan says that tasks stay", `document.querySelector("#plan")?.textContent.includes("running tasks stay")`, soon)
	p.Click("#apply")
	p.Until("the new TaskManager runs", `[...document.querySelectorAll("#tasks .badge")].filter((e) => e.textContent === "RUNNING").length === 3`, long)

	p.Click("#do-delete")
	p.Until("it asks first", `document.querySelector("#confirm").open && document.querySelector("#confirm").textContent.includes("One job is running")`, soon)
	shot(t, p, "delete")
	p.Click("#confirm-do")
	p.Until("running jobs are told of", `document.querySelector("#confirm .problems")?.textContent.includes("1 running job")`, soon)
	p.Click("#confirm-do")
	p.Until("the cluster is gone", `location.hash === "#/" && document.querySelector("#none")`, long)
	for _, e := range p.Errors() {
		// The browser itself counts the answers that the form and the dialog ask for as errors.
		if !strings.Contains(e, "status of 422") && !strings.Contains(e, "status of 409") {
			t.Errorf("error of the console: %s", e)
		}
	}
}

// choose sets a select as somebody who uses it does.
func choose(p *chromium.Page, selector, value string) {
	p.Eval(`(() => { const e = document.querySelector(` + strconv.Quote(selector) + `); e.value = ` + strconv.Quote(value) + `; e.dispatchEvent(new Event("change", {bubbles: true})); })()`)
}

// runJar uploads the demo's jar in Flink's page and runs its endless job.
func runJar(t *testing.T, p *chromium.Page, w *world.World) {
	t.Helper()
	jar := filepath.Join(w.Root(), "resources", "demo-job", "target", "flink-mesos-demo-job.jar")
	if _, err := os.Stat(jar); err != nil {
		t.Skipf("%v: run make demo-job", err)
	}
	p.Eval(`location.hash = "#/submit"`)
	p.Until("Flink takes jars", `document.querySelector("input[type=file]")`, long)
	p.Attach("input[type=file]", jar)
	p.Until("the jar is listed", `document.body.innerText.includes("flink-mesos-demo-job.jar")`, long)
	p.Eval(`[...document.querySelectorAll("td")].find(e => e.textContent.includes("flink-mesos-demo-job.jar")).id = "the-jar"`)
	p.Click("#the-jar")
	const class = "input[formcontrolname=entryClass]"
	p.Until("the jar's form is open", `document.querySelector("`+class+`")`, soon)
	p.Type(class, "org.flinkonmesos.demo.Endless")
	p.Type("input[formcontrolname=programArgs]", "--parallelism 2")
	shot(t, p, "flink-submit")
	p.Eval(`[...document.querySelectorAll("button")].find(e => e.textContent.trim() === "Submit" && e.getClientRects().length).id = "the-submit"`)
	p.Click("#the-submit")
	p.Until("Flink shows the running job", `location.hash.includes("/job/") && document.body.innerText.includes("RUNNING")`, long)
	shot(t, p, "flink-job")
	// The program took its arguments: both slots are used.
	w.Eventually("both slots are used", func() error {
		list, err := w.Client.Clusters(t.Context())
		if err == nil && list[0].SlotsFree > 0 {
			err = fmt.Errorf("%d are free", list[0].SlotsFree)
		}
		return err
	})
}
