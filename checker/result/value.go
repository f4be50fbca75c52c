package result

import (
	"encoding/json"
	"fmt"
	"math"
)

// Value is what a measure came to: something from Lo to Hi, in the measure's unit. Whatever cannot be told (an unknown fate, a record
// cut off, a machine that stood still) makes it wider and never decides it (checkers.md, "Values are intervals").
type Value struct {
	Lo, Hi float64 // Hi is +Inf where nothing bounds it
	Why    string  // why the two differ; empty for a point
}

// Exactly is a value that is known.
func Exactly(v float64) Value { return Value{Lo: v, Hi: v} }

// AtLeast is a value of which only the lower end is known.
func AtLeast(v float64, why string) Value { return Value{Lo: v, Hi: math.Inf(1), Why: why} }

// Unmeasured is the value of a measure that this run says nothing about.
func Unmeasured(why string) Value { return AtLeast(0, why) }

// Between is a value known to lie in an interval; why is kept where the ends differ.
func Between(lo, hi float64, why string) Value {
	v := Value{Lo: lo, Hi: max(lo, hi)}
	if v.Lo != v.Hi {
		v.Why = why
	}
	return v
}

// Point reports whether the value is known exactly.
func (v Value) Point() bool { return v.Lo == v.Hi }

// Measured reports whether the run says anything about it.
func (v Value) Measured() bool { return v.Lo > 0 || !math.IsInf(v.Hi, 1) }

// Widened lets the value be up to by more than it is.
func (v Value) Widened(by float64, why string) Value {
	if by <= 0 {
		return v
	}
	v.Hi += by
	if v.Why == "" {
		v.Why = why
	}
	return v
}

// encodedValue is a value in JSON, where infinity cannot be written: Hi is left out then.
type encodedValue struct {
	Lo  float64  `json:"lo"`
	Hi  *float64 `json:"hi,omitempty"`
	Why string   `json:"why,omitempty"`
}

// MarshalJSON leaves an infinite Hi out.
func (v Value) MarshalJSON() ([]byte, error) {
	e := encodedValue{Lo: v.Lo, Why: v.Why}
	if !math.IsInf(v.Hi, 1) {
		e.Hi = &v.Hi
	}
	return json.Marshal(e)
}

// UnmarshalJSON reads MarshalJSON's form.
func (v *Value) UnmarshalJSON(b []byte) error {
	var e encodedValue
	if err := json.Unmarshal(b, &e); err != nil {
		return fmt.Errorf("read value: %w", err)
	}
	*v = Value{Lo: e.Lo, Hi: math.Inf(1), Why: e.Why}
	if e.Hi != nil {
		v.Hi = *e.Hi
	}
	return nil
}

// MeasureValue is one promisable measure and what it came to.
type MeasureValue struct {
	Name  string `json:"name"`
	Value Value  `json:"value"`
}

// UnmarshalJSON reads results of schema 1 as well, in which a measure was a number that was known or not.
func (m *MeasureValue) UnmarshalJSON(b []byte) error {
	type plain MeasureValue
	if err := json.Unmarshal(b, (*plain)(m)); err == nil {
		return nil
	}
	var old struct {
		Name  string
		Value float64
		Known bool
		Why   string
	}
	if err := json.Unmarshal(b, &old); err != nil {
		return fmt.Errorf("read measure: %w", err)
	}
	m.Name, m.Value = old.Name, Exactly(old.Value)
	if !old.Known {
		m.Value = Unmeasured(old.Why)
	}
	return nil
}
