package exchange

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/schismtest/schism/history"
)

// WriteEDN writes the operations as a Jepsen history: an invocation and a completion each, in order of time, with :time in ns. Keyed
// objects have values [key value].
func WriteEDN(w io.Writer, h *history.History) error {
	type moment struct {
		t    int64
		op   int
		done bool
	}
	var ms []moment
	ret := ednReturns(h)
	for i := range h.Ops.Len() {
		ms = append(ms, moment{h.Ops.Call[i], i, false}, moment{ret[i], i, true})
	}
	// At one moment invocations come first: intervals are closed, so what only touches is concurrent. But a process ends one
	// operation before it begins the next.
	type turn struct {
		t       int64
		process int32
	}
	ends, begins := map[turn]bool{}, map[turn]bool{}
	for i := range h.Ops.Len() {
		if c, r := h.Ops.Call[i], ret[i]; c != r {
			begins[turn{c, h.Ops.Process[i]}] = true
			ends[turn{r, h.Ops.Process[i]}] = true
		}
	}
	rank := func(m moment) int {
		at := turn{m.t, h.Ops.Process[m.op]}
		switch both := ends[at] && begins[at]; {
		case !m.done && !both:
			return 0
		case m.done && both:
			return 1
		case !m.done:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(ms, func(a, b moment) int { return cmp.Or(cmp.Compare(a.t, b.t), cmp.Compare(rank(a), rank(b))) })
	bw := bufio.NewWriterSize(w, 1<<16)
	for index, m := range ms {
		o := h.Ops.At(m.op)
		typ, t := "invoke", o.Call
		if m.done {
			typ = o.Outcome.String()
			if o.Outcome == history.OK && saidNo(&o) {
				typ = "fail" // Jepsen has no answer "no"
			}
			t = ret[m.op]
			if t == history.Inf {
				t = max(h.End, o.Call)
			}
		}
		f, value := ednValue(h, &o, m.done)
		fmt.Fprintf(bw, "{:index %d, :time %d, :process %d, :type :%s, :f :%s, :value %s", index, t, o.Process, typ, f, value)
		if m.done && o.Err != history.ErrNone {
			fmt.Fprintf(bw, ", :error :%s", o.Err)
		}
		bw.WriteString("}\n")
	}
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("write EDN: %w", err)
	}
	return nil
}

// saidNo reports whether the server answered that it did nothing.
func saidNo(o *history.Op) bool {
	switch o.F {
	case history.FCAS, history.FTransfer, history.FRelease:
		return o.Out == 0
	case history.FAcquire, history.FDequeue:
		return o.Out == history.Nil
	}
	return false
}

// ednReturns are the returns, none after the process's next call: stamps are rounded outwards to microseconds, so that two operations
// of one process may seem to overlap by one, which no Jepsen history may.
func ednReturns(h *history.History) []int64 {
	n := h.Ops.Len()
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(h.Ops.Process[a], h.Ops.Process[b]), cmp.Compare(h.Ops.Call[a], h.Ops.Call[b]), cmp.Compare(a, b))
	})
	ret := slices.Clone(h.Ops.Return)
	for j := 1; j < n; j++ {
		if a, b := order[j-1], order[j]; h.Ops.Process[a] == h.Ops.Process[b] && ret[a] != history.Inf {
			ret[a] = min(ret[a], max(h.Ops.Call[a], h.Ops.Call[b]))
		}
	}
	return ret
}

// ednValue is Jepsen's name of the function, and its value when invoked or done.
func ednValue(h *history.History, o *history.Op, done bool) (f, value string) {
	ok := done && o.Outcome == history.OK
	num := func(v int64) string {
		if v == history.Nil || v == history.None {
			return "nil"
		}
		return strconv.FormatInt(v, 10)
	}
	keyed := func(v string) string { return fmt.Sprintf("[%q %s]", h.Keys[o.Key], v) }
	out := func() string {
		if !ok {
			return "nil"
		}
		return num(o.Out)
	}
	list := func(l []int64, open, end string) string {
		s := make([]string, len(l))
		for i, v := range l {
			s[i] = num(v)
		}
		return open + strings.Join(s, " ") + end
	}
	whole := func(open, end string) string {
		if !ok {
			return "nil"
		}
		return list(o.List, open, end)
	}
	switch o.F {
	case history.FWrite, history.FExpiring:
		return "write", keyed(num(o.In))
	case history.FRead, history.FReadExpiring:
		return "read", keyed(out())
	case history.FCAS:
		return "cas", keyed("[" + num(o.In) + " " + num(o.Arg) + "]")
	case history.FDel:
		return "delete", keyed("nil")
	case history.FAdd:
		return "add", keyed(num(o.In))
	case history.FAppend:
		return "append", keyed(num(o.In))
	case history.FReadSet:
		return "read", keyed(whole("#{", "}"))
	case history.FReadList:
		return "read", keyed(whole("[", "]"))
	case history.FIncr:
		return "add", keyed(num(o.In))
	case history.FReadCounter:
		return "read", keyed(out())
	case history.FAcquire:
		return "acquire", keyed(num(o.In))
	case history.FRelease:
		return "release", keyed(num(o.In))
	case history.FTransfer:
		if len(o.List) == 2 {
			return "transfer", fmt.Sprintf("{:from %d, :to %d, :amount %d}", o.List[0], o.List[1], o.Arg)
		}
	case history.FReadBank:
		if !ok {
			return "read", "nil"
		}
		var b strings.Builder
		for i, v := range o.List {
			fmt.Fprintf(&b, ", %d %s", i, num(v))
		}
		return "read", "{" + strings.TrimPrefix(b.String(), ", ") + "}"
	case history.FEnqueue:
		return "enqueue", keyed(num(o.In))
	case history.FDequeue:
		return "dequeue", keyed(out())
	case history.FTxn:
		return "txn", ednMops(o, ok, num, list)
	}
	return o.F.String(), keyed(num(o.In))
}

