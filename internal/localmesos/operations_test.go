package localmesos_test

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
)

// diskOf is a reserved disk of an offer, a volume when it has an id.
func diskOf(o mesos.Offer, size float64, volume string, change ...func(*mesos.Resource)) mesos.Resource {
	r := scalar(resources.NameDisk, size)
	role := o.AllocationInfo.GetRole()
	r.Allocate(role)
	r.Reservations = []mesos.Resource_ReservationInfo{{Type: mesos.Resource_ReservationInfo_DYNAMIC.Enum(), Role: &role, Principal: new("p")}}
	if volume != "" {
		r.Disk = &mesos.Resource_DiskInfo{
			Persistence: &mesos.Resource_DiskInfo_Persistence{ID: volume, Principal: new("p")},
			Volume:      &mesos.Volume{Mode: mesos.RW.Enum(), ContainerPath: "state"},
		}
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func operation(kind mesos.Offer_Operation_Type, rs ...mesos.Resource) mesos.Offer_Operation {
	op := mesos.Offer_Operation{Type: kind}
	switch kind {
	case mesos.Offer_Operation_RESERVE:
		op.Reserve = &mesos.Offer_Operation_Reserve{Resources: rs}
	case mesos.Offer_Operation_UNRESERVE:
		op.Unreserve = &mesos.Offer_Operation_Unreserve{Resources: rs}
	case mesos.Offer_Operation_CREATE:
		op.Create = &mesos.Offer_Operation_Create{Volumes: rs}
	default:
		op.Destroy = &mesos.Offer_Operation_Destroy{Volumes: rs}
	}
	return op
}

// disks lists the disks of offers: "64 reserved vol1".
func disks(offers []mesos.Offer) map[string]float64 {
	out := map[string]float64{}
	for _, o := range offers {
		for _, r := range o.Resources {
			if r.Name == "disk" {
				key := "free"
				if len(r.Reservations) > 0 {
					key = "reserved"
				}
				if r.IsPersistentVolume() {
					key = r.Disk.Persistence.ID
				}
				out[key] += r.GetScalar().GetValue()
			}
		}
	}
	return out
}

func TestVolumes(t *testing.T) {
	const (
		reserve, unreserve = mesos.Offer_Operation_RESERVE, mesos.Offer_Operation_UNRESERVE
		create, destroy    = mesos.Offer_Operation_CREATE, mesos.Offer_Operation_DESTROY
	)
	readOnly := func(r *mesos.Resource) { r.Disk.Volume.Mode = mesos.RO.Enum() }
	hostPath := func(r *mesos.Resource) { r.Disk.Volume.HostPath = new("/x") }
	stranger := func(r *mesos.Resource) { r.Disk.Persistence.Principal = new("other") }
	tests := []struct {
		name string
		ops  func(o mesos.Offer) []mesos.Offer_Operation
		want map[string]float64
	}{
		{"reserved and made at once", func(o mesos.Offer) []mesos.Offer_Operation {
			return []mesos.Offer_Operation{operation(reserve, diskOf(o, 100, "")), operation(create, diskOf(o, 64, "v"))}
		}, map[string]float64{"free": 924, "reserved": 36, "v": 64}},
		{"made and destroyed and given back", func(o mesos.Offer) []mesos.Offer_Operation {
			return []mesos.Offer_Operation{
				operation(reserve, diskOf(o, 64, "")), operation(create, diskOf(o, 64, "v")),
				operation(destroy, diskOf(o, 64, "v")), operation(unreserve, diskOf(o, 64, "")),
			}
		}, map[string]float64{"free": 1024}},
		{"of a disk that is not reserved", func(o mesos.Offer) []mesos.Offer_Operation {
			return []mesos.Offer_Operation{operation(create, diskOf(o, 64, "v"))}
		}, map[string]float64{"free": 1024}},
		{"larger than what is reserved", func(o mesos.Offer) []mesos.Offer_Operation {
			return []mesos.Offer_Operation{operation(reserve, diskOf(o, 32, "")), operation(create, diskOf(o, 64, "v"))}
		}, map[string]float64{"free": 992, "reserved": 32}},
		{"twice", func(o mesos.Offer) []mesos.Offer_Operation {
			return []mesos.Offer_Operation{
				operation(reserve, diskOf(o, 128, "")), operation(create, diskOf(o, 64, "v")), operation(create, diskOf(o, 64, "v")),
			}
		}, map[string]float64{"free": 896, "reserved": 64, "v": 64}},
		{"a volume is not unreserved", func(o mesos.Offer) []mesos.Offer_Operation {
			return []mesos.Offer_Operation{
				operation(reserve, diskOf(o, 64, "")), operation(create, diskOf(o, 64, "v")), operation(unreserve, diskOf(o, 64, "v")),
			}
		}, map[string]float64{"free": 960, "v": 64}},
		{"read-only, with a path of the host, of another principal", func(o mesos.Offer) []mesos.Offer_Operation {
			return []mesos.Offer_Operation{
				operation(reserve, diskOf(o, 64, "")), operation(create, diskOf(o, 64, "v", readOnly)),
				operation(create, diskOf(o, 64, "v", hostPath)), operation(create, diskOf(o, 64, "v", stranger)),
			}
		}, map[string]float64{"free": 960, "reserved": 64}},
		{"reserved by another principal", func(o mesos.Offer) []mesos.Offer_Operation {
			return []mesos.Offer_Operation{operation(reserve, diskOf(o, 64, "", func(r *mesos.Resource) { r.Reservations[0].Principal = new("other") }))}
		}, map[string]float64{"free": 1024}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, localmesos.Options{})
				o := small()
				o.DiskMiB = 1024
				w.agent(o)
				info := framework("web")
				info.Principal = new("p")
				c := w.subscribe(info)
				offers := c.allocate()
				c.accept(offers, tt.ops(offers[0])...)
				if diff := cmp.Diff(tt.want, disks(c.allocate())); diff != "" {
					t.Errorf("disks (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestRevocableResources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		o := small()
		spare := scalar(resources.NameCPUs, 2)
		spare.Revocable = &mesos.Resource_RevocableInfo{}
		o.Resources = mesos.Resources{scalar(resources.NameCPUs, 4), scalar(resources.NameMem, 4096), spare}
		w.agent(o)
		offers := w.subscribe(framework()).allocate()
		if amount(offers[0], "cpus") != 4 {
			t.Fatalf("offers %v, want no revocable cpus", offers)
		}
		w.agent(o)
		info := framework()
		info.Capabilities = append(info.Capabilities, mesos.FrameworkInfo_Capability{Type: mesos.FrameworkInfo_Capability_REVOCABLE_RESOURCES})
		c := w.subscribe(info)
		offers = c.allocate()[1:]
		var both []mesos.Resource
		for _, r := range offers[0].Resources {
			if r.Name == "cpus" {
				r.Scalar = &mesos.Value_Scalar{Value: 1}
				both = append(both, r)
			}
		}
		if len(both) != 2 {
			t.Fatalf("offers %v, want revocable cpus too", offers)
		}
		mixed, spareOnly := task(offers[0], "mixed", 1, 256), task(offers[0], "spare", 1, 256)
		mixed.Resources = append(both, mixed.Resources[1:]...)
		for _, r := range both {
			if r.Revocable != nil {
				spareOnly.Resources[0] = r
			}
		}
		c.accept(offers, launchOf(mixed, spareOnly))
		if diff := cmp.Diff([]string{"mixed=TASK_ERROR", "spare=TASK_STARTING", "spare=TASK_RUNNING"}, states(c.acknowledge())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
	})
}

func TestLimits(t *testing.T) {
	tests := []struct {
		name   string
		limits map[string]float64
		want   string
	}{
		{"above", map[string]float64{"cpus": 2, "mem": 512}, "TASK_STARTING"},
		{"cpus below", map[string]float64{"cpus": 0.5}, "TASK_ERROR"},
		{"mem below", map[string]float64{"mem": 128}, "TASK_ERROR"},
		{"of a disk", map[string]float64{"disk": 128}, "TASK_ERROR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, localmesos.Options{})
				w.agent(small())
				c := w.subscribe(framework())
				offers := c.allocate()
				info := task(offers[0], "a", 1, 256)
				info.Limits = map[string]mesos.Value_Scalar{}
				for name, v := range tt.limits {
					info.Limits[name] = mesos.Value_Scalar{Value: v}
				}
				c.accept(offers, launchOf(info))
				if got := states(c.acknowledge()); len(got) == 0 || got[0] != "a="+tt.want {
					t.Errorf("states %v, want %s", got, tt.want)
				}
			})
		})
	}
}
