// Package access is how one gets in at a server: who one says one is, over what. It goes from the harness to the agents over their wire
// connection and nowhere else, and no way of printing it shows a secret.
package access

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
)

// Access is what a server asks of who connects. The zero value: it asks nothing.
type Access struct {
	// User and Password log in; without a password nobody does, with one and no user it is the default user.
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	TLS      *TLS   `json:"tls,omitempty"`
	// Renames are commands that go by another name, by their own in capitals.
	Renames map[string]string `json:"renames,omitempty"`
}

// TLS is what a connection needs; CA, Cert and Key are PEM.
type TLS struct {
	CA   string `json:"ca"` // empty: the authorities that this system trusts
	Cert string `json:"cert,omitempty"`
	Key  string `json:"key,omitempty"`
	// ServerName is the name that the server's certificate must be for; empty: names are not looked at, as servers know each other by
	// address. Without a CA of one's own there must be one, since a trusted authority signs for anybody.
	ServerName string `json:"server_name,omitempty"`
	// Insecure takes any certificate.
	Insecure bool `json:"insecure,omitempty"`
}

// String says whom it is without the secrets.
func (a Access) String() string {
	s := "nobody in particular"
	if a.Password != "" {
		s = "the default user"
		if a.User != "" {
			s = "user " + a.User
		}
	}
	if a.TLS != nil {
		s += ", over TLS"
	}
	return s
}

// GoString is String: %#v shows no secret either.
func (a Access) GoString() string { return a.String() }

// Auth is the command that logs in; nil where nobody does.
func (a Access) Auth() []string {
	switch {
	case a.Password == "":
		return nil
	case a.User == "":
		return []string{"AUTH", a.Password}
	}
	return []string{"AUTH", a.User, a.Password}
}

// Rename is the name by which the server knows a command.
func (a Access) Rename(command string) string {
	if to := a.Renames[strings.ToUpper(command)]; to != "" {
		return to
	}
	return command
}

// Secrets are what must be seen nowhere.
func (a Access) Secrets() []string {
	var out []string
	if a.Password != "" {
		out = append(out, a.Password)
	}
	if a.TLS != nil {
		out = append(out, KeyLines(a.TLS.Key)...)
	}
	return out
}

// KeyLines are the lines of a private key that say something.
func KeyLines(pem string) []string {
	var out []string
	for l := range strings.Lines(pem) {
		if l = strings.TrimSpace(l); len(l) > 20 && !strings.HasPrefix(l, "-----") {
			out = append(out, l)
		}
	}
	return out
}

// Secure puts TLS over a connection, where the server wants it, and returns when both ends agree.
func (a Access) Secure(ctx context.Context, c net.Conn) (net.Conn, error) {
	if a.TLS == nil {
		return c, nil
	}
	cfg, err := a.TLS.config()
	if err != nil {
		return nil, err
	}
	t := tls.Client(c, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("agree on TLS: %w", err)
	}
	return t, nil
}

// config trusts what the authority signed, for the name where one is given.
func (t *TLS) config() (*tls.Config, error) {
	pool, err := t.authorities()
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: true, //nolint:gosec // what is verified is told below
		VerifyConnection: func(s tls.ConnectionState) error {
			if t.Insecure {
				return nil
			}
			if len(s.PeerCertificates) == 0 {
				return errors.New("the server shows no certificate")
			}
			o := x509.VerifyOptions{Roots: pool, DNSName: t.ServerName, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
			for _, c := range s.PeerCertificates[1:] {
				o.Intermediates.AddCert(c)
			}
			_, err := s.PeerCertificates[0].Verify(o)
			return err
		},
	}
	if t.Cert != "" {
		pair, err := tls.X509KeyPair([]byte(t.Cert), []byte(t.Key))
		if err != nil {
			return nil, fmt.Errorf("read TLS certificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// authorities are those that are trusted.
func (t *TLS) authorities() (*x509.CertPool, error) {
	if t.CA == "" {
		if t.ServerName == "" && !t.Insecure {
			return nil, errors.New("read TLS authority: it holds no certificate")
		}
		return x509.SystemCertPool()
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(t.CA)) {
		return nil, errors.New("read TLS authority: it holds no certificate")
	}
	return pool, nil
}

// Check tells whether what was given can be used.
func (t *TLS) Check() error {
	c := *t
	c.Insecure = c.Insecure || c.CA == "" // the authorities of the system are told from a name later
	_, err := c.config()
	return err
}
