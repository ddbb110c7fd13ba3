package localmesos

import (
	"net/http"

	"github.com/mesos/mesos-go/api/v1/lib/master"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/report"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/sandbox"
)

// operator serves /api/v1 of the master.
func (m *Master) operator(w http.ResponseWriter, r *http.Request) {
	if m.notReady(w, r) {
		return
	}
	if _, ok := m.principal(r); !ok {
		m.unauthorized(w, "mesos-master-readwrite")
		return
	}
	call := new(master.Call)
	if !protocol.ReadOperatorCall(w, r, call) {
		return
	}
	response := &master.Response{}
	switch call.GetType() {
	case master.Call_GET_HEALTH:
		response.Type, response.GetHealth = master.Response_GET_HEALTH, &master.Response_GetHealth{Healthy: true}
	case master.Call_GET_VERSION:
		response.Type, response.GetVersion = master.Response_GET_VERSION, &master.Response_GetVersion{VersionInfo: m.view().VersionInfo()}
	case master.Call_GET_MASTER:
		started := protocol.Seconds(m.started)
		response.Type = master.Response_GET_MASTER
		response.GetMaster = &master.Response_GetMaster{MasterInfo: m.masterInfo(), StartTime: &started, ElectedTime: &started}
	case master.Call_GET_AGENTS, master.Call_GET_FRAMEWORKS, master.Call_GET_TASKS, master.Call_GET_EXECUTORS, master.Call_GET_STATE:
		m.mu.Lock()
		m.view().Describe(call.GetType(), response)
		m.mu.Unlock()
	case master.Call_TEARDOWN:
		if call.Teardown == nil {
			protocol.Plain(w, http.StatusBadRequest, "Failed to validate master::Call: Expecting 'teardown' to be present")
			return
		}
		if err := m.Teardown(call.Teardown.FrameworkID.Value); err != nil {
			protocol.Plain(w, http.StatusBadRequest, err.Error())
		}
		return
	case master.Call_GET_MAINTENANCE_SCHEDULE:
		m.mu.Lock()
		response.Type = master.Response_GET_MAINTENANCE_SCHEDULE
		response.GetMaintenanceSchedule = &master.Response_GetMaintenanceSchedule{Schedule: m.view().Schedule()}
		m.mu.Unlock()
	case master.Call_UPDATE_MAINTENANCE_SCHEDULE, master.Call_DRAIN_AGENT, master.Call_DEACTIVATE_AGENT, master.Call_REACTIVATE_AGENT:
		if err := m.maintain(call); err != nil {
			protocol.Plain(w, http.StatusBadRequest, err.Error())
		}
		return
	case master.Call_LIST_FILES, master.Call_READ_FILE:
		// A master has no sandboxes, and this one writes no log file.
		protocol.Plain(w, http.StatusNotFound, "")
		return
	case master.Call_UNKNOWN:
		protocol.Plain(w, http.StatusBadRequest, "Failed to validate master::Call: Expecting 'type' to be present")
		return
	default:
		protocol.Plain(w, http.StatusNotImplemented, "The local master does not perform "+call.GetType().String())
		return
	}
	protocol.Answer(w, r, response)
}

// view is what operators see.
func (m *Master) view() *report.View {
	return &report.View{Registry: m.registry, Info: m.masterInfo(), Started: m.started, AllocationInterval: m.o.AllocationInterval}
}

// sandboxes serves what the agents' runtimes keep of their tasks.
func (m *Master) sandboxes() *sandbox.Server {
	return &sandbox.Server{Agents: m.filesOfAgents, Version: m.view().VersionInfo}
}

func (m *Master) filesOfAgents() (all []executor.Files) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range m.registry.Order {
		if a := m.registry.Agents[id]; a != nil && a.Connected && !a.Killed {
			if f, ok := a.Runtime.(executor.Files); ok {
				all = append(all, f)
			}
		}
	}
	return all
}
