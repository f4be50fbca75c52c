//go:build linux

package agent

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// destroySockets resets the TCP connections with the peers, or with everybody but loopback, and says how many there were. The kernel sends
// both ends on their way at once, which no packet filter does as reliably.
func destroySockets(peers []string) (int, error) {
	socks, err := netlink.SocketDiagTCP(unix.AF_INET)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return 0, unavailable("list sockets", err)
	}
	n := 0
	var errs []error
	for _, s := range socks {
		switch s.State {
		case netlink.TCP_ESTABLISHED, netlink.TCP_SYN_SENT, netlink.TCP_SYN_RECV, netlink.TCP_CLOSE_WAIT, netlink.TCP_FIN_WAIT1:
		default:
			continue
		}
		if s.ID.Destination.IsLoopback() || len(peers) > 0 && !slices.Contains(peers, s.ID.Destination.String()) {
			continue
		}
		err := destroy(s)
		switch {
		case err == nil:
			n++
		case errors.Is(err, unix.ENOENT): // closed meanwhile
		default:
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return n, unavailable(fmt.Sprintf("destroy sockets (%d were)", n), err)
	}
	return n, nil
}

func destroy(s *netlink.Socket) error {
	return netlink.SocketDestroy(&net.TCPAddr{IP: s.ID.Source, Port: int(s.ID.SourcePort)},
		&net.TCPAddr{IP: s.ID.Destination, Port: int(s.ID.DestinationPort)})
}
