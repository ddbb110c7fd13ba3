package cli_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli"
	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	create = "cluster create demo --task-managers 2 --slots 2 -q"
	// big has a JobManager that fits on no agent.
	big     = "cluster create big --jm-cpus 16 --no-wait -q"
	endless = "job run demo endless.jar -q"
	// starving needs more slots than create gives.
	starving = "job run demo endless.jar --parallelism 7 -q"
	// application is one whose job runs for ever, and has begun to: it is looked at until then.
	application = "cluster create app --jar-uri http://files.example/endless.jar -D execution.checkpointing.savepoint-dir=file:/savepoints -q"
	// full is one whose savepoints fail.
	full = "cluster create app --jar-uri http://files.example/endless.jar -D execution.checkpointing.savepoint-dir=file:/full -q"
	// scaled is one whose job has more to do than it can, and which the autoscaler watches.
	scaled = acting + " -D job.autoscaler.scaling.enabled=false"
	acting = "cluster create app --jar-uri http://files.example/busy.jar -D job.autoscaler.enabled=true " +
		"-D job.autoscaler.metrics.window=15s -D job.autoscaler.stabilization.interval=5s -q"
	jobID = "00000000000000000000000000000001"
	jarID = "00000000-0000-4000-8000-000000000001_endless.jar"
)

