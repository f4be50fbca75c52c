package topology

import "fmt"

// NodeName is the name of the node with this number, which is known before anything starts.
func (s Spec) NodeName(node int32) string {
	nodes := s.WithDefaults().layout()
	if node < 0 || int(node) >= len(nodes) {
		return fmt.Sprintf("node%d", node)
	}
	return nodes[node].Name
}

// NodeNames are the names of all nodes, in the order of their numbers.
func (s Spec) NodeNames() []string {
	var out []string
	for _, n := range s.WithDefaults().layout() {
		out = append(out, n.Name)
	}
	return out
}
