package sentences

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/schismtest/schism/checker"
)

// WriteJSON writes result.json.
func WriteJSON(w io.Writer, r *checker.Result) error {
	c := *r
	c.Schema = checker.ResultSchema
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	if err := e.Encode(&c); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// ReadJSON reads a result.json of this or an earlier version. A newer one is refused: its numbers may mean something else.
func ReadJSON(rd io.Reader) (*checker.Result, error) {
	var r checker.Result
	if err := json.NewDecoder(rd).Decode(&r); err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	if r.Schema < 1 || r.Schema > checker.ResultSchema {
		return nil, fmt.Errorf("read result: schema %d, this program reads up to %d", r.Schema, checker.ResultSchema)
	}
	return &r, nil
}
