// Command load measures what recording costs: the throughput of a workload's clients against that of the same go-redis loop that
// records nothing, and against redis-benchmark with as many connections where that is installed.
//
// Single runs differ by a third on a shared machine, so runs are interleaved and the median of the pairs' ratios is what counts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"time"
)

func main() {
	var c config
	flag.StringVar(&c.addr, "addr", "", "server to load, `ip:port`; its data is overwritten; empty: start one on loopback")
	flag.IntVar(&c.pairs, "pairs", 9, "pairs of runs")
	flag.DurationVar(&c.run, "run", 2*time.Second, "length of one run")
	flag.IntVar(&c.writers, "writers", 8, "connections that write")
	flag.IntVar(&c.readers, "readers", 4, "connections that read")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := bench(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(3)
	}
}

type config struct {
	addr             string
	pairs            int
	run              time.Duration
	writers, readers int
}

func bench(ctx context.Context, c config) error {
	if c.pairs < 1 || c.run <= 0 || c.writers < 1 || c.readers < 0 {
		return errors.New("need at least one pair, one writer and a run longer than 0")
	}
	if c.addr == "" {
		addr, stop, err := startServer(ctx)
		if err != nil {
			return err
		}
		defer stop()
		c.addr = addr
	}
	var bares, recorded, ratios, costs, against []float64
	var bytes, ops int64
	for i := range c.pairs {
		// Which of the two goes first changes, so that a trend of the machine favours neither.
		var bare, rec measured
		var err error
		for j := range 2 {
			if (i+j)%2 == 0 {
				bare, err = runBare(ctx, c)
			} else {
				rec, err = runRecorded(ctx, c)
			}
			if err != nil {
				return err
			}
		}
		bytes, ops = bytes+rec.bytes, ops+rec.ops
		bares, recorded = append(bares, bare.rate), append(recorded, rec.rate)
		ratios, costs = append(ratios, rec.rate/bare.rate), append(costs, float64(rec.cpu)/float64(bare.cpu))
		line := fmt.Sprintf("pair %d: bare %.0f op/s (%v processor time each), recorded %.0f op/s (%v), ratio %.3f",
			i+1, bare.rate, bare.cpu, rec.rate, rec.cpu, rec.rate/bare.rate)
		if own, ok := redisBenchmark(ctx, c); ok {
			against = append(against, rec.rate/own)
			line += fmt.Sprintf("; redis-benchmark %.0f op/s", own)
		}
		fmt.Println(line)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	fmt.Printf("load-recording: throughput ratio %.3f, processor time ratio %.3f (medians of %d pairs, %d connections; bare %.0f op/s, recorded %.0f op/s), encoded %.1f bytes/op\n",
		median(ratios), median(costs), c.pairs, c.writers+c.readers, median(bares), median(recorded), float64(bytes)/float64(max(ops, 1)))
	if len(against) > 0 {
		fmt.Printf("load-against-redis-benchmark: throughput ratio %.3f (median of %d, as many connections, no pipelining)\n", median(against), len(against))
	} else {
		fmt.Println("load-against-redis-benchmark: not measured, redis-benchmark is not installed")
	}
	return nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
