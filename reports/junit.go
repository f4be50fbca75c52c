package reports

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/nights"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Timestamp  string          `xml:"timestamp,attr,omitempty"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name    string     `xml:"name,attr"`
	Class   string     `xml:"classname,attr"`
	Failure *junitNote `xml:"failure,omitempty"`
	Error   *junitNote `xml:"error,omitempty"`
	Skipped *junitNote `xml:"skipped,omitempty"`
}

type junitNote struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the last night: a suite for a scenario on a server, with a case for its verdict and one a promise. Names say nothing that differs
// from night to night; the seeds are properties. Unknown is an error, never a skip; a cell that was not run is skipped.
func JUnit(w io.Writer, r *nights.Report) error {
	all := junitSuites{Name: "schism"}
	for _, c := range r.Cells {
		if c.Last() == nil {
			continue
		}
		s := suiteOf(c)
		for _, k := range s.Cases {
			s.Tests++
			switch {
			case k.Failure != nil:
				s.Failures++
			case k.Error != nil:
				s.Errors++
			case k.Skipped != nil:
				s.Skipped++
			}
		}
		all.Suites = append(all.Suites, s)
		all.Tests, all.Failures, all.Errors, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors, all.Skipped+s.Skipped
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write junit: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := e.Encode(all); err != nil {
		return fmt.Errorf("write junit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func suiteOf(c *nights.CellReport) junitSuite {
	name := c.Cell.Scenario + "." + c.Cell.Server
	last := c.Last()
	s := junitSuite{Name: name}
	verdict := junitCase{Name: "verdict", Class: name}
	if c.NotRun {
		verdict.Skipped = &junitNote{Message: "not run; the last time was " + last.When()}
		s.Cases = []junitCase{verdict}
		return s
	}
	s.Timestamp = strings.TrimSuffix(last.Started, "Z")
	s.Properties = properties(last.Lines)
	for _, v := range []result.Verdict{result.Violation, result.Error, result.Unknown} {
		var say []string
		for _, l := range last.Lines {
			if l.Verdict == v {
				say = append(say, fmt.Sprintf("seed %d: %s", l.Seed, strings.TrimSpace(l.Headline+" "+l.Sub)))
			}
		}
		if len(say) == 0 {
			continue
		}
		note := &junitNote{Message: fmt.Sprintf("%s in %d of %s", v, len(say), words.Plural(int64(len(last.Lines)), "run", "runs")), Text: strings.Join(say, "\n")}
		if v == result.Violation {
			verdict.Failure = note
		} else {
			verdict.Error = note
		}
		break
	}
	s.Cases = append([]junitCase{verdict}, promiseCases(name, last)...)
	return s
}

// promiseCases are a case a promise, by name.
func promiseCases(class string, n *nights.Night) []junitCase {
	broken, open := map[string][]string{}, map[string][]string{}
	var names []string
	for _, l := range n.Lines {
		for _, h := range l.Broken {
			names = append(names, h.Key)
			broken[h.Key] = append(broken[h.Key], fmt.Sprintf("seed %d: %s: measured %s, limit %s", l.Seed, h.Text, h.Measured, h.Limit))
		}
		for _, h := range l.Undecided {
			names = append(names, h.Key)
			open[h.Key] = append(open[h.Key], fmt.Sprintf("seed %d: %s: %s", l.Seed, h.Text, cmp.Or(h.Why, "not judged")))
		}
		names = append(names, l.Kept...)
		if l.Verdict != result.Pass && l.Verdict != result.Violation {
			for _, k := range l.Kept {
				open[k] = append(open[k], fmt.Sprintf("seed %d: the run is %s", l.Seed, l.Verdict))
			}
		}
	}
	slices.Sort(names)
	var out []junitCase
	for _, k := range slices.Compact(names) {
		c := junitCase{Name: k, Class: class}
		switch {
		case len(broken[k]) > 0:
			c.Failure = &junitNote{Message: broken[k][0], Text: strings.Join(broken[k], "\n")}
		case len(open[k]) > 0:
			c.Error = &junitNote{Message: "not decided: " + open[k][0], Text: strings.Join(open[k], "\n")}
		}
		out = append(out, c)
	}
	return out
}

// properties are what differs from night to night.
func properties(lines []*nights.Line) []junitProperty {
	var out []junitProperty
	for _, l := range lines {
		for _, p := range []junitProperty{{"seed", fmt.Sprint(l.Seed)}, {"run", l.Run}, {"server", l.Name}, {"build", l.Build}, {"image", l.Image}, {"digest", l.Digest}, {"schism", l.Schism}} {
			if p.Value != "" && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}
