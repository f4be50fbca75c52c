// Package release holds, by tests alone, that schism is one binary: built, released, as an image and installed from a module proxy, it
// runs from an empty folder.
package release
