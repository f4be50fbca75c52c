// Command scale writes a history of ten million operations as workers send them, checks it the way a run is checked, and prints the
// time, the largest memory and the bytes an operation takes on disk.
package main

import (
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/history"
)

func main() {
	ops := flag.Int("ops", 10_000_000, "operations")
	keys := flag.Int("keys", 10_000, "registers")
	cpu := flag.String("cpuprofile", "", "write a profile of the check to this file")
	dir := flag.String("check", "", "check this folder (the program calls itself with it, so that writing costs no memory)")
	flag.Parse()
	if err := run(*ops, *keys, *dir, *cpu); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(ops, keys int, dir, cpu string) error {
	if dir != "" {
		return check(dir, cpu)
	}
	tmp, err := os.MkdirTemp("", "schism-scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	dir = filepath.Join(tmp, "run")
	if err := write(dir, ops, keys); err != nil {
		return err
	}
	st, err := os.Stat(filepath.Join(dir, history.HistoryFile))
	if err != nil {
		return err
	}
	fmt.Printf("%d operations on %d registers, %.1f bytes an operation on disk\n", ops, keys, float64(st.Size())/float64(ops))
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p, err := os.StartProcess(self, []string{self, "-check", dir, "-cpuprofile", cpu}, &os.ProcAttr{Files: []*os.File{nil, os.Stdout, os.Stderr}})
	if err != nil {
		return err
	}
	state, err := p.Wait()
	if err != nil {
		return err
	}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		fmt.Printf("largest memory %.2f GiB, processor time %s\n", float64(usage.Maxrss)/(1<<20), (state.UserTime() + state.SystemTime()).Round(time.Millisecond))
	}
	if !state.Success() {
		return fmt.Errorf("the check ended with %s", state)
	}
	return nil
}

// write makes batches of 200 operations by 20 clients: half writes with predecessor replies, half reads.
func write(dir string, ops, keys int) error {
	r := rand.New(rand.NewSource(1))
	w, err := history.Create(dir, &history.Run{Schema: history.RunSchema, Scenario: "scale", Nodes: []history.Node{{Name: "n1", Kind: history.Server}, {Name: "w1", Kind: history.Worker}}})
	if err != nil {
		return err
	}
	version := make([]int64, keys)
	t := int64(0)
	var buf []byte
	for seq := uint64(1); ops > 0; seq++ {
		b := &history.Batch{Source: 1, Seq: seq}
		index := map[int]uint32{}
		for range min(200, ops) {
			k := r.Intn(keys)
			id, ok := index[k]
			if !ok {
				id = uint32(len(b.Keys))
				index[k] = id
				b.Keys = append(b.Keys, fmt.Sprint("r:", k))
			}
			t += 1000 * (1 + r.Int63n(20))
			o := history.Op{Process: r.Int31n(20), Worker: 1, F: history.FRead, Key: id, In: history.None, Arg: history.None, Out: version[k], Acked: -1, Call: t, Intended: t, Return: t + 1000}
			if version[k] == 0 {
				o.Out = history.Nil
			}
			if r.Intn(2) == 0 {
				version[k]++
				o.F, o.In, o.Flags = history.FWrite, version[k], history.FlagPred|history.FlagVersion
			}
			o.Client = o.Process
			b.Ops = append(b.Ops, o)
		}
		ops -= len(b.Ops)
		b.Watermark = &history.Watermark{T: t + 2000, Final: ops == 0}
		buf = history.EncodeBatch(buf[:0], b)
		if err := w.Append(buf); err != nil {
			return err
		}
	}
	if err := finish(w, version, t); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return history.Seal(dir, "")
}

// finish records the barrier and what the server holds after it, so that every write is accounted for.
func finish(w *history.Writer, version []int64, t int64) error {
	phase := func(name string, t int64) history.Event {
		return history.Event{Node: history.NoNode, T: t, Kind: history.EvPhase, Name: name}
	}
	if err := w.AppendBatch(&history.Batch{Events: []history.Event{phase(history.PhaseLoad, 0), phase(history.PhaseLoadEnd, t), phase(history.PhaseBarrier, t+1000)}}); err != nil {
		return err
	}
	b := &history.Batch{Events: []history.Event{phase(history.PhaseFinalEnd, t+2000)}}
	for k, v := range version {
		b.Dumps = append(b.Dumps, history.Dump{Key: fmt.Sprint("r:", k), Type: "string", Digest: 1, ExpireAt: -1, Elems: []int64{v}})
	}
	return w.AppendBatch(b)
}

func check(dir, cpu string) error {
	if cpu != "" {
		f, err := os.Create(cpu)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	start := time.Now()
	h, err := history.Load(dir)
	if err != nil {
		return err
	}
	loaded := time.Since(start)
	a, err := checker.Check(h, checker.Options{Progress: func(what string) { fmt.Printf("  %6s  %s\n", time.Since(start).Round(100*time.Millisecond), what) }})
	if err != nil {
		return err
	}
	fmt.Printf("load %s, check %s: %d conflicts, %d writes acknowledged, %d of them there\n", loaded.Round(time.Millisecond), (time.Since(start) - loaded).Round(time.Millisecond),
		a.Result.Registers[0].Conflicts, a.Result.Writes.Acked, a.Result.Writes.Survived)
	return nil
}