// goldenCases hold each command at least once; setup runs before and must succeed. The setup "sleep" lets time pass.
func goldenCases() []goldenCase {
	return []goldenCase{
		{name: "cluster create", args: "cluster create demo --task-managers 2 --slots 2", json: true},
		{name: "cluster create elastic", args: "cluster create demo --max-task-managers 4"},
		{name: "cluster create no-wait", args: "cluster create demo --no-wait", json: true},
		{name: "cluster create dry-run", args: "cluster create demo -f spec.yaml --tm-memory 4g --dry-run", json: true},
		{name: "cluster create stdin", args: "cluster create -f -", stdin: "name: piped\nkind: session\n"},
		{name: "cluster create exists", setup: []string{create}, args: "cluster create demo"},
		{name: "cluster create invalid", args: "cluster create Demo --tm-memory 1m"},
		{name: "cluster create failed", args: "cluster create app --jar-uri http://files.example/throws.jar"},
		{name: "cluster create missing", args: "cluster create app --jar-uri http://files.example/missing.jar --timeout 30s"},
		{name: "cluster list", setup: []string{create, "cluster create other --no-wait -q"}, args: "cluster list", json: true},
		{name: "cluster list empty", args: "cluster list", json: true},
		{name: "cluster describe", setup: []string{create, endless, "sleep 5s"}, args: "cluster describe demo", json: true},
		{name: "cluster list slots", setup: []string{create, starving, "sleep 8s"}, args: "cluster list", json: true},
		{name: "cluster describe slots", setup: []string{create, starving, "sleep 8s"}, args: "cluster describe demo", json: true},
		{name: "cluster describe many", setup: []string{create, "cluster scale demo 15 -q", "sleep 5s"}, args: "cluster describe demo"},
		{name: "cluster describe waiting", setup: []string{big}, args: "cluster describe big", json: true},
		{name: "cluster describe failed", setup: []string{"cluster create fails --jar-uri http://files.example/throws.jar -q"}, args: "cluster describe fails", json: true},
		{name: "cluster describe missing", setup: []string{"cluster create fails --jar-uri http://files.example/missing.jar -q --timeout 30s"}, args: "cluster describe fails", json: true},
		{name: "cluster describe unknown", args: "cluster describe demo", json: true},
		{name: "cluster update", setup: []string{create}, args: "cluster update demo --tm-memory 4g -D a.b=c", json: true},
		{name: "cluster update dry-run", setup: []string{create}, args: "cluster update demo --slots 4 -D a.b=c --dry-run", json: true},
		{name: "cluster update wait", setup: []string{create}, args: "cluster update demo --slots 4 --wait", json: true},
		{name: "cluster update nothing", setup: []string{create}, args: "cluster update demo --slots 2 --dry-run"},
		{name: "cluster scale", setup: []string{create}, args: "cluster scale demo 3", json: true},
		{name: "cluster scale elastic", setup: []string{"cluster create demo -q"}, args: "cluster scale demo --min 1 --max 5", json: true},
		{name: "cluster scale wrong", setup: []string{create}, args: "cluster scale demo --max 5"},
		{name: "cluster restart", setup: []string{create}, args: "cluster restart demo --yes"},
		{name: "cluster restart wait", setup: []string{create}, args: "cluster restart demo --yes --wait"},
		{name: "cluster suspend", setup: []string{create, endless}, args: "cluster suspend demo --directory file:/savepoints", stdin: "y\n"},
		{name: "cluster suspend yes", setup: []string{create, endless, endless}, args: "cluster suspend demo --directory file:/savepoints --yes", json: true},
		{name: "cluster suspend nowhere", setup: []string{create, endless}, args: "cluster suspend demo --yes"},
		{name: "cluster suspend full", setup: []string{create, endless}, args: "cluster suspend demo --directory file:/full --yes"},
		{name: "cluster suspend no-wait", setup: []string{create, endless}, args: "cluster suspend demo --no-savepoint --no-wait --yes"},
		{name: "cluster suspend over", setup: []string{"run-application wordcount.jar --cluster-name count -q"}, args: "cluster suspend count --directory file:/savepoints --yes"},
		{name: "cluster describe suspending", setup: []string{create, endless, "cluster suspend demo -d file:/savepoints --no-wait --yes -q"}, args: "cluster describe demo", json: true},
		{name: "cluster resume", setup: []string{create, endless, "cluster suspend demo -d file:/savepoints --yes -q"}, args: "cluster resume demo", json: true},
		{name: "cluster resume no-wait", setup: []string{create, "cluster suspend demo --yes -q"}, args: "cluster resume demo --no-wait"},
		{name: "cluster resume running", setup: []string{create}, args: "cluster resume demo"},
		{name: "cluster update savepoint", setup: []string{application}, args: "cluster update app --tm-memory 4g --savepoint --wait"},
		{name: "cluster update savepoint full", setup: []string{full}, args: "cluster update app --tm-memory 4g --savepoint --wait"},
		{name: "cluster update savepoint no-wait", setup: []string{application}, args: "cluster update app --tm-memory 4g --upgrade-mode savepoint"},
		{name: "cluster update savepoint dry-run", setup: []string{application}, args: "cluster update app --savepoint --dry-run"},
		{name: "cluster delete", setup: []string{create}, args: "cluster delete demo", stdin: "y\n"},
		{name: "cluster delete no", setup: []string{create}, args: "cluster delete demo", stdin: "n\n"},
		{name: "cluster delete yes", setup: []string{create}, args: "cluster delete demo --yes"},
		{name: "cluster delete busy", setup: []string{create, endless}, args: "cluster delete demo --yes"},
		{name: "cluster ui", setup: []string{create}, args: "cluster ui demo"},
		{name: "cluster events", setup: []string{create}, args: "cluster events demo", json: true},
		{name: "cluster history", setup: []string{create, "cluster update demo --tm-memory 4g --wait -q", "cluster delete demo --yes -q"}, args: "cluster history demo", json: true},
		{name: "cluster history revisions", setup: []string{create, "cluster update demo --tm-memory 4g -m roomier --wait -q", "cluster tag demo 1 good -q"}, args: "cluster history demo --revisions", json: true},
		{name: "cluster diff", setup: []string{create, "cluster update demo --tm-memory 4g --wait -q"}, args: "cluster diff demo", json: true},
		{name: "cluster diff first", setup: []string{create}, args: "cluster diff demo"},
		{name: "cluster tag", setup: []string{create}, args: "cluster tag demo 1 good", json: true},
		{name: "cluster tag delete", setup: []string{create, "cluster tag demo 1 good -q"}, args: "cluster tag demo good --delete"},
		{name: "cluster revert", setup: []string{create, "cluster update demo --tm-memory 4g --wait -q", "cluster tag demo 1 good -q"}, args: "cluster revert demo good -m slow --wait", json: true},
		{name: "cluster revert same", setup: []string{create}, args: "cluster revert demo 1"},
		{name: "cluster revert unknown", setup: []string{create}, args: "cluster revert demo 7"},
		{name: "cluster update rolled back", setup: []string{"cluster create app -f watched.yaml --jar-uri http://files.example/endless.jar -q"}, args: "cluster update app --jar-uri http://files.example/throws.jar --wait"},
		{name: "cluster describe rolled back", setup: []string{"cluster create app -f watched.yaml --jar-uri http://files.example/endless.jar -q", "cluster update app --jar-uri http://files.example/throws.jar -q", "sleep 60s"}, args: "cluster describe app"},
		{name: "cluster update generation", setup: []string{create, "cluster update demo --tm-memory 4g --wait -q"}, args: "cluster update demo --tm-memory 5g --check-generation 1"},
		{name: "autoscaler status", setup: []string{scaled, "sleep 40s"}, args: "autoscaler status app", json: true},
		{name: "autoscaler status early", setup: []string{scaled, "sleep 8s"}, args: "autoscaler status app"},
		{name: "autoscaler status off", setup: []string{create}, args: "autoscaler status demo", json: true},
		{name: "autoscaler status unknown", args: "autoscaler status demo"},
		{name: "autoscaler status acted", setup: []string{acting, "sleep 60s"}, args: "autoscaler status app"},
		{name: "autoscaler history acted", setup: []string{acting, "sleep 60s"}, args: "autoscaler history app"},
		{name: "cluster history autoscaler", setup: []string{acting, "sleep 60s"}, args: "cluster history app"},
		{name: "cluster events autoscaler", setup: []string{acting, "sleep 60s"}, args: "cluster events app"},
		{name: "autoscaler history", setup: []string{scaled, "sleep 40s"}, args: "autoscaler history app", json: true},
		{name: "autoscaler explain", setup: []string{scaled, "sleep 40s"}, args: "autoscaler explain app --vertex Source", json: true},
		{name: "autoscaler explain nothing", setup: []string{scaled, "sleep 40s"}, args: "autoscaler explain app --vertex Sink"},
		{name: "autoscaler replay", setup: []string{scaled, "sleep 60s"}, args: "autoscaler replay app --set utilization.target=0.5", json: true},
		{name: "autoscaler replay wrong", setup: []string{scaled, "sleep 40s"}, args: "autoscaler replay app --set target=0.5"},
		{name: "cluster create autoscaler wrong", args: "cluster create demo -D job.autoscaler.enabled=maybe -D job.autoscaler.windows=1"},
		{name: "snapshot list", setup: []string{create, "snapshot adopt demo s3://bucket/savepoint-1 -q", "snapshot adopt demo --checkpoint s3://bucket/chk-7 -q", "snapshot pin demo-x7k2-snap-2 -q"}, args: "snapshot list demo", json: true},
		{name: "snapshot adopt", setup: []string{create}, args: "snapshot adopt demo s3://bucket/savepoint-1", json: true},
		{name: "snapshot adopt refused", setup: []string{create}, args: "snapshot adopt demo bucket/savepoint-1"},
		{name: "snapshot create no job", setup: []string{create}, args: "snapshot create demo --directory s3://bucket", json: true},
		{name: "snapshot pin", setup: []string{create, "snapshot adopt demo s3://bucket/savepoint-1 -q"}, args: "snapshot pin demo-x7k2-snap-1", json: true},
		{name: "snapshot unpin", setup: []string{create, "snapshot adopt demo s3://bucket/savepoint-1 -q"}, args: "snapshot unpin demo-x7k2-snap-1", json: true},
		{name: "snapshot verify", setup: []string{create, "snapshot adopt demo s3://bucket/savepoint-1 -q"}, args: "snapshot verify demo-x7k2-snap-1", json: true},
		{name: "snapshot delete", setup: []string{create, "snapshot adopt demo s3://bucket/savepoint-1 -q"}, args: "snapshot delete demo-x7k2-snap-1 --yes", json: true},
		{name: "snapshot delete pinned", setup: []string{create, "snapshot adopt demo s3://bucket/savepoint-1 -q", "snapshot pin demo-x7k2-snap-1 -q"}, args: "snapshot delete demo-x7k2-snap-1 --yes"},
		{name: "cluster logs", setup: []string{create}, args: "cluster logs demo --lines 1"},
		{name: "job run", setup: []string{create}, args: "job run demo wordcount.jar", json: true},
		{name: "job run wait", setup: []string{create}, args: "job run demo wordcount.jar --accumulators -p 2 -- --input text", json: true},
		{name: "job run fails", setup: []string{create}, args: "job run demo fails.jar --wait", json: true},
		{name: "job run cancelled", setup: []string{create}, args: "job run demo cancelled.jar --wait"},
		{name: "job run throws", setup: []string{create}, args: "job run demo throws.jar"},
		{name: "job run uploaded", setup: []string{create, endless}, args: "job run demo " + jarID},
		{name: "job run unknown", setup: []string{create}, args: "job run demo nosuch.jar"},
		{name: "job list", setup: []string{create, endless, "job run demo wordcount.jar --wait -q"}, args: "job list demo", json: true},
		{name: "job list running", setup: []string{create, endless, "job run demo wordcount.jar --wait -q"}, args: "job list demo --running", json: true},
		{name: "job list early", setup: []string{"cluster create demo --no-wait -q"}, args: "job list demo"},
		{name: "job describe", setup: []string{create, endless, "sleep 5s"}, args: "job describe demo " + jobID, json: true},
		{name: "job describe failed", setup: []string{create, "job run demo fails.jar --wait -q"}, args: "job describe demo " + jobID},
		{name: "job describe unknown", setup: []string{create}, args: "job describe demo " + jobID},
		{name: "job cancel", setup: []string{create, endless}, args: "job cancel demo " + jobID, stdin: "yes\n"},
		{name: "job cancel yes", setup: []string{create, endless}, args: "job cancel demo " + jobID + " --yes"},
		{name: "job cancel over", setup: []string{create, "job run demo wordcount.jar --wait -q"}, args: "job cancel demo " + jobID + " --yes"},
		{name: "job stop", setup: []string{create, endless}, args: "job stop demo " + jobID + " --directory file:/savepoints", json: true},
		{name: "job stop nowhere", setup: []string{create, endless}, args: "job stop demo " + jobID},
		{name: "job savepoint", setup: []string{create, endless}, args: "job savepoint demo " + jobID + " --directory file:/savepoints --format native", json: true},
		{name: "job savepoint failed", setup: []string{create, "job run demo fails.jar -q"}, args: "job savepoint demo " + jobID + " --directory file:/savepoints"},
		{name: "job exceptions", setup: []string{create, "job run demo fails.jar --wait -q"}, args: "job exceptions demo " + jobID, json: true},
		{name: "job exceptions traces", setup: []string{create, "job run demo fails.jar --wait -q"}, args: "job exceptions demo " + jobID + " --traces"},
		{name: "job checkpoints", setup: []string{create, endless, "sleep 5s", "job savepoint demo " + jobID + " --directory file:/savepoints -q"}, args: "job checkpoints demo " + jobID, json: true},
		{name: "job metrics", setup: []string{create, endless}, args: "job metrics demo " + jobID, json: true},
		{name: "job metrics one", setup: []string{create, endless}, args: "job metrics demo " + jobID + " uptime"},
		{name: "run-application", args: "run-application wordcount.jar --class com.example.Count -- --input text", json: true},
		{name: "run-application fails", args: "run-application fails.jar", json: true},
		{name: "run-application cancelled", args: "run-application cancelled.jar --cluster-name nightly"},
		{name: "run-application no-wait", args: "run-application wordcount.jar --no-wait", json: true},
		{name: "run-application uri", args: "run-application http://files.example/wordcount.jar --cluster-name remote --delete"},
		{name: "jar upload", setup: []string{create}, args: "jar upload demo wordcount.jar", json: true},
		{name: "jar list", setup: []string{create, endless}, args: "jar list demo", json: true},
		{name: "jar delete", setup: []string{create, endless}, args: "jar delete demo " + jarID + " --yes"},
		{name: "jar delete unknown", setup: []string{create}, args: "jar delete demo nosuch.jar --yes"},
		{name: "worker list", setup: []string{create}, args: "worker list demo", json: true},
		{name: "worker list all", setup: []string{create}, args: "worker list demo --all", json: true},
		{name: "worker restart", setup: []string{create}, args: "worker restart demo demo-x7k2-tm-2 --yes"},
		{name: "worker replace", setup: []string{create}, args: "worker replace demo demo-x7k2-tm-2 --yes"},
		{name: "worker logs", setup: []string{create}, args: "worker logs demo demo-x7k2-tm-3"},
		{name: "worker logs unknown", setup: []string{create}, args: "worker logs demo demo-x7k2-tm-9"},
		{name: "artifact upload", args: "artifact upload wordcount.jar", json: true},
		{name: "artifact list", setup: []string{"artifact upload wordcount.jar -q"}, args: "artifact list", json: true},
		{name: "artifact delete", setup: []string{"artifact upload wordcount.jar -q"}, args: "artifact delete " + wordcountHash + " --yes"},
		{name: "artifact delete used", setup: []string{"run-application wordcount.jar -q"}, args: "artifact delete artifact:" + wordcountHash + "/wordcount.jar --yes"},
		{name: "plan list", args: "plan list", json: true},
		{name: "plan status", setup: []string{create, big}, args: "plan status", json: true},
		{name: "plan status failed", setup: []string{"cluster create fails --kind application --jar-uri http://files.example/throws.jar -q"}, args: "plan status deploy", json: true},
		{name: "plan status unknown", args: "plan status update"},
		{name: "plan pause", setup: []string{create}, args: "plan pause deploy demo"},
		{name: "plan pause all", setup: []string{create}, args: "plan pause"},
		{name: "plan pause unknown", args: "plan pause deploy demo"},
		{name: "plan resume", setup: []string{create, "plan pause deploy -q"}, args: "plan resume deploy"},
		{name: "cluster describe paused", setup: []string{create, "plan pause deploy demo -q"}, args: "cluster describe demo", json: true},
		{name: "plan force-restart", setup: []string{create}, args: "plan force-restart deploy demo demo-x7k2-jm-1 --yes"},
		{name: "plan force-complete", setup: []string{create}, args: "plan force-complete deploy demo"},
		{name: "pod list", setup: []string{create}, args: "pod list", json: true},
		{name: "pod status", setup: []string{create}, args: "pod status", json: true},
		{name: "pod status one", setup: []string{create}, args: "pod status demo-x7k2-jm-1", json: true},
		{name: "pod info", setup: []string{create}, args: "pod info demo-x7k2-jm-1"},
		{name: "pod restart", setup: []string{create}, args: "pod restart demo-x7k2-tm-2", stdin: "y\n"},
		{name: "pod replace", setup: []string{create}, args: "pod replace demo-x7k2-tm-2 --yes"},
		{name: "pod replace unknown", args: "pod replace demo-x7k2-tm-9 --yes"},
		{name: "plan start", setup: []string{create, "plan stop deploy"}, args: "plan start deploy -p A=b"},
		{name: "plan stop", setup: []string{create}, args: "plan stop deploy"},
		{name: "plan stop again", setup: []string{create, "plan stop deploy"}, args: "plan stop deploy"},
		{name: "plan pause nothing", args: "plan pause"},
		{name: "plan resume nothing", setup: []string{create}, args: "plan resume deploy demo"},
		{name: "plan status paused", setup: []string{"plan pause", "cluster create demo --no-wait"}, args: "plan status", json: true},
		{name: "plan status recovery", setup: []string{create, "pod replace demo-taskmanager-0"}, args: "plan status recovery", json: true},
		{name: "plan pause recovery", args: "plan pause recovery"},
		{name: "cluster list paused", setup: []string{create, "plan pause", "cluster create other --no-wait"}, args: "cluster list", json: true},
		{name: "update status", setup: []string{create}, args: "update status", json: true},
		{name: "update pause", setup: []string{create}, args: "update pause"},
		{name: "update resume", setup: []string{create, "update pause"}, args: "update resume"},
		{name: "update force-restart", setup: []string{create}, args: "update force-restart demo", stdin: "y\n"},
		{name: "update force-complete", setup: []string{create}, args: "update force-complete demo demo-jobmanager-0"},
		{name: "update start stdin", args: "update start --options stdin", stdin: "service: {log_level: DEBUG}\n"},
		{name: "debug config list", setup: []string{create}, args: "debug config list"},
		{name: "debug config show", args: "debug config show 3f1c2d7e-8b1f-8c36-9d47-0a5be1a0c9d2"},
		{name: "debug config target", setup: []string{create}, args: "debug config target"},
		{name: "debug config target_id", setup: []string{create}, args: "debug config target_id"},
		{name: "debug state framework_id", args: "debug state framework_id"},
		{name: "debug state properties", args: "debug state properties"},
		{name: "debug state property", args: "debug state property suppressed"},
		{name: "debug state property unknown", args: "debug state property nosuch"},
		{name: "debug pod pause", setup: []string{create}, args: "debug pod pause demo-taskmanager-0"},
		{name: "debug pod resume", setup: []string{create}, args: "debug pod resume demo-taskmanager-0 -t demo-taskmanager-0"},
		{name: "update options", args: "update options", json: true},
		{name: "update start", args: "update start --package-version 1.1.0", stdin: "y\n"},
		{name: "update start asks", args: "update start --options -", stdin: "service: {log_level: DEBUG}\n"},
		{name: "update start yes", args: "update start --options - --yes", stdin: `{"service": {"log_level": "DEBUG"}}`},
		{name: "update start dry-run", args: "update start --options - --dry-run", stdin: "service: {log_level: DEBUG}\n"},
		{name: "update start replace", args: "update start --options - --replace --dry-run", stdin: "service: {log_level: DEBUG}\n"},
		{name: "update start wrong", args: "update start --options - --yes", stdin: "wrong: {a: b}\n"},
		{name: "update start text", args: "update start --options - --yes", stdin: "no options\n"},
		{name: "update package-versions", args: "update package-versions", json: true},
		{name: "endpoints", setup: []string{create}, args: "endpoints", json: true},
		{name: "endpoints one", setup: []string{create}, args: "endpoints demo-rest", json: true},
		{name: "endpoints unknown", args: "endpoints nosuch"},
		{name: "debug offers", setup: []string{create, big, "sleep 3s"}, args: "debug offers", json: true},
		{name: "debug offers declined", setup: []string{create, big, "sleep 3s"}, args: "debug offers --declined", json: true},
		{name: "debug state", setup: []string{create, "cluster create app --jar-uri http://files.example/missing.jar -q --timeout 30s"}, args: "debug state", json: true},
		{name: "debug journal", setup: []string{create}, args: "debug journal --limit 9", json: true},
		{name: "debug journal contains", setup: []string{create}, args: "debug journal --contains demo-x7k2-jm-1"},
		{name: "debug journal too many", args: "debug journal --limit 0"},
		{name: "debug placement", setup: []string{create}, args: "debug placement demo --task-managers 30", json: true},
		{name: "debug placement fits", setup: []string{create}, args: "debug placement demo --refresh"},
		{name: "debug placement unknown", args: "debug placement demo"},
		{name: "describe", args: "describe", json: true},
		{name: "version", args: "version", json: true},
		{name: "import", args: "import flink-conf.yaml --marathon app.json", json: true},
		{name: "import quiet", args: "import config.yaml --cluster other -q"},
		{name: "import wrong", args: "import flink-conf.yaml --dialect config"},
		{name: "apply", args: "apply -f deployment.yaml", json: true},
		{name: "apply again", setup: []string{"apply -f deployment.yaml -q"}, args: "apply -f deployment.yaml"},
		{name: "apply dry-run", setup: []string{create}, args: "apply -f deployment.yaml --dry-run", json: true},
		{name: "apply stdin", setup: []string{"apply -f deployment.yaml -q"}, args: "apply -f -", stdin: "name: piped\n---\nname: demo\nallocation: static\ntaskManagers: {count: 3}\n"},
		{name: "apply refused", args: "apply -f refused.yaml"},
		{name: "apply ignore", args: "apply -f refused.yaml --jar local:///opt/a.jar=http://files.example/endless.jar --ignore spec.podTemplate.spec.initContainers --dry-run"},
		{name: "apply rejected", args: "apply -f -", stdin: "name: Demo\ntaskManager: {slots: -1}\n"},
		{name: "apply prune", setup: []string{create, "apply -f deployment.yaml -q"}, args: "apply -f - --prune -l team=shop", stdin: "name: other\n"},
		{name: "apply prune yes", setup: []string{create, "apply -f deployment.yaml -q"}, args: "apply -f spec.yaml --prune -l team=shop --yes"},
		{name: "apply twice", args: "apply -f spec.yaml -f spec.yaml"},
		{name: "apply nothing", args: "apply -f -", stdin: "# nothing\n"},
		{name: "diff", setup: []string{"apply -f deployment.yaml -q"}, args: "diff -f deployment.yaml -f spec.yaml", json: true},
		{name: "diff changed", setup: []string{"cluster create demo -f spec.yaml -q --no-wait"}, args: "diff -f -", stdin: "name: demo\nflinkVersion: \"1.20\"\ntaskManager: {memory: 3g}\n", json: true},
		{name: "diff same", setup: []string{"cluster create demo -f spec.yaml -q --no-wait"}, args: "diff -f spec.yaml"},
		{name: "diff refused", args: "diff -f refused.yaml"},
		{name: "export", setup: []string{"apply -f deployment.yaml -q"}, args: "export orders --as flinkdeployment", json: true},
		{name: "export quiet", setup: []string{create}, args: "export demo -q"},
		{name: "export unknown", args: "export demo"},
		{name: "export wrong", args: "export demo --as pod"},
		{name: "info", args: "--info"},
		{name: "config-schema", args: "--config-schema"},
	}
}

