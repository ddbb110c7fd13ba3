package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
)

// VolumeMode says what a task may do with a volume.
type VolumeMode string

// The modes of a volume.
const (
	ReadWrite VolumeMode = "RW"
	ReadOnly  VolumeMode = "RO"
)

// Volume is a directory or file that a task finds in its container.
type Volume struct {
	// ContainerPath is where the task finds it: absolute, or relative to the sandbox.
	ContainerPath string `json:"containerPath"`
	// HostPath is on the agent: absolute, or relative to the sandbox, where it is made.
	HostPath string `json:"hostPath,omitempty"`
	// Mode is RW or RO; empty means RW.
	Mode VolumeMode `json:"mode,omitempty"`
	// External is a volume of a Docker volume driver, instead of HostPath.
	External *ExternalVolume `json:"external,omitempty"`
}

// ExternalVolume is a volume that a volume driver of the agent knows.
type ExternalVolume struct {
	// Driver is the driver's name, such as rexray or pxd.
	Driver string `json:"driver"`
	Name   string `json:"name"`
	// Options are the driver's.
	Options map[string]string `json:"options,omitempty"`
}

// Volumes are the volumes of a container. In JSON they are a list of volumes, or one text in the form
// of flink-mesos; see ParseVolumes.
type Volumes []Volume

// UnmarshalJSON reads either form.
func (v *Volumes) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		list, err := ParseVolumes(text)
		*v = list
		return err
	}
	var list []Volume
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*v = list
	return nil
}

// ParseVolumes reads volumes in the form of flink-mesos: [host path:]container path[:RO|RW], separated by
// commas. A volume without a host path is a directory that is made in the sandbox.
func ParseVolumes(text string) (Volumes, error) {
	var all Volumes
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	for entry := range strings.SplitSeq(text, ",") {
		v, err := parseVolume(strings.TrimSpace(entry))
		if err != nil {
			return nil, fmt.Errorf("volume %s: %w", quote(entry), err)
		}
		all = append(all, v)
	}
	return all, nil
}

func parseVolume(entry string) (Volume, error) {
	parts := strings.Split(entry, ":")
	v := Volume{Mode: ReadWrite}
	if last := strings.ToUpper(parts[len(parts)-1]); len(parts) > 1 && (last == string(ReadOnly) || last == string(ReadWrite)) {
		v.Mode, parts = VolumeMode(last), parts[:len(parts)-1]
	}
	switch len(parts) {
	case 1:
		v.ContainerPath = parts[0]
		v.HostPath = "volumes/" + strings.ReplaceAll(strings.Trim(path.Clean(parts[0]), "/"), "/", "-")
	case 2:
		v.HostPath, v.ContainerPath = parts[0], parts[1]
	default:
		return v, errors.New("write host path:container path:RO or RW")
	}
	if v.HostPath == "" || v.ContainerPath == "" {
		return v, errors.New("a path is missing: write host path:container path:RO or RW")
	}
	return v, nil
}
