package clients

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAtLeast(t *testing.T) {
	for _, tt := range []struct {
		version string
		want    bool
	}{
		{"6.0.16", false}, {"6.2.0", true}, {"7.0.15", true}, {"8.6", true}, {"10.0.1", true}, {"5.9.9", false}, {"", true}, {"unstable", true},
	} {
		o := Options{Version: tt.version}
		require.Equal(t, tt.want, o.atLeast(6, 2), tt.version)
	}
}

func TestParseValue(t *testing.T) {
	for in, want := range map[string]int64{"123": 123, "7:xxxx": 7, "0": 0, "": Foreign, "abc": Foreign, ":x": Foreign, "-5": -5} {
		require.Equal(t, want, parseValue(in), in)
	}
}

func TestValueIsPadded(t *testing.T) {
	for _, size := range []int{1, 3, 4, 16, 1024} {
		s := session{opt: Options{ValueSize: size}}
		v := string(s.value(123).([]byte))
		require.Len(t, v, max(size, 4))
		require.EqualValues(t, 123, parseValue(v))
	}
	require.EqualValues(t, 123, (&session{}).value(123))
}
