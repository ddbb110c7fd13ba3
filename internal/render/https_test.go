package render_test

import (
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/render"
)

// TestHTTPSIsCheckedByHTTPS renders a service with a certificate that is on another machine.
func TestHTTPSIsCheckedByHTTPS(t *testing.T) {
	t.Parallel()
	app, err := render.Marathon(plain("FLINK_SERVICE_LISTEN_CERTIFICATE_FILE=/elsewhere/c.pem", "FLINK_SERVICE_LISTEN_KEY_FILE=/elsewhere/k.pem"), false)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(app), `"MESOS_HTTPS"`) {
		t.Errorf("the app is %s", app)
	}
}
