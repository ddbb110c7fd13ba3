package browser_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/testkit/chromium"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// TestToken gives the page a token with the keyboard alone: a wrong one is asked for again, a right one is kept when
// the page is loaded again, and it is no part of any address.
func TestToken(t *testing.T) {
	disttest.Real(t)
	b := chromium.Start(t)
	const token = "canary-0123456789abcdef"
	w := world.Start(t, world.Options{Token: token})
	p := b.Open(w.URL+"/", 1100, 820)
	asks := `document.querySelector("#token")?.open && document.activeElement.id === "token-input"`
	p.Until("the page asks for a token", asks, soon)
	shot(t, p, "token")
	p.Type("#token-input", "canary-fedcba9876543210")
	p.Press("Enter")
	p.Until("a wrong token is told of", `document.querySelector("#token-problems")?.textContent.includes("unknown token") && `+asks, soon)
	p.Type("#token-input", token)
	p.Press("Enter")
	p.Until("the page knows the service", `document.querySelector("#connection").textContent === "Live"`, soon)
	p.Go(w.URL + "/?again")
	p.Until("the page knows the service again", `document.querySelector("#connection").textContent === "Live"`, soon)
	if p.Eval(`document.querySelector("#token")`) != nil {
		t.Error("the page asks twice")
	}
	p.Press("Tab")
	if got := p.Text(`document.activeElement.className`); got != "skip" {
		t.Errorf("the first Tab leads to %q, not to the link that skips the navigation", got)
	}
	for _, r := range p.Requests() {
		if strings.Contains(r, "canary") {
			t.Errorf("the token is in %s", r)
		}
	}
	for _, e := range p.Errors() {
		// The browser itself counts the answers that ask for the token as errors.
		if !strings.Contains(e, "status of 401") {
			t.Errorf("error of the console: %s", e)
		}
	}

	// The page has the browser keep a session, so that links work without another question; scripts do not see it.
	linked := b.Open(w.URL+"/v1/clusters", 800, 600)
	linked.Until("a link works once the page has the token", `document.body.innerText.includes("clusters")`, soon)
	if p.Text("document.cookie") != "" {
		t.Error("scripts see the session")
	}
	p.Click("#sign-out")
	p.Until("the token is forgotten", asks, soon)

	// A link to Flink's page or a log carries no header: the browser asks, and sends the token as a password.
	address, err := url.Parse(w.URL + "/v1/clusters")
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword("anybody", token)
	link := b.Open(address.String(), 800, 600)
	link.Until("a link works with the token as password", `document.body.innerText.includes("clusters")`, soon)
}