// deployment is an object that can be applied, and a snapshot of it; refused is one that cannot.
const (
	deployment = `apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: orders, labels: {team: shop}}
spec:
  image: flink:1.20
  flinkVersion: v1_20
  flinkConfiguration: {state.savepoints.dir: "file:/savepoints"}
  jobManager: {resources: {requests: {memory: 1600m, cpu: 1}}}
  taskManager: {resources: {requests: {memory: 1728m, cpu: 1}}}
  job: {jarURI: "http://files.example/endless.jar", parallelism: 1, upgradeMode: savepoint, initialSavepointPath: "file:/savepoints/savepoint-1"}
---
apiVersion: flink.apache.org/v1beta1
kind: FlinkStateSnapshot
metadata: {name: first}
spec:
  savepoint: {alreadyExists: true, disposeOnDelete: false, path: "file:/savepoints/savepoint-1"}
`
	refused = `apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: fetched}
spec:
  flinkVersion: v1_20
  podTemplate: {spec: {initContainers: [{name: fetch}]}}
  job: {jarURI: "local:///opt/a.jar", parallelism: 1, upgradeMode: stateless}
`
)

// wordcountHash is the SHA-256 of the text of wordcount.jar.
const wordcountHash = "ccacb6e6329bdffb4f2d31bd95ab11e03c68d1fb8add15537a6743e16d5b52b4"

