package history

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The lists of one transaction lie in one slot of a Cluster, and the name of a key tells which.
func TestTxnKeys(t *testing.T) {
	require.Equal(t, "t:7", TxnKey(7))
	require.Equal(t, "t:{3}:7", TxnKey(3<<32|7))
	require.Equal(t, "t:{3}", TxnGroup(3))
	for _, key := range []string{TxnGroup(3), TxnKey(3 << 32), TxnKey(3<<32 | 0xffffffff)} {
		require.Equal(t, SlotOf("3"), SlotOf(key), key)
	}
}

func TestLedgersLieInTheSlotOfTheirKey(t *testing.T) {
	require.Equal(t, SlotOf("b:5"), SlotOf(LedgerKey("b:5", 3<<32|2000)))
}
