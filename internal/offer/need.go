package offer

import (
	"fmt"
	"strconv"
)

// Need is what one task needs of one agent.
type Need struct {
	CPUs Milli
	// Mem and Disk are in MiB, as Mesos counts them.
	Mem  Milli
	Disk Milli
	GPUs Milli
	// Other is an amount of a scalar of the site's own, such as network bandwidth, and OtherName its name.
	Other     Milli
	OtherName string
	// Ports is how many host ports are needed.
	Ports int
	// Role is the role whose offers may be used; empty means any that we were offered.
	Role string
	// Revocable allows revocable resources, of each kind either all or none.
	Revocable bool
	// Reserve has everything but the ports reserved.
	Reserve bool
	// Volumes are persistent ones; those without a path are none.
	Volumes [MaxVolumes]Volume
}

// MaxVolumes bounds the persistent volumes of one task.
const MaxVolumes = 4

// Volume is a persistent volume that a task needs.
type Volume struct {
	// Path is where the task finds it.
	Path string
	// Size is in MiB.
	Size Milli
	// Source is PATH, MOUNT, or empty for the agent's work directory.
	Source string
}

// Reserved says whether any of it is to be reserved.
func (n Need) Reserved() bool { return n.Reserve || n.Volumes[0].Path != "" }

// volumes are those that are asked for.
func (n *Need) volumes() []Volume {
	i := 0
	for i < len(n.Volumes) && n.Volumes[i].Path != "" {
		i++
	}
	return n.Volumes[:i]
}

// String is a short form for people, such as "1 cpus, 1728 MiB mem, 3 ports".
func (n Need) String() string {
	s := n.CPUs.String() + " cpus, " + n.Mem.String() + " MiB mem"
	if n.Disk > 0 {
		s += ", " + n.Disk.String() + " MiB disk"
	}
	if n.GPUs > 0 {
		s += ", " + n.GPUs.String() + " gpus"
	}
	if n.Other > 0 {
		s += ", " + n.Other.String() + " " + n.OtherName
	}
	if n.Ports > 0 {
		s += ", " + strconv.Itoa(n.Ports) + " ports"
	}
	if v := n.volumes(); len(v) > 0 {
		var sum Milli
		for i := range v {
			sum += v[i].Size
		}
		s += ", " + strconv.Itoa(len(v)) + " volumes of " + sum.String() + " MiB"
	}
	return s
}

// Reason says what one agent lacks for a need. The zero value says that nothing is missing.
type Reason struct {
	// What is the resource or the rule: cpus, mem, disk, gpus, ports, role, or the name of a rule.
	What string
	// Wanted and Offered are the amounts, for a resource.
	Wanted, Offered Milli
	// Detail explains a rule.
	Detail string
}

// String is the reason in words, such as "cpus: 1 wanted, 0.5 offered".
func (r Reason) String() string {
	if r.Detail != "" {
		return r.What + ": " + r.Detail
	}
	return fmt.Sprintf("%s: %s wanted, %s offered", r.What, r.Amount(r.Wanted), r.Amount(r.Offered))
}

// Amount is an amount of the resource for people: memory and disk have their unit.
func (r Reason) Amount(m Milli) string {
	switch r.What {
	case "mem", "disk", "volume":
		return m.String() + " MiB"
	}
	return m.String()
}

// Placement is what a task takes of an agent.
type Placement struct {
	Pieces []Piece
	Ports  []uint64
	// Reserve are the pieces to be reserved first, as they are afterwards; Create are the volumes to be made of them
	// next. Both are for a new reservation only.
	Reserve, Create []Piece
}
