package observer

import (
	"context"
	"slices"
	"time"

	"github.com/schismtest/schism/history"
)

const (
	dialTimeout = 100 * time.Millisecond
	// flushAfter is how long samples without news wait to share a batch.
	flushAfter = 100 * time.Millisecond
	// fullEvery is how many looks pass between those that ask for the slow-moving sections too, peersEvery between those that ask a
	// sentinel whom of its peers and replicas it reaches: long replies, and a peer is given up after seconds only.
	fullEvery  = 20
	peersEvery = 4
)

// sampler looks at one server over one connection. A look that goes unanswered is not repeated: the connection stays open, and the
// late reply ends the silence. So a frozen server does not fill up with connections, and is seen to answer as soon as it does.
type sampler struct {
	cfg   Config
	last  history.Sample // the last answered one; what this look did not ask for is carried on from it
	conn  *link
	looks int
	// name is what a sentinel calls the master that it watches; empty until it was asked.
	name string
	// peersDue: whom a sentinel reaches is not known, or only from before it fell silent.
	peersDue bool
	// silent is the call of the first look without an answer; 0 when the last one was answered.
	silent int64
	// reconnected is set when the connection was replaced since the last tick: a server that closes every new one is not
	// dialled in a loop.
	reconnected bool

	views views

	pending []history.Sample
	shown   history.Sample // the last one recorded
}

// link is a connection whose replies are read by a goroutine of its own, so that a late reply is not torn by a deadline.
type link struct {
	c       *Client
	replies chan any // closed at the connection's end; holds all replies of a look
	ended   chan struct{}
	asked   [][]string // the look under way; none when there is none
	got     []any      // the replies that came, in that order
	call    int64
	wakes   int64 // Config.Wakes right after call
	fresh   bool  // nothing was asked on it yet
}

func newSampler(cfg Config) *sampler {
	return &sampler{cfg: cfg, last: untold()}
}

// untold is a sample in which nothing was told.
func untold() history.Sample {
	return history.Sample{LastIO: -1, SecondOffset: -1, Priority: -1, Connected: -1, MinGood: -1, RunDelay: -1, CPUTime: -1, Steal: -1, Watch: unwatched(),
		OutputKills: -1, RefusedOOM: -1, MaxMemory: -1, Fsyncs: -1}
}

func (s *sampler) run(ctx context.Context) {
	defer func() {
		s.drop()
		s.flush()
	}()
	tick := time.NewTicker(s.cfg.Interval)
	defer tick.Stop()
	s.look(ctx)
	for {
		var replies chan any
		if s.conn != nil {
			replies = s.conn.replies
		}
		select {
		case <-tick.C:
			s.reconnected = false
			s.tick(ctx)
		case v, ok := <-replies:
			switch {
			case ok:
				s.reply(ctx, v)
			case s.reconnected:
				s.drop()
				s.unanswered(s.cfg.Clock())
			default: // dead, or it cut us off (CLIENT KILL): a new look tells which
				s.drop()
				s.reconnected = true
				s.look(ctx)
			}
		case <-ctx.Done():
			return
		}
	}
}

// tick looks, unless the last look is still unanswered: then it says so when that has lasted, or when there is a reason.
func (s *sampler) tick(ctx context.Context) {
	if s.conn == nil || len(s.conn.asked) == 0 {
		s.look(ctx)
		return
	}
	up, frozen := s.cfg.Proc()
	now := s.cfg.Clock()
	if !up || frozen || s.silent != 0 || now-s.conn.call >= s.cfg.Timeout.Nanoseconds() {
		if s.silent == 0 {
			s.silent = s.conn.call
		}
		s.unanswered(now)
	}
}

// look asks, connecting first where needed. When that cannot be, it records a sample without an answer.
func (s *sampler) look(ctx context.Context) {
	call := s.cfg.Clock()
	if up, _ := s.cfg.Proc(); !up {
		s.drop()
		s.unanswered(call)
		return
	}
	if s.conn == nil && !s.dial(ctx) {
		s.unanswered(call)
		return
	}
	s.conn.call, s.conn.asked, s.conn.got, s.conn.wakes = call, s.questions(), s.conn.got[:0], -1
	if s.cfg.Wakes != nil {
		s.conn.wakes = s.cfg.Wakes() // now, so that it is of a moment between the sample's call and return
	}
	// A failed write is followed by the end of the replies.
	_ = s.conn.c.Send(s.conn.asked...)
}

