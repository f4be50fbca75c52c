package attach

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/schismtest/schism/internal/access"
	"github.com/schismtest/schism/observer"
)

// probe asks a server who it is: INFO's sections server and replication. Its error is one line that says what to do.
func (t *Target) probe(ctx context.Context, addr string, login access.Access, sentinel bool) (in observer.Info, rtt time.Duration, err error) {
	c, err := t.dial(ctx, addr, login, sentinel)
	if err != nil {
		return nil, 0, err
	}
	defer c.Close()
	within, cancel := context.WithTimeout(ctx, t.timeout())
	defer cancel()
	in = observer.Info{}
	for _, section := range []string{"server", "replication"} {
		began := time.Now()
		v, err := c.Do(within, "INFO", section)
		if err != nil {
			return nil, 0, t.explain(ctx, addr, login, sentinel, err)
		}
		if rtt == 0 || time.Since(began) < rtt {
			rtt = time.Since(began)
		}
		text, ok := v.(string)
		if !ok {
			return nil, 0, t.explain(ctx, addr, login, sentinel, errNoInfo)
		}
		for k, v := range observer.ParseInfo(text) {
			in[k] = v
		}
	}
	if in["run_id"] == "" {
		return nil, 0, t.explain(ctx, addr, login, sentinel, errNoInfo)
	}
	return in, rtt, nil
}

var errNoInfo = errors.New("its INFO names no run_id")

// dial connects and logs in.
func (t *Target) dial(ctx context.Context, addr string, login access.Access, sentinel bool) (*observer.Client, error) {
	within, cancel := context.WithTimeout(ctx, t.timeout())
	defer cancel()
	c, err := observer.Dial(within, t.reached(addr), login)
	if err != nil {
		return nil, t.explain(ctx, addr, login, sentinel, err)
	}
	return c, nil
}

// explain says in one line why a server could not be asked.
func (t *Target) explain(ctx context.Context, addr string, login access.Access, sentinel bool, err error) error {
	if ctx.Err() != nil {
		return ctx.Err() // interrupted
	}
	where := addr
	if at := t.reached(addr); at != addr {
		where += " (by -map at " + at + ")"
	}
	pre := "" // of the flags that would help
	if sentinel {
		pre = "sentinel-"
	}
	fail := func(what, do string) error {
		return &Error{Text: where + " " + what, Do: do, Err: err}
	}
	var reply observer.ReplyError
	var op *net.OpError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	password := fmt.Sprintf("give its password with -%spassword-env VARIABLE or -%spassword-file FILE, and the user with -%suser", pre, pre, pre)
	switch {
	case errors.As(err, &reply):
		return t.refused(string(reply), login, pre, password, fail)
	case errors.As(err, &unknown):
		return fail("shows a certificate of an authority that is not trusted", fmt.Sprintf("give the authority's certificate with -%stls-ca FILE, or take any with -%stls-insecure", pre, pre))
	case errors.As(err, &host):
		return fail("shows a certificate for another name", fmt.Sprintf("say which with -%stls-server-name, or take any with -%stls-insecure", pre, pre))
	case errors.As(err, &invalid):
		return fail("shows a certificate that does not hold: "+invalid.Error(), "")
	case errors.As(err, &record):
		return fail("does not speak TLS", "leave -"+pre+"tls out, or give its TLS port")
	case login.TLS != nil && strings.Contains(err.Error(), "tls: "):
		return fail("does not agree on TLS: "+words(err), fmt.Sprintf("where it asks for a client's certificate, give it with -%stls-cert and -%stls-key", pre, pre))
	case errors.Is(err, syscall.ECONNREFUSED):
		return fail("refuses connections", "is it the right address, and does the server run?")
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		if errors.As(err, &op) && op.Op == "dial" {
			return fail(fmt.Sprintf("cannot be reached: nothing came back within %s", t.timeout()), "is there a route to it, and does a firewall let this machine in?")
		}
		if login.TLS != nil && t.speaksPlain(ctx, addr) {
			return fail("does not speak TLS", "leave -"+pre+"tls out, or give its TLS port")
		}
		return fail(fmt.Sprintf("does not answer within %s", t.timeout()), "is it a Redis, and does it run?")
	case errors.As(err, &op) && op.Op == "dial":
		return fail("cannot be reached: "+words(op.Err), "is the address right, and is there a route to it?")
	case login.TLS == nil && !errors.Is(err, observer.ErrProtocol) && t.speaksTLS(ctx, addr):
		return fail("wants TLS", "add -tls with -tls-ca FILE (and -tls-cert, -tls-key where it asks for them)")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		if login.TLS != nil { // its word on the certificate may be lost with the connection
			return fail("closed the connection without an answer", fmt.Sprintf("where it asks for a client's certificate, give it with -%stls-cert and -%stls-key", pre, pre))
		}
		return fail("closed the connection without an answer", "is it a Redis, and does it let this machine in (protected-mode, bind)?")
	}
	return fail("is no Redis: it does not answer as one ("+words(err)+")", "give the address of a Redis or Valkey server")
}

// refused says what an error reply to a login or to INFO means.
func (t *Target) refused(reply string, login access.Access, pre, password string, fail func(string, string) error) error {
	word, _, _ := strings.Cut(reply, " ")
	who := "the default user"
	if login.User != "" {
		who = "user " + login.User
	}
	switch {
	case word == "NOAUTH":
		return fail("asks for a password", password)
	case word == "WRONGPASS", strings.Contains(reply, "invalid password"), strings.Contains(reply, "invalid username-password"):
		return fail(fmt.Sprintf("does not let %s in with this password", who), fmt.Sprintf("is it the right one, and -%suser?", pre))
	case strings.Contains(reply, "without any password configured"), strings.Contains(reply, "no password is set"):
		return fail("asks for no password", fmt.Sprintf("leave -%spassword-env or -%spassword-file out", pre, pre))
	case word == "NOPERM":
		return fail(fmt.Sprintf("does not let %s ask for INFO", who), "give that user +info; docs/attach.md lists all that is needed")
	case word == "DENIED":
		return fail("is in protected mode and takes connections from its own machine only", "give it a password, or set protected-mode no")
	case strings.HasPrefix(reply, "ERR max number of clients"):
		return fail("takes no more clients", "")
	}
	return fail("refuses to answer: "+reply, "is it a Redis?")
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// speaksTLS tells whether a server that made nothing of a plain command makes a TLS handshake, whatever its certificate.
func (t *Target) speaksTLS(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, t.timeout())
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // only whether it speaks TLS is asked, nothing is sent
	c, err := d.DialContext(ctx, "tcp", t.reached(addr))
	if err != nil {
		var alert tls.AlertError
		return errors.As(err, &alert) // it does, and asks for more
	}
	_ = c.Close()
	return true
}

// speaksPlain tells whether a server that did not answer a TLS handshake answers a plain PING: a Redis waits for the end of a line in what
// it takes for a command.
func (t *Target) speaksPlain(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, t.timeout())
	defer cancel()
	c, err := observer.Dial(ctx, t.reached(addr), access.Access{})
	if err != nil {
		return false
	}
	defer c.Close()
	var reply observer.ReplyError
	_, err = c.Do(ctx, "PING")
	return err == nil || errors.As(err, &reply)
}

func words(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
