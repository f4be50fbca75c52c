// Package observer looks at one server over loopback, from beside it, so that no partition blinds it: it samples role,
// offsets and links, listens to Sentinel's events, and reads a data set out in canonical form.
package observer
