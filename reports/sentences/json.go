package sentences

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// File is result.json: a result, and the sentences made of it.
type File struct {
	Sentences
	result.Result
}

// WriteJSON writes result.json.
func WriteJSON(w io.Writer, run *history.Run, r *result.Result) error {
	f := File{Of(run, r), *r}
	f.Schema = result.ResultSchema
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	if err := e.Encode(&f); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// ReadJSON reads a result.json of this or an earlier version. A newer one is refused: its numbers may mean something else.
func ReadJSON(rd io.Reader) (*File, error) {
	var f File
	if err := json.NewDecoder(rd).Decode(&f); err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	if f.Schema < 1 || f.Schema > result.ResultSchema {
		return nil, fmt.Errorf("read result: schema %d, this program reads up to %d", f.Schema, result.ResultSchema)
	}
	return &f, nil
}
