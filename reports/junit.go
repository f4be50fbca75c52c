package reports

import (
	"encoding/xml"
	"fmt"
	"io"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/history"
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
func JUnit(w io.Writer, run *history.Run, r *checker.Result) error {
	class := clean(run.Scenario + "." + serverName(run))
	s := junitSuite{Name: class, Time: fmt.Sprintf("%.3f", float64(run.Duration)/1e9)}
	whole := junitCase{Name: "verdict", Class: class}
	if r.Verdict != checker.Pass {
		note := &junitNote{Message: clean(r.Headline), Text: clean(r.Sub)}
		if r.Verdict == checker.Violation {
			whole.Failure = note
		} else {
			whole.Error = note
		}
	}
	s.Cases = append(s.Cases, whole)
	for _, p := range r.Promises {
		c := junitCase{Name: clean(p.Text), Class: class}
		note := &junitNote{Message: clean(fmt.Sprintf("limit %s, measured %s", p.Limit, p.Measured)), Text: clean(p.Why)}
		switch p.Status {
		case checker.Broken:
			c.Failure = note
		case checker.Undecided:
			c.Error = note
		}
		s.Cases = append(s.Cases, c)
	}
	s.Tests = len(s.Cases)
	for _, c := range s.Cases {
		s.Failures += boolInt(c.Failure != nil)
		s.Errors += boolInt(c.Error != nil)
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
