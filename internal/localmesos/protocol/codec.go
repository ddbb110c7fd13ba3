// Package protocol is the v1 HTTP API of Mesos as it goes over the wire: bodies in JSON and protobuf, the frames of an
// event stream, offer constraints, and what a master refuses of a call by itself, in its words.
package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/gogo/protobuf/proto"
)

// Media types of the v1 API.
const (
	MediaJSON     = "application/json"
	mediaProtobuf = "application/x-protobuf"
)

// Encode writes a message in a media type. Mesos' JSON leaves out what is not set, also empty
// lists, which the generated encoder writes.
func Encode(m proto.Message, media string) ([]byte, error) {
	if media == mediaProtobuf {
		return proto.Marshal(m)
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", m, err)
	}
	var tree any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("encode %T: %w", m, err)
	}
	return json.Marshal(prune(tree, ""))
}

// listed are the parts of operator responses whose empty lists the master does write.
var listed = map[string]bool{"get_tasks": true, "get_executors": true, "get_frameworks": true, "get_agents": true, "list_files": true}

// prune removes what stands for "not set": null, and empty lists; and it names the
// capabilities that mesos-go knows by number only. key is where v stands.
func prune(v any, key string) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if l, ok := e.([]any); e == nil || ok && len(l) == 0 && !listed[key] {
				delete(v, k)
				continue
			}
			v[k] = prune(e, k)
		}
		if key == "capabilities" {
			switch v["type"] {
			case "3":
				v["type"] = "QUOTA_V2"
			case "8":
				v["type"] = "TASK_RESOURCE_LIMITS"
			}
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i], key)
		}
	}
	return v
}

// writeRecord frames a message for the stream: its length in decimal, a newline, the bytes.
func writeRecord(w io.Writer, data []byte) error {
	frame := append(strconv.AppendInt(nil, int64(len(data)), 10), '\n')
	_, err := w.Write(append(frame, data...))
	return err
}
