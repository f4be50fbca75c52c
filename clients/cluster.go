package clients

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
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
// so that what is written, and to whom, is known. Its map is read and kept as it is for all of go-redis' users. Its own Process (v9.23.0,
// osscluster.go:1501) would not do: it tells neither which server answered nor what was written, it reads the slots over the connections of
// the operations (loadState), and MaxRedirects is the number of redirections and of what is sent again after a time-out alike.
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

// helloCluster asks who owns which slots and connects to the servers of all shards.
func (s *session) helloCluster(ctx context.Context) error {
	var mu sync.Mutex
	var addrs []string
	err := s.cluster.ForEachMaster(ctx, func(_ context.Context, c *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		addrs = append(addrs, s.readerOf(c.Options().Addr))
		return nil
	})
	if err == nil && len(addrs) == 0 {
		err = errors.New("nobody owns any slot")
	}
	for _, addr := range addrs {
		if err == nil {
			err = s.linkTo(addr).rdb.Ping(ctx).Err()
		}
	}
	return err
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
	return s.linkTo(s.readerOf(owner.Options().Addr)), nil
}

// issueRouted issues an operation at the owner of its key, or at the replica that reads for it. MOVED and ASK are followed, once each, since
// they prove that nothing was executed: of an operation of several commands only the last one writes. Whatever else goes wrong, it is not
// sent again.
func (s *session) issueRouted(ctx context.Context, key string, op *history.Op) error {
	s.at.Store(nil) // nobody was spoken to yet
	s.asking = false
	l, err := s.route(ctx, key)
	if err != nil {
		return err
	}
	before := *op
	var moved, asked bool
	for {
		s.use(l)
		s.sent.Store(false)
		if err = s.ask(ctx, s.rdb); err == nil {
			err = s.issue(ctx, key, op)
		}
		to, ask, ok := redirected(err, l.addr)
		if !ok || ask && asked || !ask && moved {
			break
		}
		moved, asked, s.asking = moved || !ask, asked || ask, ask
		s.cluster.ReloadState(ctx) // as go-redis does
		before.Redirects++
		*op = before
		if reader := s.readerOf(to); reader != l.addr {
			to = reader
		} // else it has left that shard
		l = s.linkTo(to)
	}
	if s.stale(err) {
		s.cluster.ReloadState(ctx)
	}
	return err
}

// readerOf is where what belongs to a server's shard is read: at the Nth of its replicas where that is asked for, else there.
func (s *session) readerOf(addr string) string {
	if replicas := s.opt.ReplicasOf[addr]; s.opt.Nth > 0 && len(replicas) > 0 {
		return replicas[(s.opt.Nth-1)%len(replicas)]
	}
	return addr
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

// redirected reads "MOVED 3999 127.0.0.1:6381" and "ASK 3999 127.0.0.1:6381". A server that names no host means the one that was asked; "?"
// says that it does not know one.
func redirected(err error, asked string) (to string, ask, ok bool) {
	reply := redis.Error(nil)
	if !errors.As(err, &reply) {
		return "", false, false
	}
	f := strings.Fields(reply.Error())
	if len(f) != 3 || f[0] != "MOVED" && f[0] != "ASK" || strings.HasPrefix(f[2], "?") {
		return "", false, false
	}
	if strings.HasPrefix(f[2], ":") {
		host, _, err := net.SplitHostPort(asked)
		if err != nil {
			return "", false, false
		}
		f[2] = net.JoinHostPort(host, f[2][1:])
	}
	return f[2], f[0] == "ASK", true
}

// prelude tells whether what is written executes nothing: READONLY has a replica answer reads on the connection instead of naming its master,
// ASKING has a server take the next command, or MULTI, for a slot that is on its way there.
func prelude(p []byte) bool {
	switch string(p) {
	case "*1\r\n$8\r\nreadonly\r\n", "*1\r\n$6\r\nasking\r\n":
		return true
	}
	return false
}

// ask says ASKING where an ASK led. It goes before every command that is not inside MULTI.
func (s *session) ask(ctx context.Context, to interface {
	Process(context.Context, redis.Cmder) error
}) error {
	if !s.asking {
		return nil
	}
	return to.Process(ctx, redis.NewStatusCmd(ctx, "asking"))
}

// setupCluster is Setup in a Cluster: each command at the owner of its key, which follows the command's name, or XGROUP's second word.
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
