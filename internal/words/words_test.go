package words

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNumbersForPeople(t *testing.T) {
	for want, got := range map[string]string{
		"13,652":         Count(13652),
		"-1,000":         Count(-1000),
		"13.7k":          Short(13700),
		"0":              Duration(0),
		"4 s":            Duration(4e9),
		"0 s":            Span(0),
		"65 µs":          Span(65e3),
		"27.9 s":         Duration(27.9e9),
		"634 ms":         Duration(634e6),
		"1.2 ms":         Duration(1.2e6),
		"85 µs":          Duration(85e3),
		Dash:             Duration(-1),
		"13.297 s":       At(13.2974e9),
		"512 B":          Size(512),
		"1.26 MB":        Size(1256026),
		"100 %":          Share(7, 7),
		"above 99.99 %":  Share(99999, 100000),
		"below 0.01 %":   Share(1, 100000),
		"1 key":          Plural(1, "key", "keys"),
		"1,200 keys":     Plural(1200, "key", "keys"),
		"n1, n2 and n3":  List([]string{"n1", "n2", "n3"}),
		"a b":            Clean("a\x1bb"),
		"abc…":           Clip("abcdef", 4),
		"n1 was cut off": Capital("n1 was cut off"),
		"It was cut off": Capital("it was cut off"),
		"1.5":            Trim("1.500"),
	} {
		require.Equal(t, want, got)
	}
}

func TestIntervalsWithTheUnitApart(t *testing.T) {
	for _, c := range []struct {
		lo, hi  int64
		n, unit string
	}{
		{25.5e9, 25.8e9, "25.5 to 25.8", "s"},
		{4e9, 4e9, "4", "s"},
		{0, 3e9, "up to 3", "s"},
		{0, 0, "0", "s"},
		{52.8e9, -1, "at least 52.8", "s"},
		{400e6, 1.2e9, "400 ms to 1.2", "s"},
	} {
		n, unit := BetweenUnit(c.lo, c.hi)
		require.Equal(t, []string{c.n, c.unit}, []string{n, unit})
	}
}
