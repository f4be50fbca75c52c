package observer

import (
	"testing"

	"github.com/schismtest/schism/history"
	"github.com/stretchr/testify/require"
)

func TestParseValue(t *testing.T) {
	for in, want := range map[string]int64{"1": 1, "-5": -5, "123:xxxx": 123, "9223372036854775807": 1<<63 - 1, "7:": 7} {
		got, ok := ParseValue(in)
		require.True(t, ok, in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{"", ":", "a", "1a", "+1", "1.5", "99999999999999999999", " 1"} {
		_, ok := ParseValue(in)
		require.False(t, ok, in)
	}
}

func sum(c *canonical) uint64 { return c.finish("k", "t", -1, true).Digest }

func TestDigestsTellContentsApart(t *testing.T) {
	seen := map[uint64]string{}
	for name, c := range map[string]*canonical{
		"string a":            canonicalString("a"),
		"string ab":           canonicalString("ab"),
		"empty string":        canonicalString(""),
		"list a b":            canonicalList([]string{"a", "b"}),
		"list b a":            canonicalList([]string{"b", "a"}),
		"list ab":             canonicalList([]string{"ab"}),
		"list a, empty, b":    canonicalList([]string{"a", "", "b"}),
		"list a a":            canonicalList([]string{"a", "a"}),
		"set a b":             canonicalSet([]string{"a", "b"}),
		"hash a=b":            canonicalHash(map[string]string{"a": "b"}, nil),
		"hash b=a":            canonicalHash(map[string]string{"b": "a"}, nil),
		"hash a=b expiring":   canonicalHash(map[string]string{"a": "b"}, map[string]int64{"a": 5}),
		"zset a 1":            canonicalZSet([]string{"a", "1"}),
		"stream":              canonicalStream(stream{lastID: "1-0"}),
		"stream with entry":   canonicalStream(stream{lastID: "1-0", entries: []streamEntry{{"1-0", []string{"v", "1"}}}}),
		"stream with 2 pairs": canonicalStream(stream{lastID: "1-0", entries: []streamEntry{{"1-0", []string{"v", "1", "1-0", "0"}}}}),
		"stream with group":   canonicalStream(stream{lastID: "1-0", groups: []streamGroup{{"g", "0-0", nil}}}),
		"stream with pending": canonicalStream(stream{lastID: "1-0", groups: []streamGroup{{"g", "0-0", []string{"1-0", "c", "1"}}}}),
	} {
		d := sum(c)
		require.NotContains(t, seen, d, "%s and %s", name, seen[d])
		seen[d] = name
	}
}

func TestDigestsDoNotDependOnTheOrderOfReading(t *testing.T) {
	require.Equal(t, sum(canonicalSet([]string{"1", "2", "10"})), sum(canonicalSet([]string{"10", "2", "1", "2"})))
	g := []streamGroup{{"a", "1-0", nil}, {"b", "2-0", nil}}
	require.Equal(t, sum(canonicalStream(stream{groups: []streamGroup{g[0], g[1]}})), sum(canonicalStream(stream{groups: []streamGroup{g[1], g[0]}})))
}

func TestExpiryInTheDigest(t *testing.T) {
	of := func(at int64, exact bool) uint64 { return canonicalString("a").finish("k", "string", at, exact).Digest }
	require.NotEqual(t, of(5, true), of(6, true))
	require.NotEqual(t, of(-1, true), of(6, true))
	require.Equal(t, of(5, false), of(6, false), "an inexact time is left out")
	require.NotEqual(t, of(-1, false), of(6, false), "that there is one is not")
}

func TestElems(t *testing.T) {
	elems := func(c *canonical) []int64 { return c.finish("k", "", -1, true).Elems }
	require.Equal(t, []int64{7}, elems(canonicalString("7:pad")))
	require.Nil(t, elems(canonicalString("x")))
	require.Equal(t, []int64{3, 1}, elems(canonicalList([]string{"3", "1:p"})))
	require.Nil(t, elems(canonicalList([]string{"3", "x", "1"})))
	require.Equal(t, []int64{}, elems(canonicalList(nil)))
	require.Equal(t, []int64{-2, 9, 10}, elems(canonicalSet([]string{"10", "9", "-2", "9"})))
	require.Equal(t, []int64{100, 50, 7}, elems(canonicalHash(map[string]string{"10": "7", "0": "100", "2": "50"}, nil)))
	require.Nil(t, elems(canonicalHash(map[string]string{"a": "7"}, nil)))
	require.Equal(t, []int64{4, 5}, elems(canonicalStream(stream{entries: []streamEntry{{"1-0", []string{"x", "y", "v", "4"}}, {"2-0", []string{"v", "5"}}}})))
	require.Nil(t, elems(canonicalStream(stream{entries: []streamEntry{{"1-0", []string{"x", "y"}}}})))
}

func TestSplit(t *testing.T) {
	for n, want := range map[int][]int32{0: {0}, MaxElems: {0}, MaxElems + 1: {1, 2}, 3 * MaxElems: {1, 2, 3}} {
		whole := history.Dump{Key: "k", Digest: 5, Elems: make([]int64, n)}
		var parts []int32
		total := 0
		ps := split(whole)
		for i, p := range ps {
			parts = append(parts, p.Part)
			total += len(p.Elems)
			require.Equal(t, i == len(ps)-1, p.Last)
			require.Equal(t, uint64(5), p.Digest)
		}
		require.Equal(t, want, parts)
		require.Equal(t, n, total)
	}
}

func TestNextID(t *testing.T) {
	for in, want := range map[string]string{"5-0": "5-1", "0-18446744073709551615": "1-0"} {
		got, err := nextID(in)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, in := range []string{"", "5", "a-0", "5-x"} {
		_, err := nextID(in)
		require.ErrorIs(t, err, errStreamID)
	}
}