func (s *sampler) dial(ctx context.Context) bool {
	within := s.cfg.Dial
	if s.cfg.Access.TLS != nil {
		within = max(within, s.cfg.Timeout) // a handshake asks the server twice
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	// Logging in is the first of the questions: a server that is frozen must not be dialled over and over for want of that reply.
	c, err := connect(ctx, s.cfg.Addr, s.cfg.Access)
	if err != nil {
		return false
	}
	_ = c.c.SetDeadline(time.Time{})
	l := &link{c: c, replies: make(chan any, 16), ended: make(chan struct{}), fresh: true}
	go l.receive()
	s.conn = l
	return true
}

// receive passes replies on until the connection ends. There is room for all replies of one look, and no look is sent before the
// last was answered, so it never waits.
func (l *link) receive() {
	defer close(l.ended)
	defer close(l.replies)
	for {
		v, err := l.c.Receive()
		if err != nil {
			return
		}
		l.replies <- v
	}
}

// drop closes the connection and awaits its reader.
func (s *sampler) drop() {
	if s.conn == nil {
		return
	}
	_ = s.conn.c.Close()
	<-s.conn.ended
	s.conn = nil
}

// questions are what to ask for now: INFO's sections, one a command, since 6.0 takes no more at once.
func (s *sampler) questions() [][]string {
	var cmds [][]string
	if s.conn.fresh { // perhaps another server than before
		s.last, s.looks, s.name, s.peersDue, s.views.due = untold(), 0, "", true, true
		s.conn.fresh = false
		if auth := s.cfg.Access.Auth(); auth != nil {
			cmds = append(cmds, auth)
		}
	}
	info := func(sections ...string) {
		for _, n := range sections {
			cmds = append(cmds, []string{"INFO", n})
		}
	}
	if s.cfg.Sentinel {
		info("sentinel")
		peers := s.name != "" && (s.peersDue || s.looks%peersEvery == 0)
		s.peersDue = s.peersDue && !peers
		cmds = append(cmds, sentinelQuestions(s.name, peers)...)
	} else {
		info("replication", "persistence", "stats")
	}
	if s.cfg.Cluster != nil && (s.views.due || s.looks%viewEvery(s.cfg.Interval) == 0) {
		cmds = append(cmds, []string{"CLUSTER", "INFO"}, []string{"CLUSTER", "NODES"})
	}
	if s.looks%fullEvery == 0 {
		info("server", "memory")
		if !s.cfg.Sentinel {
			info("errorstats")
		}
	}
	s.looks++
	return cmds
}

// reply takes one reply in; the last of a look makes the sample.
func (s *sampler) reply(ctx context.Context, v any) {
	l := s.conn
	if len(l.asked) == 0 {
		return // nobody asked: an error before the server closes (too many clients)
	}
	l.got = append(l.got, v)
	if len(l.got) < len(l.asked) {
		return
	}
	asked := l.asked
	l.asked = nil
	if asked[0][0] == "AUTH" {
		if _, ok := l.got[0].(string); !ok { // not let in: the next look is on a connection of its own
			s.drop()
			s.unanswered(s.cfg.Clock())
			return
		}
		asked, l.got = asked[1:], l.got[1:]
	}
	if _, ok := l.got[0].(string); !ok { // BUSY, NOAUTH: an answer that tells nothing
		if s.silent == 0 {
			s.silent = l.call
		}
		s.unanswered(s.cfg.Clock())
		return
	}
	if s.silent != 0 { // this answer is old: what it says held some time since the call
		s.silent, s.looks, s.peersDue, s.views.due = 0, 0, true, true
		s.look(ctx)
		return
	}
	sm := s.last
	in := Info{}
	var cluster []string
	for i, v := range l.got {
		if text, ok := v.(string); ok && asked[i][0] == "CLUSTER" {
			cluster = append(cluster, text)
		} else if ok {
			in.add(text)
		} else if asked[i][0] == "SENTINEL" {
			s.name = fillWatch(&sm.Watch, s.name, asked[i][1], onlyMaster(v, asked[i][1], s.cfg.Master))
		}
	}
	sm.Watch.Known = watched(sm.Watch)
	in.onlyMaster(s.cfg.Master)
	in.fill(&sm)
	sm.Fsyncs = in.fsyncs(l.wakes)
	sm.Call, sm.Return, sm.Answered, sm.Up = l.call, s.cfg.Clock(), true, true
	s.last = sm
	if slices.ContainsFunc(asked, func(c []string) bool { return c[0] == "CLUSTER" }) {
		s.views.take(cluster, s.cfg.Cluster, sm.Call, sm.Return)
	}
	s.record(sm)
}

// unanswered records that the server does not answer, now.
func (s *sampler) unanswered(now int64) {
	up, frozen := s.cfg.Proc()
	if s.silent == 0 {
		s.silent = now
	}
	sm := untold()
	sm.Call, sm.Return, sm.NoAnswerSince, sm.Up, sm.Frozen = now, s.cfg.Clock(), s.silent, up, frozen
	s.record(sm)
}

// record keeps a sample for the next batch. News is sent at once.
func (s *sampler) record(sm history.Sample) {
	if s.cfg.Times != nil {
		sm.RunDelay, sm.CPUTime, sm.Steal = s.cfg.Times()
	}
	news := state(sm) != state(s.shown)
	s.shown = sm
	s.pending = append(s.pending, sm)
	if news || len(s.views.pending) > 0 || sm.Call-s.pending[0].Call >= flushAfter.Nanoseconds() {
		s.flush()
	}
}

func (s *sampler) flush() {
	if len(s.pending) > 0 {
		s.cfg.Emit(&history.Batch{Samples: s.pending, Views: s.views.pending})
		s.pending, s.views.pending = nil, nil
	}
}

// state is the part of a sample whose change is news: all but times and counters.
func state(s history.Sample) history.Sample {
	s.Call, s.Return, s.Offset, s.LastIO, s.Memory = 0, 0, 0, 0, 0
	s.RunDelay, s.CPUTime, s.Steal = 0, 0, 0
	s.Rest.Changes, s.Rest.Expired, s.Rest.Evicted, s.RefusedOOM, s.Fsyncs = 0, 0, 0, 0, 0
	return s
}
