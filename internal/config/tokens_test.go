package config_test

import (
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/auth"
	"github.com/flink-on-mesos/flink-service/internal/config"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/tokens"
	write(t, path, "# of the team\nread:canary-0123456789ab\nadmin:canary-ba9876543210\n")
	c, err := config.Load([]string{"MESOS_MASTER=local", "API_TOKENS_FILE=" + path})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.HTTP.Tokens(); got.Scope("canary-0123456789ab") != auth.Read || got.Scope("canary-ba9876543210") != auth.Admin {
		t.Error("the tokens of the file are not known")
	}
	if _, err := config.Load([]string{"MESOS_MASTER=local", "API_TOKENS=root:canary-0123456789ab"}); err == nil ||
		!strings.Contains(err.Error(), "API_TOKENS: token 1 does not begin with a scope") || strings.Contains(err.Error(), "canary") {
		t.Errorf("a bad token: error %v", err)
	}
}
