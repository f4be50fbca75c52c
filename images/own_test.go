package images

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
)

// An image of the user's that cannot be had: a name that cannot be one, or that a registry does not know, is the user's mistake; silence
// is the surroundings'.
func TestWhoseFaultAMissingImageIs(t *testing.T) {
	for _, c := range []struct {
		ref    string
		status int
		says   string
		want   error
	}{
		{"My/Redis", 0, "", ErrNotAnImage},
		{"redis:", 0, "", ErrNotAnImage},
		{"redis:7 .0", 0, "", ErrNotAnImage},
		{"-x", 0, "", ErrNotAnImage},
		{"my/redis:test", http.StatusNotFound, "pull access denied for my/redis, repository does not exist", ErrNotAnImage},
		{"redis:77", http.StatusNotFound, "manifest for redis:77 not found: manifest unknown", ErrNotAnImage},
		{"private/redis", http.StatusForbidden, "denied", ErrNotAnImage},
		{"my/redis:test", http.StatusInternalServerError, "dial tcp: lookup registry: no such host", ErrNoImage},
	} {
		t.Run(fmt.Sprint(c.ref, " ", c.status), func(t *testing.T) {
			engineAPI := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if strings.HasSuffix(r.URL.Path, "/images/create") {
					w.WriteHeader(c.status)
					fmt.Fprintf(w, `{"message": %q}`, c.says)
					return
				}
				w.WriteHeader(http.StatusNotFound)
				fmt.Fprint(w, `{"message": "No such image"}`)
			}))
			defer engineAPI.Close()
			cli, err := client.New(client.WithHost(strings.Replace(engineAPI.URL, "http", "tcp", 1)), client.WithAPIVersion("1.44"))
			require.NoError(t, err)
			_, err = ensureOwn(t.Context(), &engine{cli: cli, progress: func(string) {}}, c.ref)
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.says)
		})
	}
	require.NoError(t, CheckName("sha256:81ffcf0ecf6c81ffcf0ecf6c81ffcf0ecf6c81ffcf0ecf6c81ffcf0ecf6c8888"))
	require.NoError(t, CheckName("registry.example:5000/team/redis:7.0@sha256:81ffcf0ecf6c81ffcf0ecf6c81ffcf0ecf6c81ffcf0ecf6c81ffcf0ecf6c8888"))
}
