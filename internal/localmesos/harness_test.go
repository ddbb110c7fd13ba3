package localmesos_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogo/protobuf/proto"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/recordio"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
)

// masterAddress is what a master on a pipe says that its address is; it is that of the recordings.
const masterAddress = "127.0.0.1:15050"

// pipes is a network of one listener in memory. All that happens on it is seen by synctest, so that tests
// of heartbeats, retries and timeouts run in virtual time.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes { return &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { p.once.Do(func() { close(p.closed) }); return nil }

func (p *pipes) Addr() net.Addr { return pipeAddress{} }

type pipeAddress struct{}

func (pipeAddress) Network() string { return "tcp" }

func (pipeAddress) String() string { return masterAddress }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.accepted <- server:
		return client, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// world is a master in a bubble of virtual time, and who talks to it.
type world struct {
	testing.TB
	*localmesos.Master
	http *http.Client
}

// newWorld starts a master that allocates only when a test says so, unless o asks for an interval. It is
// for use in synctest.Test.
func newWorld(t testing.TB, o localmesos.Options) *world {
	t.Helper()
	p := newPipes()
	o.Listener = p
	if o.AllocationInterval == 0 {
		o.AllocationInterval = 1e6 * time.Hour
	}
	m, err := localmesos.New(o)
	if err != nil {
		t.Fatalf("New() error: %v", err)
	}
	if o.AllocationInterval == 1e6*time.Hour {
		m.SetShortestFilter(0)
	}
	transport := &http.Transport{DialContext: p.dial, DisableCompression: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := m.Close(); err != nil {
			t.Errorf("Close() error: %v", err)
		}
		transport.CloseIdleConnections()
	})
	noRedirects := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &world{TB: t, Master: m, http: &http.Client{Transport: transport, CheckRedirect: noRedirects}}
}

// agent adds an agent of some size and returns its id and its scripted runtime.
func (w *world) agent(o localmesos.AgentOptions) (string, *executor.Scripted) {
	w.Helper()
	var s *executor.Scripted
	make := executor.NewScripted(nil)
	if o.Runtime != nil {
		make = o.Runtime
	}
	o.Runtime = func(id string) (executor.Runtime, error) {
		r, err := make(id)
		s, _ = r.(*executor.Scripted)
		return r, err
	}
	id, err := w.AddAgent(o)
	if err != nil {
		w.Fatalf("AddAgent() error: %v", err)
	}
	return id, s
}

// small is an agent of 4 cpus, 4096 MiB and ports.
func small() localmesos.AgentOptions {
	return localmesos.AgentOptions{CPUs: 4, MemMiB: 4096, DiskMiB: 8192, Ports: [2]uint64{31000, 31099}}
}

// client is a scheduler that speaks protobuf.
type client struct {
	w      *world
	id     string
	stream string
	stop   context.CancelFunc

	mu     sync.Mutex
	queue  []scheduler.Event
	ended  bool
	status int
	body   string
}

// framework is a FrameworkInfo with the capabilities that the service has.
func framework(roles ...string) *mesos.FrameworkInfo {
	if len(roles) == 0 {
		roles = []string{"*"}
	}
	timeout := 60.0
	return &mesos.FrameworkInfo{
		User: "", Name: "test", Roles: roles, FailoverTimeout: &timeout,
		Capabilities: []mesos.FrameworkInfo_Capability{
			{Type: mesos.FrameworkInfo_Capability_MULTI_ROLE},
			{Type: mesos.FrameworkInfo_Capability_PARTITION_AWARE},
			{Type: mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT},
		},
	}
}

