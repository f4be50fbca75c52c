package conf

import "strconv"

const whyBus = "the servers of a Cluster are started with what they are to know of each other"

// oursOfCluster are the directives that the run decides in a Cluster.
func oursOfCluster() map[string]rule {
	m := map[string]rule{
		"cluster-enabled":     {[]string{"yes"}, "this run's topology is cluster"},
		"cluster-config-file": {[]string{"nodes.conf"}, whyBus},
		"cluster-port":        {[]string{"0", "16379"}, whyAddress},
		// Clients are told addresses: no name of a node can be resolved where they are.
		"cluster-preferred-endpoint-type": {[]string{"ip"}, whyAddress},
	}
	for _, n := range []string{"ip", "port", "tls-port", "bus-port", "hostname", "human-nodename", "client-ipv4", "client-ipv6", "client-port", "client-tls-port"} {
		m["cluster-announce-"+n] = rule{nil, whyAddress}
	}
	return m
}

// nodeTimeout takes the setting that the run has a place of its own for. Of one node, and without a Cluster, it stays a line.
func (s *sorter) nodeTimeout(l Line) {
	if !s.c.Cluster || s.c.Part {
		s.keep(l)
		return
	}
	n, err := strconv.ParseInt(l.arg(0), 10, 32)
	if err != nil || n < 1 {
		s.mistake(l, "it is a number of milliseconds from 1")
		return
	}
	s.out.NodeTimeoutMS = n
}
