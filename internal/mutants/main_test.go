package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Each fault has its one place in the code as it is now; whether a test notices it is for the whole command to say.
func TestEveryFaultHasItsPlace(t *testing.T) {
	t.Chdir("../..")
	for _, m := range mutants() {
		_, err := m.place()
		require.NoError(t, err, m.what)
	}
}
