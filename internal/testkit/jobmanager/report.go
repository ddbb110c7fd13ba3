package jobmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
)

// report reads a report with the checks of Json.java, in their order.
func report(body []byte) (driver.Report, error) {
	if !json.Valid(body) {
		return driver.Report{}, errors.New("the body is not JSON")
	}
	var root map[string]json.RawMessage
	if err := json.Unmarshal(body, &root); err != nil || root == nil {
		return driver.Report{}, errors.New("the body is not a JSON object")
	}
	var r driver.Report
	if err := json.Unmarshal(orNull(root["sequence"]), &r.Sequence); err != nil || root["sequence"] == nil || r.Sequence < 0 {
		return r, errors.New("sequence: a number of at least 0 is needed")
	}
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(orNull(root["workers"]), &list); err != nil || list == nil {
		return r, errors.New("workers: a list is needed, empty when there are none")
	}
	for _, node := range list {
		s, err := status(node)
		if err != nil {
			return r, err
		}
		r.Workers = append(r.Workers, s)
	}
	var err error
	if r.Epoch, err = text(root, "epoch", "epoch"); err != nil {
		return r, err
	}
	_ = json.Unmarshal(orNull(root["finishedSeen"]), &r.FinishedSeen) // What is not a bool is false.
	return r, nil
}

func status(node map[string]json.RawMessage) (driver.WorkerStatus, error) {
	var s driver.WorkerStatus
	state, err := text(node, "workers.state", "state")
	if err != nil {
		return s, err
	}
	s.State = driver.State(state)
	known := []driver.State{driver.Waiting, driver.Launching, driver.Running, driver.Terminated}
	if !slices.Contains(known, s.State) {
		return s, fmt.Errorf("workers.state: \"%s\" is none of waiting, launching, running, terminated", state)
	}
	s.Message, _ = text(node, "", "message") // Absent is empty.
	s.Host, _ = text(node, "", "host")
	_ = json.Unmarshal(orNull(node["surplus"]), &s.Surplus) // What is not a bool is false.
	s.ID, err = text(node, "workers.id", "id")
	return s, err
}

func text(node map[string]json.RawMessage, path, field string) (string, error) {
	var s string
	if err := json.Unmarshal(orNull(node[field]), &s); err != nil || s == "" {
		return "", fmt.Errorf("%s: a text is needed", path)
	}
	return s, nil
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}
