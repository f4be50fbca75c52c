package schism

import (
	"errors"

	"github.com/schismtest/schism/agentbin"
	"github.com/schismtest/schism/images"
	"github.com/schismtest/schism/topology"
)

// surroundings says of an error whose it is: what the user wrote (exit 64), or what the surroundings lack (exit 3).
func surroundings(err error) error {
	var p *Problem
	var config *topology.ConfigError
	var image *topology.ImageError
	var agent *agentbin.RefusedError
	switch {
	case err == nil || errors.As(err, &p):
		return err
	case errors.As(err, &config):
		return &Problem{Exit: ExitUsage, Text: config.Error(), Err: err}
	case errors.As(err, &image):
		return &Problem{Exit: ExitUsage, Text: image.Error(), Err: err}
	case errors.As(err, &agent):
		return &Problem{Exit: ExitUsage, Text: agent.Error(), Err: err}
	case errors.Is(err, images.ErrUnknownServer), errors.Is(err, images.ErrNotAServer), errors.Is(err, images.ErrNotAnImage):
		return &Problem{Exit: ExitUsage, Text: err.Error(), Err: err}
	}
	return &Problem{Exit: ExitError, Text: err.Error(), Err: err}
}
