package reports

import (
	"encoding/xml"
	"fmt"
	"io"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/sentences"
)

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string     `xml:"name,attr"`
	Class   string     `xml:"classname,attr"`
	Failure *junitNote `xml:"failure,omitempty"`
	Error   *junitNote `xml:"error,omitempty"`
}

type junitNote struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes a run as a test suite: a case for the run itself and one a promise. Unknown is an error, never a skip.
func JUnit(w io.Writer, run *history.Run, r *result.Result) error {
	class := words.Clean(run.Scenario + "." + sentences.Server(run))
	s := junitSuite{Name: class, Time: fmt.Sprintf("%.3f", float64(run.Duration)/1e9)}
	whole := junitCase{Name: "verdict", Class: class}
	if r.Verdict != result.Pass {
		say := sentences.Of(run, r)
		note := &junitNote{Message: words.Clean(say.Headline), Text: words.Clean(say.Sub)}
		if r.Verdict == result.Violation {
			whole.Failure = note
		} else {
			whole.Error = note
		}
	}
	s.Cases = append(s.Cases, whole)
	for _, p := range r.Promises {
		c := junitCase{Name: words.Clean(p.Text), Class: class}
		note := &junitNote{Message: words.Clean(fmt.Sprintf("limit %s, measured %s", p.Limit, p.Measured)), Text: words.Clean(p.Why)}
		switch {
		case r.Verdict == result.Error:
			c.Error = &junitNote{Message: "not judged", Text: words.Clean(p.Why)}
		case p.Status == result.Broken:
			c.Failure = note
		case p.Status == result.Undecided:
			c.Error = note
		}
		s.Cases = append(s.Cases, c)
	}
	s.Tests = len(s.Cases)
	for _, c := range s.Cases {
		if c.Failure != nil {
			s.Failures++
		}
		if c.Error != nil {
			s.Errors++
		}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write junit: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := e.Encode(s); err != nil {
		return fmt.Errorf("write junit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}
