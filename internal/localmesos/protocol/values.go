package protocol

import (
	"crypto/rand"
	"fmt"
	"net"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Domain is a fault domain.
func Domain(region, zone string) *mesos.DomainInfo {
	return &mesos.DomainInfo{FaultDomain: &mesos.DomainInfo_FaultDomain{
		Region: mesos.DomainInfo_FaultDomain_RegionInfo{Name: region},
		Zone:   mesos.DomainInfo_FaultDomain_ZoneInfo{Name: zone},
	}}
}

// HostPort takes an address apart; the port is 0 when there is none.
func HostPort(address string) (string, int32) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return address, 0
	}
	var port int32
	_, _ = fmt.Sscanf(text, "%d", &port)
	return host, port
}

// LittleEndian is an IPv4 address as the number that MasterInfo.ip holds.
func LittleEndian(host string) uint32 {
	ip := net.ParseIP(host).To4()
	if ip == nil {
		return 0
	}
	return uint32(ip[0]) | uint32(ip[1])<<8 | uint32(ip[2])<<16 | uint32(ip[3])<<24
}

// NewUUID draws a version 4 UUID.
func NewUUID() string {
	b := NewUUIDBytes()
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// NewUUIDBytes draws the 16 bytes of a version 4 UUID.
func NewUUIDBytes() []byte {
	b := make([]byte, 16)
	rand.Read(b) // It never fails.
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return b
}

// Seconds is a time as Mesos writes it.
func Seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// Nanoseconds is a time as messages hold it.
func Nanoseconds(t time.Time) *mesos.TimeInfo { return &mesos.TimeInfo{Nanoseconds: t.UnixNano()} }

// WithRole writes unreserved resources as the operator API does, with the role that the
// scheduler API leaves out.
func WithRole(rs mesos.Resources) []mesos.Resource {
	out := rs.Clone()
	role := "*"
	for i := range out {
		if len(out[i].Reservations) == 0 {
			out[i].Role = &role
		}
	}
	return out
}
