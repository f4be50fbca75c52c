package access

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNothingPrintsASecret(t *testing.T) {
	a := Access{User: "u", Password: "topsecret", TLS: &TLS{Key: "-----BEGIN-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\n-----END-----"}}
	for _, s := range []string{a.String(), fmt.Sprint(a), fmt.Sprintf("%v %+v %#v", a, a, a)} {
		require.NotContains(t, s, "topsecret")
		require.NotContains(t, s, "MIGH")
	}
	require.Equal(t, []string{"topsecret", "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49"}, a.Secrets())
	require.Equal(t, []string{"AUTH", "u", "topsecret"}, a.Auth())
	require.Nil(t, Access{User: "u"}.Auth())
	require.Equal(t, "x", Access{Renames: map[string]string{"CONFIG": "x"}}.Rename("config"))
	require.Equal(t, "get", Access{Renames: map[string]string{"CONFIG": ""}}.Rename("get"))
	require.NotEqual(t, NewPassword(), NewPassword())
}

// A connection is made with who belongs to the same authority, and with nobody else.
func TestSecure(t *testing.T) {
	own, err := NewAuthority()
	require.NoError(t, err)
	other, err := NewAuthority()
	require.NoError(t, err)
	client := func(a *Authority, trust string) Access {
		cert, key, err := a.Issue("client")
		require.NoError(t, err)
		return Access{TLS: &TLS{CA: trust, Cert: cert, Key: key}}
	}
	for _, c := range []struct {
		name string
		a    Access
		ok   bool
	}{
		{"its own", client(own, own.PEM), true},
		{"another's server", client(own, other.PEM), false},
		{"another's client", client(other, own.PEM), false},
		{"no client certificate", Access{TLS: &TLS{CA: own.PEM}}, false},
		{"no authority", Access{TLS: &TLS{CA: "none"}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cert, key, err := own.Issue("server")
			require.NoError(t, err)
			server := Access{TLS: &TLS{CA: own.PEM, Cert: cert, Key: key}}
			cfg, err := server.TLS.config()
			require.NoError(t, err)
			cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
			cfg.ClientCAs.AppendCertsFromPEM([]byte(own.PEM))
			require.NoError(t, err)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer l.Close()
			done := make(chan error, 1)
			go func() {
				far, err := l.Accept()
				if err == nil {
					defer far.Close()
					_, err = tls.Server(far, cfg).Write([]byte("x"))
				}
				done <- err
			}()
			near, err := net.Dial("tcp", l.Addr().String())
			require.NoError(t, err)
			defer near.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			got, err := c.a.Secure(ctx, near)
			if err == nil {
				_, err = got.Read(make([]byte, 1))
			}
			_ = near.Close()
			serverErr := <-done
			require.Equal(t, c.ok, err == nil && serverErr == nil, "%v, %v", err, serverErr)
		})
	}
}
