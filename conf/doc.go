// Package conf reads redis.conf and sentinel.conf as Redis does, and says of each line what becomes of it in a run: it is kept, ours stands
// in its place, or it cannot be. It knows nothing of containers: all that is wrong with a file is known before anything starts.
package conf
