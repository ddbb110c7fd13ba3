package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/config"
)

func TestInherited(t *testing.T) {
	t.Parallel()
	environ := []string{
		"HADOOP_HOME=/opt/hadoop", "HADOOP_CONF_DIR=/etc/hadoop", "TZ=Europe/Berlin", "MESOS_SANDBOX=/x", "MESOS_SECRET=s", "API_TOKENS=s", "API_TOKENS_FILE=/s",
		"FLINK_SERVICE_MESOS_SECRET=s", "PORT_API=1", "PORT0=1", "HOME=/root", "EMPTY=", "nothing", "AWS_REGION=eu=1", "DCOS_SERVICE_ACCOUNT_CREDENTIAL=s", "LIBPROCESS_IP=1",
	}
	for _, c := range []struct {
		patterns []string
		want     map[string]string
	}{
		{nil, map[string]string{}},
		{[]string{"HADOOP_*", "TZ"}, map[string]string{"HADOOP_HOME": "/opt/hadoop", "TZ": "Europe/Berlin"}},
		{[]string{"*"}, map[string]string{"HADOOP_HOME": "/opt/hadoop", "TZ": "Europe/Berlin", "EMPTY": "", "AWS_REGION": "eu=1"}},
		{[]string{"A?S_[RS]*"}, map[string]string{"AWS_REGION": "eu=1"}},
	} {
		if diff := cmp.Diff(c.want, config.Flink{Inherit: c.patterns}.Inherited(environ)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.patterns, diff)
		}
	}
}
