package exchange

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/schismtest/schism/history"
)

// ParquetOp is a row of the Parquet export: one operation. Times are ns on the run's clock; absent values are null.
type ParquetOp struct {
	Process int32  `parquet:"process,delta"`
	Client  int32  `parquet:"client"`
	Worker  string `parquet:"worker,dict"`
	F       string `parquet:"f,dict"`
	Outcome string `parquet:"outcome,dict"`
	Err     string `parquet:"err,dict"`
	Node    string `parquet:"node,dict"`
	Key     string `parquet:"key,dict"`
	In      *int64 `parquet:"in,optional"`
	Arg     *int64 `parquet:"arg,optional"`
	Out     *int64 `parquet:"out,optional"`
	// Absent: the server answered that there is nothing; then Out is null although there was an answer.
	Absent bool `parquet:"absent"`
	// ReplicaRead, Probe: the client meant to read from a replica; a visibility probe on a schedule. Pred: Out is what In replaced.
	ReplicaRead bool `parquet:"replica_read"`
	Probe       bool `parquet:"probe"`
	Pred        bool `parquet:"pred"`
	// Ledger: it went together with an entry in the key's ledger. ReplicaWrite: it went to a replica, which is to refuse it, and is no
	// part of the load.
	Ledger       bool `parquet:"ledger"`
	ReplicaWrite bool `parquet:"replica_write"`
	// AOF: Acked is of WAITAOF, not of WAIT. Local: that counted the server itself too.
	AOF       bool    `parquet:"aof"`
	Local     bool    `parquet:"aof_local"`
	Acked     *int32  `parquet:"replicas_acked,optional"`
	Redirects int32   `parquet:"redirects"`
	Intended  int64   `parquet:"intended,delta"`
	Call      int64   `parquet:"call,delta"`
	Return    *int64  `parquet:"return,optional"`
	List      []int64 `parquet:"list,list"`
	// Fate is what became of a write, in words; Staleness the age in ns of what a read returned. Null where that is not known.
	Fate      *string `parquet:"fate,optional,dict"`
	Staleness *int64  `parquet:"staleness,optional"`
}

// Judged are columns that a checker adds, one entry an operation; each may be nil.
type Judged struct {
	Fate      []string // in words, empty where there is none
	Staleness []int64  // ns, -1 where there is none
}

// The keys of the file's metadata: run.json, and what is missing of the history, both as JSON.
const (
	ParquetRun     = "schism.run"
	ParquetHistory = "schism.history"
)

// WriteParquet writes the operations as a Parquet file, for DuckDB, pandas and the like. It is written only, never read: samples, events
// and dumps are not in it.
func WriteParquet(w io.Writer, h *history.History, judged Judged) error {
	opts := []parquet.WriterOption{parquet.Compression(&parquet.Zstd)}
	err := eachRecord(&history.History{Run: h.Run, Cut: h.Cut, Torn: h.Torn, Missing: h.Missing, End: h.End}, func(r record) error {
		switch {
		case r.Run != nil:
			opts = append(opts, parquet.KeyValueMetadata(ParquetRun, string(r.Run)))
		case r.History != nil:
			p, err := json.Marshal(map[string]any{"cut": h.Cut, "torn": h.Torn, "missing": h.Missing, "end": h.End})
			opts = append(opts, parquet.KeyValueMetadata(ParquetHistory, string(p)))
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write Parquet: %w", err)
	}
	pw := parquet.NewGenericWriter[ParquetOp](w, opts...)
	const chunk = 4096
	rows := make([]ParquetOp, 0, chunk)
	flush := func() error {
		if _, err := pw.Write(rows); err != nil {
			return fmt.Errorf("write Parquet: %w", err)
		}
		rows = rows[:0]
		return nil
	}
	for i := range h.Ops.Len() {
		row := parquetRow(h, i)
		if i < len(judged.Fate) && judged.Fate[i] != "" {
			row.Fate = &judged.Fate[i]
		}
		if i < len(judged.Staleness) && judged.Staleness[i] >= 0 {
			row.Staleness = &judged.Staleness[i]
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

func parquetRow(h *history.History, i int) ParquetOp {
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
	o := h.Ops.At(i)
	row := ParquetOp{Process: o.Process, Client: o.Client, Worker: name(o.Worker), F: o.F.String(), Outcome: o.Outcome.String(), Err: o.Err.String(),
		Node: name(o.Node), Key: keyName(h, o.Key), In: value(o.In), Arg: value(o.Arg), Out: value(o.Out), Absent: o.Out == history.Nil,
		ReplicaRead: o.Flags&history.FlagReplicaRead != 0, Probe: o.Flags&history.FlagProbe != 0, Pred: o.Flags&history.FlagPred != 0,
		Ledger: o.Flags&history.FlagLedger != 0, ReplicaWrite: o.Flags&history.FlagReplicaWrite != 0,
		AOF: o.Flags&history.FlagAOF != 0, Local: o.Flags&history.FlagLocal != 0,
		Redirects: int32(o.Redirects), Intended: o.Intended, Call: o.Call, Return: value(o.Return), List: o.List}
	if o.Acked >= 0 {
		row.Acked = &o.Acked
	}
	return row
}