func ednMops(o *history.Op, ok bool, num func(int64) string, list func([]int64, string, string) string) string {
	ms, _ := history.DecodeMops(o.List)
	var s []string
	for _, m := range ms {
		switch m.F {
		case history.FAppend:
			s = append(s, fmt.Sprintf("[:append %d %s]", m.Key, num(m.In)))
		case history.FWrite:
			s = append(s, fmt.Sprintf("[:w %d %s]", m.Key, num(m.In)))
		case history.FRead:
			v := "nil"
			if ok {
				v = num(m.In)
			}
			s = append(s, fmt.Sprintf("[:r %d %s]", m.Key, v))
		case history.FReadList:
			v := "nil"
			if ok && m.List != nil {
				v = list(m.List, "[", "]")
			}
			s = append(s, fmt.Sprintf("[:r %d %s]", m.Key, v))
		}
	}
	return "[" + strings.Join(s, " ") + "]"
}

// ParquetOp is a row of the Parquet export: one operation. Times are ns on the run's clock; absent values are null.
type ParquetOp struct {
	Process  int32   `parquet:"process,delta"`
	Client   int32   `parquet:"client"`
	Worker   string  `parquet:"worker,dict"`
	F        string  `parquet:"f,dict"`
	Outcome  string  `parquet:"outcome,dict"`
	Err      string  `parquet:"err,dict"`
	Node     string  `parquet:"node,dict"`
	Key      string  `parquet:"key,dict"`
	In       *int64  `parquet:"in,optional"`
	Arg      *int64  `parquet:"arg,optional"`
	Out      *int64  `parquet:"out,optional"`
	Acked    *int32  `parquet:"replicas_acked,optional"`
	Intended int64   `parquet:"intended,delta"`
	Call     int64   `parquet:"call,delta"`
	Return   *int64  `parquet:"return,optional"`
	List     []int64 `parquet:"list,list"`
}

// WriteParquet writes the operations as a Parquet file, for DuckDB, pandas and the like.
func WriteParquet(w io.Writer, h *history.History) error {
	pw := parquet.NewGenericWriter[ParquetOp](w, parquet.Compression(&parquet.Zstd))
	const chunk = 4096
	rows := make([]ParquetOp, 0, chunk)
	flush := func() error {
		if _, err := pw.Write(rows); err != nil {
			return fmt.Errorf("write Parquet: %w", err)
		}
		rows = rows[:0]
		return nil
	}
	name := func(i int32) string {
		if i >= 0 && int(i) < len(h.Run.Nodes) {
			return h.Run.Nodes[i].Name
		}
		return ""
	}
	value := func(v int64) *int64 {
		if v == history.None || v == history.Nil || v == history.Inf {
			return nil
		}
		return &v
	}
	for i := range h.Ops.Len() {
		o := h.Ops.At(i)
		row := ParquetOp{Process: o.Process, Client: o.Client, Worker: name(o.Worker), F: o.F.String(), Outcome: o.Outcome.String(), Err: o.Err.String(),
			Node: name(o.Node), Key: h.Keys[o.Key], In: value(o.In), Arg: value(o.Arg), Out: value(o.Out), Intended: o.Intended, Call: o.Call, Return: value(o.Return), List: o.List}
		if o.Acked >= 0 {
			row.Acked = &o.Acked
		}
		if rows = append(rows, row); len(rows) == chunk {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if err := pw.Close(); err != nil {
		return fmt.Errorf("write Parquet: %w", err)
	}
	return nil
}
