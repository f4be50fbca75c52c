// Package dockerenv settles which engine this process speaks to, as the docker command would: DOCKER_HOST, else the context of
// DOCKER_CONTEXT or of Docker's own configuration, else the usual socket. The libraries know only DOCKER_HOST.
package dockerenv

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Settle sets DOCKER_HOST, and what TLS needs, by the context that holds; once for the process.
func Settle() error { return settle() }

var settle = sync.OnceValue(func() error {
	vars, err := fromContext(os.Getenv, configDir())
	for k, v := range vars {
		err = errors.Join(err, os.Setenv(k, v))
	}
	return err
})

func configDir() string {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".docker")
}

// fromContext is what the environment lacks of the context that holds. dir is Docker's configuration, empty for none.
func fromContext(env func(string) string, dir string) (map[string]string, error) {
	if env("DOCKER_HOST") != "" {
		return nil, nil
	}
	name := env("DOCKER_CONTEXT")
	if name == "" && dir != "" {
		var config struct {
			CurrentContext string `json:"currentContext"`
		}
		if err := readJSON(filepath.Join(dir, "config.json"), &config); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read Docker's configuration: %w", err)
		}
		name = config.CurrentContext
	}
	if name == "" || name == "default" {
		return nil, nil
	}
	sum := sha256.Sum256([]byte(name)) // Docker names a context's folder so
	id := hex.EncodeToString(sum[:])
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	if err := readJSON(filepath.Join(dir, "contexts", "meta", id, "meta.json"), &meta); err != nil {
		return nil, fmt.Errorf("there is no Docker context %q: %w", name, err)
	}
	host := meta.Endpoints["docker"].Host
	switch {
	case host == "":
		return nil, fmt.Errorf("the Docker context %q names no engine", name)
	case strings.HasPrefix(host, "ssh://"):
		return nil, fmt.Errorf("the Docker context %q is reached by ssh, which is not supported; forward its socket and set DOCKER_HOST", name)
	}
	vars := map[string]string{"DOCKER_HOST": host}
	if certs := filepath.Join(dir, "contexts", "tls", id, "docker"); exists(filepath.Join(certs, "cert.pem")) {
		vars["DOCKER_CERT_PATH"], vars["DOCKER_TLS_VERIFY"] = certs, "1"
	}
	return vars, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func readJSON(path string, into any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}