type goldenCase struct {
	name  string
	setup []string
	args  string
	stdin string
	json  bool
}

// TestGolden compares every command's output on a terminal, off it and as JSON.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, c := range goldenCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			golden(t, c, "terminal", true, c.args)
			golden(t, c, "plain", false, c.args)
			if c.json {
				front, behind, dash := strings.Cut(c.args, " -- ")
				front += " --json"
				if dash {
					front += " -- " + behind
				}
				golden(t, c, "json", false, front)
			}
		})
	}
}

// tables are the cases with the widest tables of each command that prints one.
func tables() []string {
	return []string{
		"cluster list", "cluster describe", "cluster describe waiting", "cluster describe failed",
		"cluster events", "job list", "job describe", "job exceptions", "job checkpoints", "job metrics",
		"jar list", "worker list", "artifact list", "plan status", "plan status paused", "pod status",
		"debug offers", "debug state", "debug placement", "update package-versions",
	}
}

// TestTablesFit prints tables on a terminal of 80 columns: they leave out columns and fold texts, and no line is longer but for
// a single word.
func TestTablesFit(t *testing.T) {
	t.Parallel()
	shown := 0
	for _, c := range goldenCases() {
		if !slices.Contains(tables(), c.name) {
			continue
		}
		shown++
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(t *testing.T, w *world) {
				w.width = 80
				for line := range strings.SplitSeq(w.golden(t, c, "narrow", true, c.args).out, "\n") {
					if n := utf8.RuneCountInString(line); n > 80 && len(strings.Fields(line)) > 1 { // A word stays whole.
						t.Errorf("a line has %d columns: %s", n, line)
					}
				}
			})
		})
	}
	if shown != len(tables()) {
		t.Errorf("%d of the %d cases are there", shown, len(tables()))
	}
}