// subscribe opens a stream. Unless it was refused, SUBSCRIBED and the first HEARTBEAT are taken off it.
func (w *world) subscribe(info *mesos.FrameworkInfo, suppressed ...string) *client {
	w.Helper()
	call := &scheduler.Call{
		Type: scheduler.Call_SUBSCRIBE, FrameworkID: info.ID,
		Subscribe: &scheduler.Call_Subscribe{FrameworkInfo: info, SuppressedRoles: suppressed},
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &client{w: w, stop: stop}
	response := w.post(ctx, "/api/v1/scheduler", call, nil)
	c.status, c.stream = response.StatusCode, response.Header.Get("Mesos-Stream-Id")
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.read(response.Body)
	}()
	w.Cleanup(func() { stop(); <-done })
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) >= 2 && c.queue[0].GetType() == scheduler.Event_SUBSCRIBED {
		c.id = c.queue[0].Subscribed.FrameworkID.Value
		info.ID = &mesos.FrameworkID{Value: c.id}
		c.queue = c.queue[2:]
	}
	return c
}

func (w *world) post(ctx context.Context, path string, m proto.Message, header http.Header) *http.Response {
	w.Helper()
	body, err := proto.Marshal(m)
	if err != nil {
		w.Fatalf("Marshal() error: %v", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+masterAddress+path, bytes.NewReader(body))
	if err != nil {
		w.Fatalf("NewRequest() error: %v", err)
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("Accept", "application/x-protobuf")
	maps.Copy(r.Header, header)
	response, err := w.http.Do(r)
	if err != nil {
		w.Fatalf("POST %s error: %v", path, err)
	}
	return response
}

func (c *client) read(body io.ReadCloser) {
	defer body.Close()
	if c.status != http.StatusOK {
		data, _ := io.ReadAll(body)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.body, c.ended = string(data), true
		return
	}
	frames := recordio.NewReader(body, recordio.MaxMessageSize(64<<20))
	for {
		frame, err := frames.ReadFrame()
		var e scheduler.Event
		if err == nil {
			err = proto.Unmarshal(frame, &e)
		}
		c.mu.Lock()
		if err != nil {
			c.ended = true
			c.mu.Unlock()
			return
		}
		c.queue = append(c.queue, e)
		c.mu.Unlock()
	}
}

// take waits until all is quiet and returns the events since the last take.
func (c *client) take() []scheduler.Event {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.queue
	c.queue = nil
	return out
}

// over waits until all is quiet and says whether the stream has ended.
func (c *client) over() bool {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// leave drops the connection, as a scheduler that dies.
func (c *client) leave() { c.stop(); synctest.Wait() }

// do performs a call and wants it accepted.
func (c *client) do(call *scheduler.Call) {
	c.w.Helper()
	if status, text := c.try(call); status != http.StatusAccepted && status != http.StatusOK {
		c.w.Fatalf("%s: status %d: %s", call.Type, status, text)
	}
}

// try performs a call and returns the answer.
func (c *client) try(call *scheduler.Call) (int, string) {
	c.w.Helper()
	call.FrameworkID = &mesos.FrameworkID{Value: c.id}
	response := c.w.post(context.Background(), "/api/v1/scheduler", call, http.Header{"Mesos-Stream-Id": {c.stream}})
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		c.w.Fatalf("read answer: %v", err)
	}
	synctest.Wait()
	return response.StatusCode, string(data)
}

// allocate makes a round of offers and returns those that c got; all other events must have been taken.
func (c *client) allocate() []mesos.Offer {
	c.w.Helper()
	c.w.Allocate()
	return c.offers()
}

func (c *client) offers() []mesos.Offer {
	c.w.Helper()
	var out []mesos.Offer
	for _, e := range c.take() {
		switch e.GetType() {
		case scheduler.Event_OFFERS:
			out = append(out, e.Offers.Offers...)
		case scheduler.Event_HEARTBEAT:
		default:
			c.w.Fatalf("unexpected %s: %v", e.Type, e)
		}
	}
	return out
}

// updates takes the events and returns the statuses among them; offers and heartbeats are dropped.
func (c *client) updates() []mesos.TaskStatus {
	var out []mesos.TaskStatus
	for _, e := range c.take() {
		if e.GetType() == scheduler.Event_UPDATE {
			out = append(out, e.Update.Status)
		}
	}
	return out
}

// acknowledge takes updates and acknowledges them until there are no more, and returns them all.
func (c *client) acknowledge() []mesos.TaskStatus {
	c.w.Helper()
	var all []mesos.TaskStatus
	for {
		updates := c.updates()
		if len(updates) == 0 {
			return all
		}
		for _, s := range updates {
			all = append(all, s)
			if len(s.UUID) > 0 {
				c.ack(s)
			}
		}
	}
}

func (c *client) ack(s mesos.TaskStatus) {
	c.w.Helper()
	c.do(&scheduler.Call{Type: scheduler.Call_ACKNOWLEDGE, Acknowledge: &scheduler.Call_Acknowledge{
		AgentID: *s.AgentID, TaskID: s.TaskID, UUID: s.UUID,
	}})
}

func filters(d time.Duration) *mesos.Filters {
	s := d.Seconds()
	return &mesos.Filters{RefuseSeconds: &s}
}

func (c *client) decline(refuse *mesos.Filters, offers ...mesos.Offer) {
	c.w.Helper()
	c.do(&scheduler.Call{Type: scheduler.Call_DECLINE, Decline: &scheduler.Call_Decline{OfferIDs: idsOf(offers), Filters: refuse}})
}

func idsOf(offers []mesos.Offer) []mesos.OfferID {
	var ids []mesos.OfferID
	for _, o := range offers {
		ids = append(ids, o.ID)
	}
	return ids
}

// launch accepts an offer with tasks of 1 cpu and 256 MiB each, and no filter for the rest.
func (c *client) launch(o mesos.Offer, ids ...string) {
	c.w.Helper()
	var tasks []mesos.TaskInfo
	for _, id := range ids {
		tasks = append(tasks, task(o, id, 1, 256))
	}
	c.accept([]mesos.Offer{o}, mesos.Offer_Operation{Type: mesos.Offer_Operation_LAUNCH, Launch: &mesos.Offer_Operation_Launch{TaskInfos: tasks}})
}

func (c *client) accept(offers []mesos.Offer, operations ...mesos.Offer_Operation) {
	c.w.Helper()
	c.do(&scheduler.Call{Type: scheduler.Call_ACCEPT, Accept: &scheduler.Call_Accept{
		OfferIDs: idsOf(offers), Operations: operations, Filters: filters(0),
	}})
}

// task is a task of some cpus and MiB from an offer.
func task(o mesos.Offer, id string, cpus, mem float64) mesos.TaskInfo {
	info := mesos.TaskInfo{Name: id, TaskID: mesos.TaskID{Value: id}, AgentID: o.AgentID, Command: &mesos.CommandInfo{Value: new("sleep 1000")}}
	info.Resources = mesos.Resources{{AllocationInfo: o.AllocationInfo}}
	return withResources(info, cpus, mem)
}

// withResources gives a task other resources of the same role.
func withResources(info mesos.TaskInfo, cpus, mem float64) mesos.TaskInfo {
	role := info.Resources[0].AllocationInfo.GetRole()
	info.Resources = mesos.Resources{scalar(resources.NameCPUs, cpus), scalar(resources.NameMem, mem)}.Allocate(role)
	return info
}

func contains(text, part string) bool { return strings.Contains(text, part) }

// amount sums a scalar of an offer.
func amount(o mesos.Offer, name string) float64 {
	sum := 0.0
	for _, r := range o.Resources {
		if r.Name == name {
			sum += r.GetScalar().GetValue()
		}
	}
	return sum
}

// states lists the states of updates as task=STATE.
func states(updates []mesos.TaskStatus) []string {
	var out []string
	for _, s := range updates {
		out = append(out, s.TaskID.Value+"="+s.GetState().String())
	}
	return out
}
