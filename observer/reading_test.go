package observer

import (
	"fmt"
	"testing"

	"github.com/schismtest/schism/history"
	"github.com/stretchr/testify/require"
)

// The second reading passes on what differs, and what is gone.
func TestSecondReading(t *testing.T) {
	var got []*history.Batch
	now := int64(0)
	r := reading{number: 1, clock: func() int64 { now += 10; return now }, wall: func() int64 { return 1000 + now }, seen: map[string]uint64{},
		emit: func(b *history.Batch) { got = append(got, b) }}
	keys := func(ds ...history.Dump) *history.Batch { return &history.Batch{Dumps: ds} }
	r.begin()
	r.take(keys(history.Dump{Key: "same", Digest: 1}, history.Dump{Key: "lies", Digest: 2}, history.Dump{Key: "gone", Digest: 3}))
	r.take(keys(history.Dump{Key: "big", Digest: 4, Part: 1}, history.Dump{Key: "big", Digest: 4, Part: 2, Last: true}, history.Dump{Key: "long", Digest: 5, Part: 1}))
	r.take(keys(history.Dump{Key: "long", Digest: 5, Part: 2, Last: true}))
	r.take(&history.Batch{Events: []history.Event{{Name: NoteInexactExpiry}}})
	r.end(5)
	require.Len(t, got, 5)
	require.Equal(t, history.Dump{Key: "lies", Digest: 2, Read: 1, ReadCall: 10, ReadReturn: 20}, got[0].Dumps[1])
	require.Equal(t, int64(30), got[1].Dumps[0].ReadReturn)
	require.Equal(t, []history.Reading{{Read: 1, Call: 10, Return: 60, WallCall: 1010, WallReturn: 1060, Keys: 5}}, got[4].Readings)

	got, r.number = nil, 2
	r.begin()
	r.take(keys(history.Dump{Key: "same", Digest: 1}, history.Dump{Key: "lies", Digest: 9}, history.Dump{Key: "new", Digest: 8}))
	r.take(keys(history.Dump{Key: "big", Digest: 4, Part: 1}, history.Dump{Key: "big", Digest: 4, Part: 2, Last: true}))
	r.take(keys(history.Dump{Key: "long", Digest: 6, Part: 1}, history.Dump{Key: "long", Digest: 6, Part: 2, Last: true}))
	r.take(&history.Batch{Events: []history.Event{{Name: NoteInexactExpiry}}})
	r.end(5)
	var said []string
	for _, b := range got {
		require.Empty(t, b.Events)
		for _, d := range b.Dumps {
			require.Equal(t, int32(2), d.Read)
			require.Equal(t, int64(70), d.ReadCall)
			said = append(said, fmt.Sprint(d.Key, d.Part, d.Type))
		}
	}
	require.Equal(t, []string{"lies0", "new0", "long1", "long2", "gone0none"}, said)
	require.Equal(t, int32(2), got[len(got)-1].Readings[0].Read)
}
