package chromium

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// object is the parameters of a command.
type object = map[string]any

// Page is one tab.
type Page struct {
	t       testing.TB
	b       *Browser
	session string
	// errors and requests are guarded by the browser's lock.
	errors   []string
	requests []string
}

// Open opens an address in a new tab of the given size in pixels.
func (b *Browser) Open(url string, width, height int) *Page {
	b.t.Helper()
	p := &Page{t: b.t, b: b}
	var target struct{ TargetID string }
	// In a window of its own: a page behind another tab is hidden, and ours does not poll while it is.
	p.must(b.call("", "Target.createTarget", object{"url": "about:blank", "newWindow": true}, &target))
	var attached struct{ SessionID string }
	p.must(b.call("", "Target.attachToTarget", object{"targetId": target.TargetID, "flatten": true}, &attached))
	p.session = attached.SessionID
	b.mu.Lock()
	b.pages[p.session] = p
	b.mu.Unlock()
	for _, domain := range []string{"Page", "Runtime", "Log", "Network", "DOM"} {
		p.call(domain+".enable", nil, nil)
	}
	p.Resize(width, height)
	p.Go(url)
	return p
}

func (p *Page) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *Page) call(method string, params object, out any) {
	p.t.Helper()
	p.must(p.b.call(p.session, method, params, out))
}

// Go loads another address.
func (p *Page) Go(url string) {
	p.t.Helper()
	var loaded struct{ ErrorText string }
	p.call("Page.navigate", object{"url": url}, &loaded)
	if loaded.ErrorText != "" {
		p.t.Fatalf("open %s: %s", url, loaded.ErrorText)
	}
}

// Resize changes the size of the window, in pixels; one below 600 wide is a phone.
func (p *Page) Resize(width, height int) {
	p.t.Helper()
	p.call("Emulation.setDeviceMetricsOverride", object{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
}

// Dark switches between the dark and the light scheme.
func (p *Page) Dark(on bool) {
	p.t.Helper()
	scheme := "light"
	if on {
		scheme = "dark"
	}
	p.call("Emulation.setEmulatedMedia", object{"features": []object{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// hear notes what went wrong, and what was asked for.
func (p *Page) hear(method string, params json.RawMessage) {
	var e struct {
		Type  string
		Entry struct{ Level, Text, URL string }
		Args  []struct {
			Value       any
			Description string
		}
		ExceptionDetails struct {
			Text      string
			Exception struct{ Description string }
		}
		Request struct{ URL string }
	}
	if json.Unmarshal(params, &e) != nil {
		return
	}
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	switch {
	case method == "Network.requestWillBeSent":
		p.requests = append(p.requests, e.Request.URL)
	case method == "Runtime.exceptionThrown":
		p.errors = append(p.errors, e.ExceptionDetails.Text+" "+e.ExceptionDetails.Exception.Description)
	case method == "Log.entryAdded" && e.Entry.Level == "error":
		p.errors = append(p.errors, e.Entry.Text+" "+e.Entry.URL)
	case method == "Runtime.consoleAPICalled" && e.Type == "error":
		p.errors = append(p.errors, fmt.Sprintf("console.error: %v", e.Args))
	}
}

// Errors are the errors of the console until now.
func (p *Page) Errors() []string {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	return slices.Clone(p.errors)
}

// Requests are the addresses that the page asked for until now.
func (p *Page) Requests() []string {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	return slices.Clone(p.requests)
}

// eval evaluates an expression of JavaScript.
func (p *Page) eval(expression string) (any, error) {
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	err := p.b.call(p.session, "Runtime.evaluate", object{"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true}, &r)
	if err == nil && r.ExceptionDetails != nil {
		err = fmt.Errorf("%s: %s %s", expression, r.ExceptionDetails.Text, r.ExceptionDetails.Exception.Description)
	}
	return r.Result.Value, err
}

// Eval evaluates an expression of JavaScript and returns its value.
func (p *Page) Eval(expression string) any {
	p.t.Helper()
	v, err := p.eval(expression)
	p.must(err)
	return v
}

// Text is the text that an expression evaluates to, empty when it is none.
func (p *Page) Text(expression string) string {
	p.t.Helper()
	text, _ := p.Eval(expression).(string)
	return text
}

// Until waits until an expression is true.
func (p *Page) Until(what, expression string, patience time.Duration) {
	p.t.Helper()
	var last error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		v, err := p.eval("!!(" + expression + ")")
		if v == true && err == nil {
			return
		}
		last = err
	}
	body, _ := p.eval("document.body?.innerText") // For the message; it may fail as the expression does.
	p.t.Fatalf("%s: never in %s (%v); console %q; the page shows:\n%.2000v", what, patience, last, p.Errors(), body)
}

// Click presses the mouse in the middle of the first element that a selector finds.
func (p *Page) Click(selector string) {
	p.t.Helper()
	q := strconv.Quote(selector)
	p.Until(selector+" is there", "document.querySelector("+q+")?.getClientRects().length", 30*time.Second)
	at, _ := p.Eval(`(() => { const e = document.querySelector(` + q + `); e.scrollIntoView({block: "center"});
		const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`).([]any)
	if len(at) != 2 {
		p.t.Fatalf("%s has no place", selector)
	}
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		p.call("Input.dispatchMouseEvent", object{"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1}, nil)
	}
}

// Type replaces the text of an input.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	p.Eval("(() => { const e = document.querySelector(" + strconv.Quote(selector) + "); e.focus(); e.select(); })()")
	p.call("Input.insertText", object{"text": text}, nil)
}

// Press presses a key that has no text of its own, such as Tab, Enter or Escape.
func (p *Page) Press(key string) {
	p.t.Helper()
	code := map[string]int{"Tab": 9, "Enter": 13, "Escape": 27}[key]
	down := object{"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code}
	if key == "Enter" {
		down["text"] = "\r"
	}
	p.call("Input.dispatchKeyEvent", down, nil)
	p.call("Input.dispatchKeyEvent", object{"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code}, nil)
}

// Attach gives a file to an input.
func (p *Page) Attach(selector, file string) {
	p.t.Helper()
	var found struct{ Result struct{ ObjectID string } }
	p.call("Runtime.evaluate", object{"expression": "document.querySelector(" + strconv.Quote(selector) + ")"}, &found)
	p.call("DOM.setFileInputFiles", object{"files": []string{file}, "objectId": found.Result.ObjectID}, nil)
}

// Screenshot writes what the window shows into a PNG file.
func (p *Page) Screenshot(file string) {
	p.t.Helper()
	var shot struct{ Data string }
	p.call("Page.captureScreenshot", object{"format": "png", "optimizeForSpeed": false}, &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	p.must(err)
	p.must(os.MkdirAll(filepath.Dir(file), 0o755))
	p.must(os.WriteFile(file, data, 0o644))
}
