// Package attach looks at a replication setup that somebody else runs: it finds its servers and sentinels, watches them over the network,
// and reads and removes the keys that schism's own clients wrote there. It starts nothing and breaks nothing. Without a load it sends
// INFO, ROLE, CLUSTER INFO and NODES, CONFIG GET, and to sentinels INFO, SENTINEL and PSUBSCRIBE; nothing else.
package attach
