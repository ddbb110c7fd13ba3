package kubernetes

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// The API group of the operator, and the version of its objects.
const (
	group   = "flink.apache.org"
	Version = group + "/v1beta1"
)

// placed is a line with the row of the text that it is about.
type placed struct {
	row  int
	line Line
}

// translation is the work on one object.
type translation struct {
	o     Options
	root  *yaml.Node
	spec  spec.Spec
	lines []placed
	// config is flinkConfiguration as one map, with the field of each option.
	config  map[string]string
	options map[string]field
	// base, jobManager and taskManager are what the pod templates say.
	base, jobManager, taskManager pod
	// mode is native or standalone, replicas the number of TaskManagers that was asked for; 0 for none.
	mode     string
	replicas int
}

// IsObject says whether a document is one of Kubernetes' and not a spec: it has an apiVersion.
func IsObject(text []byte) bool {
	var head struct {
		APIVersion string `yaml:"apiVersion"`
	}
	return yaml.Unmarshal(text, &head) == nil && head.APIVersion != ""
}

// Read translates one document: an object, or a List of them as `kubectl get -o yaml` prints it. An error says that the
// document cannot be read at all. A FlinkSessionJob needs its session, and some snapshots their cluster: see Link.
func Read(text []byte, o Options) ([]Object, error) {
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, err
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("there are several documents: read one at a time")
	}
	if err := plain(&document); err != nil {
		return nil, err
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: the document is no object", root.Line)
	}
	kind := lookup(root, "kind")
	items := lookup(root, "items")
	if kind == nil || !strings.HasSuffix(kind.Value, "List") || items == nil {
		return []Object{read(root, o)}, nil
	}
	all := []Object{}
	for _, item := range items.Content {
		all = append(all, read(item, o))
	}
	return all, nil
}

// plain refuses anchors and aliases, with which a small text can stand for a large one, and names that are there twice.
func plain(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return fmt.Errorf("line %d: anchors and aliases (& and *) are not read here: write the value out", n.Line)
	}
	seen := map[string]bool{}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if seen[child.Value] {
				return fmt.Errorf("line %d: the field %s is there twice", child.Line, child.Value)
			}
			seen[child.Value] = true
		}
		if err := plain(child); err != nil {
			return err
		}
	}
	return nil
}

// read translates one object.
func read(root *yaml.Node, o Options) Object {
	t := &translation{o: o, root: root, config: map[string]string{}, options: map[string]field{}}
	top := field{t, "", root}
	got := Object{Kind: top.child("kind"), Name: top.child("metadata", "name"), Row: root.Line}
	api := top.child("apiVersion")
	switch {
	case !strings.HasPrefix(api, group+"/"):
		field{t, "kind", root}.refuse("objects of " + cmp.Or(api, "no apiVersion") + " have no meaning here: only those of " + Version + " are translated")
	case api != Version:
		field{t, "apiVersion", root}.refuse("is not " + Version + ", the version that is translated")
	case canary(root):
		field{t, "metadata.labels", root}.meaningless("is the operator's test of itself: GET /v1/health tells how the service is")
	case got.Kind == Deployment:
		t.deployment(top)
		got.Spec = &t.spec
	case got.Kind == SessionJob:
		t.sessionJob(top)
		if o.SessionJobs {
			got.Session = top.child("spec", "deploymentName")
		}
		got.Spec = &t.spec
	case got.Kind == Snapshot:
		got.Snapshot = t.snapshot(top)
	case got.Kind == "FlinkBlueGreenDeployment":
		field{t, "kind", root}.refuse("two deployments side by side are not made here: apply spec.template as a " + Deployment)
	default:
		field{t, "kind", root}.refuse("is not a kind that is known: use " + Deployment + ", " + SessionJob + " or " + Snapshot)
	}
	slices.SortStableFunc(t.lines, func(a, b placed) int { return cmp.Compare(a.row, b.row) })
	got.Lines = []Line{}
	for _, p := range t.lines {
		p.line.Field = strings.TrimPrefix(p.line.Field, ".")
		got.Lines = append(got.Lines, p.line)
	}
	return got
}

// canary says whether a deployment is one with which the operator watches itself; it has no spec.
func canary(root *yaml.Node) bool {
	label := lookup(root, "metadata", "labels", "flink.apache.org/canary")
	return label != nil && label.Value == "true"
}

// metadata reads what every object has beside its spec.
func (t *translation) metadata(f field) {
	snapshot := field{t, "", t.root}.child("kind") == Snapshot
	f.each(handlers{
		"name": func(f field) {
			name, ok := f.text()
			switch {
			case !ok:
			case snapshot:
				f.meaningless("a snapshot gets its name from the service")
			default:
				t.spec.Name = name
				f.keep("name", "")
			}
		},
		"namespace": nothing("there are no namespaces: the name of a cluster is unique in the service"),
		"labels": func(f field) {
			if snapshot {
				f.meaningless("snapshots have no labels")
			} else if t.labels(f, &t.spec.Labels) {
				f.keep("labels", "are those of the tasks as well: a change of them restarts the cluster")
			}
		},
		"annotations":       nothing("annotations are notes for Kubernetes' tools"),
		"finalizers":        nothing(byKubernetes),
		"generation":        nothing(byKubernetes),
		"creationTimestamp": nothing(byKubernetes),
		"managedFields":     nothing(byKubernetes),
		"resourceVersion":   nothing(byKubernetes),
		"uid":               nothing(byKubernetes),
		"selfLink":          nothing(byKubernetes),
		"ownerReferences":   nothing(byKubernetes),
		"deletionTimestamp": nothing(byKubernetes), "deletionGracePeriodSeconds": nothing(byKubernetes),
		"generateName": never("a cluster needs a name that is the same every time: set metadata.name"),
	})
}

const byKubernetes = "is kept by Kubernetes for itself"

// labels adds names and texts to a map.
func (t *translation) labels(f field, to *map[string]string) bool {
	good := true
	f.all(func(name string, child field) {
		value, ok := child.text()
		if !ok {
			good = false
			return
		}
		if *to == nil {
			*to = map[string]string{}
		}
		(*to)[name] = value
	})
	return good
}

// object is what every object has around its spec.
func (t *translation) object(top field, spec func(field)) {
	top.each(handlers{
		"apiVersion": func(field) {}, "kind": func(field) {},
		"metadata": t.metadata,
		"spec":     spec,
		"status":   nothing("is what the operator observed; the state of the job is in its snapshots"),
	})
	if lookup(top.node, "metadata", "name") == nil {
		field{t, "metadata.name", top.node}.refuse("is missing")
	}
	if lookup(top.node, "spec") == nil {
		field{t, "spec", top.node}.refuse("is missing")
	}
}
