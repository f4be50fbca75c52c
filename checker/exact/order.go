package exact

import "math/bits"

// digit is how many bits one pass of the radix sort takes.
const digit = 11

// order returns the indices of keys in ascending order of key, equal ones in their order. It is a radix sort, since stamps and values
// span few bits beside their number: several times as quick as comparing.
func order(keys []int64) []int32 {
	at := make([]int32, len(keys))
	low, high, sorted := Inf, -Inf, true
	for i, k := range keys {
		at[i] = int32(i)
		low = min(low, k)
		if k != Inf {
			high = max(high, k)
		}
		sorted = sorted && (i == 0 || keys[i-1] <= k)
	}
	if sorted {
		return at
	}
	type pair struct {
		key uint64
		n   int32
	}
	ps, to := make([]pair, len(keys)), make([]pair, len(keys))
	for i, k := range keys {
		// Inf comes right after the greatest other key, lest it cost passes.
		ps[i] = pair{uint64(min(k, high+1)) - uint64(low), int32(i)}
	}
	for shift, width := 0, bits.Len64(uint64(high+1)-uint64(low)); shift < width; shift += digit {
		var start [1<<digit + 1]int32
		for i := range ps {
			start[ps[i].key>>shift&(1<<digit-1)+1]++
		}
		for d := range 1 << digit {
			start[d+1] += start[d]
		}
		for i := range ps {
			d := ps[i].key >> shift & (1<<digit - 1)
			to[start[d]] = ps[i]
			start[d]++
		}
		ps, to = to, ps
	}
	for i := range ps {
		at[i] = ps[i].n
	}
	return at
}

// ordered returns the keys in ascending order.
func ordered(keys []int64) []int64 {
	out := make([]int64, len(keys))
	for i, n := range order(keys) {
		out[i] = keys[n]
	}
	return out
}
