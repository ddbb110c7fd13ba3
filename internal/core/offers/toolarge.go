package offers

import (
	"fmt"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// TooLarge names the sizes in a spec that no agent has shown to have: more than each of the known agents last offered and
// tasks of this service use there. What other frameworks use is not known, so that it is a remark and no refusal. It is empty
// while no agent is known.
func TooLarge(s *state.State, sp spec.Spec) []string {
	type amounts struct{ cpus, mem, disk, gpus offer.Milli }
	known := make(map[string]*amounts)
	it := s.Agents.Root().Iterator()
	for _, a, ok := it.Next(); ok; _, a, ok = it.Next() {
		for _, snapshot := range a.Snapshots {
			offered := offer.NewAgent(snapshot.Offers...)
			k := known[a.ID]
			if k == nil {
				k = &amounts{}
				known[a.ID] = k
			}
			k.cpus, k.mem = max(k.cpus, offered.Free("cpus")), max(k.mem, offered.Free("mem"))
			k.disk, k.gpus = max(k.disk, offered.Free("disk")), max(k.gpus, offered.Free("gpus"))
		}
	}
	tasks := s.Tasks.Root().Iterator()
	for _, t, ok := tasks.Next(); ok; _, t, ok = tasks.Next() {
		if k := known[t.AgentID]; k != nil && t.State != task.Unreachable {
			n := s.Need(state.NewCluster(state.ClusterRecord{}), t.Kind, t.Resources)
			k.cpus, k.mem, k.disk, k.gpus = k.cpus+n.CPUs, k.mem+n.Mem, k.disk+n.Disk, k.gpus+n.GPUs
		}
	}
	if len(known) == 0 {
		return nil
	}
	var most amounts
	for _, k := range known {
		most.cpus, most.mem, most.disk, most.gpus = max(most.cpus, k.cpus), max(most.mem, k.mem), max(most.disk, k.disk), max(most.gpus, k.gpus)
	}
	var notes []string
	check := func(field, unit string, wanted, most offer.Milli) {
		if wanted > most {
			notes = append(notes, fmt.Sprintf("%s: no agent is known to have %s%s; the most is %s%s, on %d agents", field, wanted, unit, most, unit, len(known)))
		}
	}
	c := state.NewCluster(state.ClusterRecord{Spec: sp})
	for _, r := range []struct {
		field     string
		kind      spec.TaskKind
		resources spec.Resources
	}{{"jobManager", spec.JobManagerTask, sp.JobManager.Resources}, {"taskManager", spec.TaskManagerTask, sp.TaskManager.Resources}} {
		n := s.Need(c, r.kind, r.resources)
		check(r.field+".cpus", "", n.CPUs, most.cpus)
		check(r.field+".memory", " MiB", n.Mem, most.mem)
		check(r.field+".disk", " MiB", n.Disk, most.disk)
		check(r.field+".gpus", "", n.GPUs, most.gpus)
	}
	return notes
}
