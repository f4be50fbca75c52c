package clients

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/schismtest/schism/history"
)

// The ways to learn of a new owner of slots where no server tells, as Options.Reload names them.
const (
	ReloadAfterDial = ""        // after a dial that failed
	ReloadByLibrary = "library" // every 60 s, as go-redis does by itself
)

// ReloadInterval is go-redis' ClusterStateReloadInterval for a value of Options.Reload; 0: its default.
func ReloadInterval(reload string) (time.Duration, error) {
	if reload == ReloadAfterDial || reload == ReloadByLibrary {
		return 0, nil
	}
	d, err := time.ParseDuration(reload)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is neither %q nor a duration above 0, such as 500ms", reload, ReloadByLibrary)
	}
	return d, nil
}

// openCluster makes the client that knows who owns which slots. It is asked for nothing else: operations go over links of the session's own,
// so that what is written, and to whom, is known. Its map is read and kept as it is for all of go-redis' users.
func (s *session) openCluster() *redis.ClusterClient {
	interval, _ := ReloadInterval(s.opt.Reload) // Validate has looked
	return redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: s.opt.Cluster, Dialer: s.dialCluster, Username: s.opt.Access.User, Password: s.opt.Access.Password,
		Protocol: 2, MaxRedirects: -1, MaxRetries: -1, DialerRetries: 1, DialTimeout: s.opt.DialTimeout,
		ReadTimeout: s.opt.Timeout, WriteTimeout: s.opt.Timeout, ContextTimeoutEnabled: true,
		PoolSize: poolSize, MaxConcurrentDials: 1, ClusterStateReloadInterval: interval, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

func (s *session) dialCluster(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: s.opt.DialTimeout}
	c, err := d.DialContext(ctx, network, s.opt.dialled(addr))
	if err != nil {
		return nil, err
	}
	return s.secure(ctx, s.opt.Access, c)
}

// helloCluster asks who owns which slots and connects to one server.
func (s *session) helloCluster(ctx context.Context) error {
	l, err := s.route(ctx, "")
	if err != nil {
		return err
	}
	s.use(l)
	return l.rdb.Ping(ctx).Err()
}

// linkTo is the session's link to a server.
func (s *session) linkTo(addr string) *link {
	l := s.links[addr]
	if l == nil {
		l = s.newLink(addr)
		s.links[addr] = l
	}
	return l
}

// route is where an operation on a key goes.
func (s *session) route(ctx context.Context, key string) (*link, error) {
	owner, err := s.cluster.MasterForKey(ctx, key)
	if err != nil {
		return nil, err
	}
	addr := owner.Options().Addr
	if replicas := s.opt.ReplicasOf[addr]; s.opt.Nth > 0 && len(replicas) > 0 {
		addr = replicas[(s.opt.Nth-1)%len(replicas)]
	}
	return s.linkTo(addr), nil
}

// issueRouted issues an operation at the owner of its key. MOVED and ASK are followed, once each, since they prove that nothing was executed;
// whatever else goes wrong, it is not sent again. A read of a named replica is never led elsewhere.
func (s *session) issueRouted(ctx context.Context, key string, op *history.Op) error {
	l, err := s.route(ctx, key)
	if err != nil {
		s.at.Store(nil) // nobody was spoken to
		return err
	}
	s.use(l)
	s.sent.Store(false)
	err = s.issue(ctx, key, op)
	var moved, asked bool
	for s.opt.Nth == 0 {
		to, ask, ok := redirected(err)
		if !ok || ask && asked || !ask && moved {
			break
		}
		moved, asked = moved || !ask, asked || ask
		s.cluster.ReloadState(ctx) // as go-redis does
		s.use(s.linkTo(to))
		s.sent.Store(false)
		op.Redirects++
		if ask {
			if err = s.rdb.Do(ctx, "asking").Err(); err != nil {
				s.sent.Store(false) // the operation itself was not
				break
			}
		}
		err = s.issue(ctx, key, op)
	}
	if s.stale(err) {
		s.cluster.ReloadState(ctx)
	}
	return err
}

// stale tells whether an error says that the map of slots may be old: what go-redis takes for that, and a dial that failed where that is asked
// for.
func (s *session) stale(err error) bool {
	switch {
	case err == nil:
		return false
	case redis.HasErrorPrefix(err, "READONLY"), redis.HasErrorPrefix(err, "MOVED"), redis.HasErrorPrefix(err, "ASK"):
		return true
	}
	return s.opt.Reload == ReloadAfterDial && unconnected(Classify(err, s.sent.Load()))
}

// redirected reads "MOVED 3999 127.0.0.1:6381" and "ASK 3999 127.0.0.1:6381". A server that does not name the host means its own, which is
// no address to follow.
func redirected(err error) (to string, ask, ok bool) {
	reply := redis.Error(nil)
	if !errors.As(err, &reply) {
		return "", false, false
	}
	f := strings.Fields(reply.Error())
	if len(f) != 3 || f[0] != "MOVED" && f[0] != "ASK" || strings.HasPrefix(f[2], ":") {
		return "", false, false
	}
	return f[2], f[0] == "ASK", true
}

// readOnly has a replica answer reads on a new connection, instead of naming its master.
func (l *link) readOnly(ctx context.Context, c *redis.Conn) error {
	err := c.ReadOnly(ctx).Err()
	if cur := l.cur.Load(); cur != nil {
		cur.greeting.Store(false)
	}
	return err
}

// setupCluster is Setup in a Cluster: each command at the owner of its key, which is its last but for streams' groups.
func (s *session) setupCluster(ctx context.Context, commands [][]any) error {
	for _, c := range commands {
		key := c[1]
		if c[0] == "xgroup" {
			key = c[2]
		}
		owner, err := s.cluster.MasterForKey(ctx, fmt.Sprint(key))
		if err == nil {
			err = owner.Do(ctx, c...).Err()
		}
		if err != nil && err != redis.Nil && !redis.HasErrorPrefix(err, "BUSYGROUP") {
			return fmt.Errorf("prepare data, %v: %w", c[0], err)
		}
	}
	return s.cluster.ForEachMaster(ctx, settle)
}