// golden runs one case in a world of its own.
func golden(t *testing.T, c goldenCase, mode string, tty bool, args string) {
	t.Helper()
	inWorld(t, func(t *testing.T, w *world) { w.golden(t, c, mode, tty, args) })
}

func (w *world) golden(t *testing.T, c goldenCase, mode string, tty bool, args string) result {
	t.Helper()
	for _, jar := range []string{"wordcount", "endless", "fails", "throws", "cancelled"} {
		w.file(t, jar+".jar", "PK "+jar)
	}
	w.file(t, "spec.yaml", "name: demo\nflinkVersion: \"1.20\"\ntaskManager:\n  memory: 2g\nflinkConfiguration:\n  parallelism.default: \"2\"\n")
	w.file(t, "watched.yaml", "name: app\nkind: application\nupgrade:\n  rollback: \"on\"\n  minHealthyTime: 5s\njob:\n  upgradeMode: savepoint\nflinkConfiguration:\n  execution.checkpointing.savepoint-dir: file:/savepoints\n")
	w.file(t, "flink-conf.yaml", "taskmanager.numberOfTaskSlots: 4\nmesos.resourcemanager.framework.role: prod\nmesos.resourcemanager.framework.secret: hidden\n"+
		"mesos.constraints.hard.hostattribute: disk:ssd\nparallelism.default: 8\nstate.backend: [\n")
	w.file(t, "config.yaml", "parallelism:\n  default: 8\npipeline.jars: [a, b]\nenv.java.opts.all: \"-Da='yes: no'\"\n")
	w.file(t, "deployment.yaml", deployment)
	w.file(t, "refused.yaml", refused)
	w.file(t, "app.json", `{"id": "/data/analytics", "cmd": "$FLINK_HOME/bin/mesos-appmaster.sh -Drest.port=$PORT0", "cpus": 0.5, "mem": 2048, "env": {"A": "yes"}}`)
	for _, line := range c.setup {
		if pause, ok := strings.CutPrefix(line, "sleep "); ok {
			d, err := time.ParseDuration(pause)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(d)
			continue
		}
		if r := w.run(t, false, "", strings.Fields(line)...); r.code != 0 && !strings.Contains(line, "fails") && !strings.Contains(line, "missing") {
			t.Fatalf("%s: exit code %d: %s", line, r.code, r.err)
		}
	}
	r := w.run(t, tty, c.stdin, strings.Fields(args)...)
	got := fmt.Sprintf("$ dcos flink %s\nexit code %d\n-- output --\n%s-- errors --\n%s", args, r.code, r.out, r.err)
	file := filepath.Join("testdata", "golden", strings.ReplaceAll(c.name, " ", "_")+"."+mode+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return r
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s mismatch (-want +got):\n%s", file, diff)
	}
	return r
}

