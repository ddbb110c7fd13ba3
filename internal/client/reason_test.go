package client

import "testing"

// TestReasonNamesNoPlaces leaves out where files are on an agent.
func TestReasonNamesNoPlaces(t *testing.T) {
	t.Parallel()
	const run = "/var/lib/mesos/slaves/5f3-S1/frameworks/5f3-0001/executors/app-jm-1/runs/latest/"
	for text, want := range map[string]string{
		"java.io.FileNotFoundException: " + run + "data/in.csv (No such file or directory)":                "java.io.FileNotFoundException: data/in.csv (No such file or directory)",
		"cannot open 'file:" + run + "usrlib/app.jar'":                                                     "cannot open 'usrlib/app.jar'",
		"class x is not in /tmp/flink-web-1/flink-web-upload/0a1b2c3d-0000-4000-8000-0123456789ab_app.jar": "class x is not in app.jar",
		"the disk /mnt/data is full, see hdfs:///frameworks/notes":                                         "the disk /mnt/data is full, see hdfs:///frameworks/notes",
	} {
		if got := Reason(text); got != want {
			t.Errorf("Reason(%q) = %q, want %q", text, got, want)
		}
	}
}
