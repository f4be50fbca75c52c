//go:build linux

package agent

import (
	"github.com/google/nftables"

	"github.com/schismtest/schism/wire"
)

// featureDrop is the name of the power to drop packets, as probe reports it.
const featureDrop = "nft"

// probe tries every feature on something of its own that is gone afterwards, and says "ok" or why not.
func probe() map[string]string {
	out := map[string]string{featureDrop: "ok"}
	nowhere := []string{"192.0.2.1"} // TEST-NET-1: nobody's address
	if err := probeRules(wire.Rule{Peers: nowhere}); err != nil {
		out[featureDrop] = err.Error()
	}
	return out
}

const probeTable = "schism_probe"

func probeRules(rules ...wire.Rule) error {
	err := replaceTable(probeTable, rules)
	if err == nil {
		err = removeTable(probeTable)
	}
	return err
}

func removeTable(name string) error {
	c, err := nftables.New()
	if err != nil {
		return unavailable("open nf_tables", err)
	}
	t := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: name})
	c.DelTable(t)
	return c.Flush()
}
