package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"golang.org/x/sync/errgroup"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/monotime"
	"github.com/schismtest/schism/workloads"
)

const keys = 100

// measured is one run: op/s, and the processor time of this process for one operation.
type measured struct {
	rate       float64
	cpu        time.Duration
	ops, bytes int64
}

// end fills in what passed since the run began.
func (m *measured) end(began time.Time, cpu time.Duration) {
	m.rate = float64(m.ops) / time.Since(began).Seconds()
	m.cpu = (processorTime() - cpu) / time.Duration(max(m.ops, 1))
}

// processorTime is what this process has used so far, by itself and in the kernel.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// runBare is the loop that anybody would write: the commands of the register workload, on as many connections.
func runBare(ctx context.Context, c config) (r measured, err error) {
	names := make([]string, keys)
	for i := range names {
		names[i] = "r:" + strconv.Itoa(i)
	}
	var n atomic.Int64
	var g errgroup.Group
	var stop atomic.Bool
	clients := make([]*redis.Client, c.writers+c.readers)
	for i := range clients {
		clients[i] = redis.NewClient(&redis.Options{Addr: c.addr, Protocol: 2, PoolSize: 1, PipelinePoolSize: -1, MaxRetries: -1,
			ReadTimeout: time.Second, WriteTimeout: time.Second, DisableIdentity: true, ContextTimeoutEnabled: true,
			MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}})
		defer clients[i].Close()
		if err := clients[i].Ping(ctx).Err(); err != nil {
			return r, fmt.Errorf("connect: %w", err)
		}
	}
	began, cpu := time.Now(), processorTime()
	for i, rdb := range clients {
		g.Go(func() error {
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			var done, version int64
			defer func() { n.Add(done) }()
			for ; !stop.Load(); done++ {
				key := names[rng.IntN(keys)]
				var err error
				if i < c.writers {
					version++
					err = rdb.SetArgs(ctx, key, version, redis.SetArgs{Get: true}).Err()
				} else {
					err = rdb.Get(ctx, key).Err()
				}
				if err != nil && err != redis.Nil {
					return fmt.Errorf("bare loop: %w", err)
				}
			}
			return nil
		})
	}
	wait(ctx, c.run)
	stop.Store(true)
	err = g.Wait()
	r.ops = n.Load()
	r.end(began, cpu)
	return r, err
}

// wait returns after d or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}

// runRecorded is the same by a workload's runner in closed loop, with its records encoded as they are for the history.
func runRecorded(ctx context.Context, c config) (r measured, err error) {
	base := monotime.Now()
	var buf []byte
	var failed int64
	run, err := workloads.NewRunner(workloads.Job{
		Spec: workloads.Spec{Kind: workloads.Register, Writers: c.writers, Readers: max(c.readers, 1), ReadFrom: workloads.Master, Keys: keys,
			Closed: true, Shared: true, Probes: -1},
		Writers: c.writers, Readers: c.readers, Seed: 1, Servers: map[string]int32{c.addr: 0}, Master: c.addr,
	}, func() int64 { return monotime.Now() - base }, func(b *history.Batch) {
		buf = history.EncodeBatch(buf[:0], b)
		r.bytes += int64(len(buf))
		r.ops += int64(len(b.Ops))
		for i := range b.Ops {
			if b.Ops[i].Outcome != history.OK {
				failed++
			}
		}
	})
	if err != nil {
		return r, err
	}
	if err := run.Prepare(ctx); err != nil {
		return r, err
	}
	began, cpu := time.Now(), processorTime()
	ctx, cancel := context.WithTimeout(ctx, c.run)
	defer cancel()
	if err := run.Run(ctx); err != nil {
		return r, err
	}
	r.end(began, cpu)
	if failed > 0 {
		return r, fmt.Errorf("recorded run: %d of %d operations failed", failed, r.ops)
	}
	return r, nil
}

// redisBenchmark runs SET and GET by redis-benchmark, in the shares of the other runs.
func redisBenchmark(ctx context.Context, c config) (opsPerSecond float64, ok bool) {
	path, err := exec.LookPath("redis-benchmark")
	if err != nil {
		return 0, false
	}
	host, port, err := net.SplitHostPort(c.addr)
	if err != nil {
		return 0, false
	}
	out, err := exec.CommandContext(ctx, path, "-h", host, "-p", port, "-c", strconv.Itoa(c.writers+c.readers), "-n", "50000",
		"-r", strconv.Itoa(keys), "-t", "set,get", "--csv").Output()
	if err != nil {
		return 0, false
	}
	rows, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
	if err != nil {
		return 0, false
	}
	seconds := 0.0 // for one operation of the mix
	for _, row := range rows {
		if len(row) < 2 {
			continue
		}
		rps, err := strconv.ParseFloat(row[1], 64)
		if err != nil || rps <= 0 {
			continue
		}
		switch row[0] {
		case "SET":
			seconds += float64(c.writers) / float64(c.writers+c.readers) / rps
		case "GET":
			seconds += float64(c.readers) / float64(c.writers+c.readers) / rps
		}
	}
	return 1 / seconds, seconds > 0
}

// startServer starts a server without persistence on loopback.
func startServer(ctx context.Context) (addr string, stop func(), err error) {
	var path string
	for _, name := range []string{"redis-server", "valkey-server", "redis-check-rdb"} {
		if path, err = exec.LookPath(name); err == nil {
			break
		}
	}
	if err != nil {
		return "", nil, errors.New("no redis-server is installed: install one, or name a running one with -addr")
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	addr = l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	l.Close()
	cmd := exec.CommandContext(ctx, path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
	cmd.Args[0] = "redis-server" // Debian's redis-check-rdb is the same program
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("start server: %w", err)
	}
	stop = func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	defer rdb.Close()
	deadline := time.Now().Add(10 * time.Second)
	for rdb.Ping(ctx).Err() != nil {
		if time.Now().After(deadline) || ctx.Err() != nil {
			stop()
			return "", nil, errors.New("start server: it does not answer")
		}
		wait(ctx, 10*time.Millisecond)
	}
	return addr, stop, nil
}