// root returns the commands as they are put together.
func root(t *testing.T) *cobra.Command {
	t.Helper()
	return cli.NewRoot(&command.Factory{Streams: &terminal.Streams{}, Env: func(string) string { return "" }})
}

// leaves lists the commands that do something, without "dcos flink".
func leaves(cmd *cobra.Command) map[string]*cobra.Command {
	out := map[string]*cobra.Command{}
	for _, c := range cmd.Commands() {
		if c.HasSubCommands() {
			maps.Copy(out, leaves(c))
			if c.Example == "" { // It does nothing itself.
				continue
			}
		}
		out[strings.TrimPrefix(c.CommandPath(), "dcos flink ")] = c
	}
	return out
}

// TestEveryCommandIsGolden fails for a command without a golden case, and for one whose --json has none.
func TestEveryCommandIsGolden(t *testing.T) {
	t.Parallel()
	for path, cmd := range leaves(root(t)) {
		if path == "help" {
			continue
		}
		is := func(c goldenCase) bool { return c.args == path || strings.HasPrefix(c.args, path+" ") }
		if !slices.ContainsFunc(goldenCases(), is) {
			t.Errorf("%s has no golden case", path)
		}
		if cmd.Flags().Lookup("json") != nil && !slices.ContainsFunc(goldenCases(), func(c goldenCase) bool { return is(c) && c.json }) {
			t.Errorf("%s --json has no golden case", path)
		}
	}
}

// TestHelp checks that every command explains itself with examples, and that each line fits a terminal.
func TestHelp(t *testing.T) {
	t.Parallel()
	for path, cmd := range leaves(root(t)) {
		if path != "help" && (cmd.Example == "" || cmd.Long == "") {
			t.Errorf("%s: Long or Example is empty", path)
		}
		if strings.HasSuffix(cmd.Short, ".") || cmd.Short == "" {
			t.Errorf("%s: Short %q is empty or ends in a full stop", path, cmd.Short)
		}
		for line := range strings.Lines(cmd.Long) {
			if len([]rune(line)) > 140 {
				t.Errorf("%s: line of %d characters: %q", path, len(line), line)
			}
		}
		r := offline(t, append(strings.Fields(path), "--help")...)
		if r.code != command.ExitOK || !strings.Contains(r.out, "Usage:") || r.err != "" {
			t.Errorf("%s --help: exit code %d, errors %q", path, r.code, r.err)
		}
		r = offline(t, append([]string{"help"}, strings.Fields(path)...)...)
		if r.code != command.ExitOK {
			t.Errorf("help %s: exit code %d", path, r.code)
		}
	}
}
