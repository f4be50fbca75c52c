package attach

import "context"

// cluster finds the servers of a Redis Cluster.
func (f *finder) cluster(ctx context.Context, addr string) error {
	return wrong("a Redis Cluster cannot be watched yet", "")
}
