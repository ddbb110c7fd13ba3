// Package browser_test opens the page of the service, and Flink's own behind the proxy, in a real Chromium. The
// service, local Mesos and Flink are real too.
package browser_test

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
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

// TestPage creates a cluster with the form, sees it come up, and runs a jar in Flink's own page.
func TestPage(t *testing.T) {
	disttest.Real(t)
	b := chromium.Start(t)
	w := world.Start(t, world.Options{Service: func(string) []string { return []string{"FRAMEWORK_NAME=flink"} }})
	p := b.Open(w.URL+"/", 1100, 820)
	p.Until("the page knows the service", `document.querySelector("#service-facts").textContent.startsWith("Connected to ")`, soon)
	p.Until("there is no cluster", `!document.querySelector("#none").hidden`, soon)

	p.Click("#create-open")
	p.Until("the form is open", `document.querySelector("#create").open && document.activeElement.name === "name"`, soon)
	p.Type(`#create-form [name=name]`, "Wrong name")
	p.Click("#create-form button.main")
	if p.Eval(`document.querySelector("#create-form [name=name]").validity.valid`) != false {
		t.Error("the form takes a name with a blank")
	}
	p.Type(`#create-form [name=name]`, "analytics")
	if got := p.Text(`document.querySelector("#create-form [name=allocation]").value`); got != "dynamic" {
		t.Errorf("the form begins with allocation %s", got)
	}
	p.Eval(`(() => { const a = document.querySelector("#create-form [name=allocation]"); a.value = "static"; a.dispatchEvent(new Event("change")); })()`)
	p.Type(`#create-form [name=slots]`, "2")
	p.Type(`#create-form [name=taskManagerMemory]`, "1g")
	shot(t, p, "form")
	p.Type(`#create-form [name=taskManagerMemory]`, "10m")
	p.Click("#create-form button.main")
	p.Until("the service's refusal is shown", `document.querySelector("#create-problems").textContent.includes("emory")`, soon)
	shot(t, p, "form-refused")
	p.Type(`#create-form [name=taskManagerMemory]`, "1g")
	p.Press("Enter")
	p.Until("the form is closed", `!document.querySelector("#create").open`, soon)
	p.Until("the cluster is up", `document.querySelector("#cluster-analytics .state")?.textContent === "STABLE"`, long)
	p.Until("its slots are there", `document.querySelector("#cluster-analytics").textContent.includes("0 / 2")`, long)
	p.Click("#cluster-analytics button.open")
	p.Until("its tasks are shown", `document.querySelectorAll("#detail-analytics tbody tr").length === 2`, soon)

	flink := b.Open(w.URL+"/"+strings.TrimPrefix(p.Text(`document.querySelector("#cluster-analytics a").getAttribute("href")`), "/"), 1280, 800)
	flink.Until("Flink's page shows the slots", `document.body.innerText.includes("Available Task Slots")`, long)
	runJar(t, flink, w)
	p.Until("the job is seen", `document.querySelector("#cluster-analytics [data-label=Jobs]").textContent === "1"`, long)
	p.Until("the plot agrees with the table", `document.querySelector("#slots-words").textContent.includes("2 registered, 2 used")`, long)
	clean(t, flink, w)

	p.Dark(false)
	p.Resize(1100, 960)
	p.Eval("scrollTo(0, 0); document.activeElement.blur()")
	shot(t, p, "page")
	contrast(t, p, "light")
	p.Dark(true)
	shot(t, p, "page-dark")
	contrast(t, p, "dark")
	p.Resize(390, 844)
	shot(t, p, "page-phone")
	if p.Eval(`document.documentElement.scrollWidth <= innerWidth`) != true {
		t.Error("the page is wider than a phone")
	}

	p.Click("#cluster-analytics button.danger")
	p.Until("it asks first", `document.querySelector("#confirm").open`, soon)
	p.Click("#confirm-do")
	p.Until("running jobs are told of", `document.querySelector("#confirm-problems").textContent.includes("1 running job")`, soon)
	p.Click("#confirm-do")
	p.Until("the cluster is gone", `!document.querySelector("#cluster-analytics")`, long)
	refused := 0
	for _, e := range p.Errors() {
		// The browser itself counts the two answers that the form and the dialog ask for as errors.
		if strings.Contains(e, "status of 422") || strings.Contains(e, "status of 409") {
			refused++
			continue
		}
		t.Errorf("error of the console: %s", e)
	}
	if refused != 2 {
		t.Errorf("%d refusals, want 2: %q", refused, p.Errors())
	}
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

// contrast checks that every visible text stands out from what is behind it (WCAG 2 AA: 4.5 to 1).
func contrast(t *testing.T, p *chromium.Page, scheme string) {
	t.Helper()
	weak := p.Text(`(() => {
		const rgb = (c) => c.match(/[\d.]+/g).map(Number);
		const light = ([r, g, b]) => { const f = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
			return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
		const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
		return [...document.querySelectorAll("body *")].filter((e) => e.getClientRects().length &&
			[...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())).filter((e) => {
			const style = getComputedStyle(e), svg = e.namespaceURI.endsWith("svg");
			const [a, b] = [light(rgb(svg ? style.fill : style.color)), light(behind(e))];
			return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
		}).map((e) => e.tagName + " " + e.textContent.trim().slice(0, 40)).join("; ");
	})()`)
	if weak != "" {
		t.Errorf("with the %s scheme these are hard to read: %s", scheme, weak)
	}
}
