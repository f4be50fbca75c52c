package nemesis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/guard"
)

// mechanism makes a fault and undoes it. All of its methods may be called although an earlier one failed; heal then undoes what there
// is, and nothing when there is nothing.
type mechanism interface {
	// inject breaks it and returns the moment at which all of it was broken.
	inject(ctx context.Context) (int64, error)
	// prove returns when it has been seen to be broken, and says what was seen.
	prove(ctx context.Context) (string, error)
	// heal undoes it and returns the moment at which all of it was undone.
	heal(ctx context.Context) (int64, error)
	// proveHealed returns when it has been seen to work again. Its moment counts instead of heal's unless it is 0.
	proveHealed(ctx context.Context) (int64, string, error)
}

// fault is one fault on its way through its stages.
type fault struct {
	numbered
	r    *runner
	base int           // the fault after which a failover counts, 0 for the beginning of the load
	rec  history.Fault // guarded by r.mu

	// begun is closed when it was injected, or will not be; effect is then the moment, 0 for never.
	begun  chan struct{}
	effect int64
	// healed is closed when it was healed, or will not be; healedAt is then the moment.
	healed   chan struct{}
	healedAt int64

	mu        sync.Mutex // held while it is healed
	mech      mechanism
	stopProof context.CancelFunc
	proof     guard.WaitGroup
	over      bool // there is nothing to heal any more
}

// run takes the fault through all stages but, for one without an end, its heal.
func (f *fault) run(ctx context.Context) {
	returned := false
	defer func() {
		if !returned { // it panicked: nobody may wait for a stage that will not come
			f.abandon()
		}
	}()
	f.stages(ctx)
	returned = true
}

// abandon closes the stages that are open.
func (f *fault) abandon() {
	for _, stage := range []chan struct{}{f.begun, f.healed} {
		select {
		case <-stage:
		default:
			close(stage)
		}
	}
}

func (f *fault) stages(ctx context.Context) {
	if why := f.rec.Unavailable; why != "" {
		f.r.update(f, func(*history.Fault) {})
		f.r.say("fault %d is not available here: %s", f.id, why)
		f.skip()
		return
	}
	at, err := f.r.await(ctx, f.when, f.base)
	if err == nil {
		err = f.r.sleep(ctx, at)
	}
	if err != nil {
		f.fail("not injected", err)
		f.skip()
		return
	}
	if !f.begin(ctx, at) {
		return
	}
	switch {
	case !f.action.heals():
		// Nobody will heal it: only its proof is waited for.
		f.proof.Wait()
		f.stopProof()
		f.mu.Lock()
		f.over = true
		f.mu.Unlock()
		f.healedAt = f.effect
		close(f.healed)
		if !f.action.Stays { // over as soon as it is done: it holds for no time
			f.r.update(f, func(rec *history.Fault) { rec.Healed = rec.Effect })
		}
		return
	case f.action.itself():
		f.proof.Wait()
	case f.action.Ends != nil:
		at, err := f.r.await(ctx, *f.action.Ends, f.id)
		if err != nil && ctx.Err() == nil {
			f.fail("its end did not come", err)
		}
		if f.r.sleep(ctx, at) != nil {
			return
		}
	case f.action.Lasts > 0:
		if f.r.sleep(ctx, f.effect+f.action.Lasts.Nanoseconds()) != nil {
			return
		}
	default:
		f.proof.Wait()
		return
	}
	f.heal()
}

// skip closes the stages of a fault that never begins.
func (f *fault) skip() {
	f.mu.Lock()
	f.over = true
	f.mu.Unlock()
	close(f.begun)
	close(f.healed)
}

// fail notes the first thing that went wrong.
func (f *fault) fail(what string, err error) {
	f.r.update(f, func(rec *history.Fault) {
		if rec.Err == "" {
			rec.Err = what + ": " + err.Error()
		}
		if late := (*timedOut)(nil); rec.Awaited == "" && errors.As(err, &late) {
			rec.Awaited, rec.Waited = late.what, late.within.Nanoseconds()
		}
	})
	f.r.say("fault %d: %s: %v", f.id, what, err)
}

// begin settles the targets, injects the fault and starts its proof.
func (f *fault) begin(ctx context.Context, at int64) bool {
	r := f.r
	m, err := r.mechanism(f)
	if err != nil {
		r.update(f, func(rec *history.Fault) { rec.Scheduled = at })
		f.fail("not injected", err)
		f.skip()
		return false
	}
	r.say("fault %d: %s", f.id, f.rec.Text)
	f.mu.Lock()
	f.mech = m // from here on whoever ends the run will heal it
	f.mu.Unlock()
	r.update(f, func(rec *history.Fault) { rec.Scheduled, rec.Injected = at, r.Clock() })
	effect, err := m.inject(ctx)
	if err != nil {
		f.fail("not injected", err)
		close(f.begun)
		f.heal()
		return false
	}
	f.effect = effect
	defer close(f.begun)
	pctx, cancel := context.WithCancel(ctx)
	f.stopProof = cancel
	f.proof.Go(func() {
		text, err := m.prove(pctx)
		if err != nil {
			f.fail("no proof that it took effect", err)
			return
		}
		r.update(f, func(rec *history.Fault) { rec.Effect, rec.Proof = effect, text })
	})
	return true
}

// open tells whether there is something to heal.
func (f *fault) open() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mech != nil && !f.over
}

// heal undoes the fault and proves it, once. One that is still being injected is healed after that.
func (f *fault) heal() {
	<-f.begun
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mech == nil || f.over {
		return
	}
	f.over = true
	defer close(f.healed)
	if f.stopProof != nil {
		f.stopProof()
		f.proof.Wait()
	}
	// A heal that has begun outlives the run's end, for a while.
	ctx, cancel := context.WithTimeout(f.r.ends, healLimit)
	defer cancel()
	called := f.r.Clock()
	if f.action.Kind == KindDebugSleep && f.effect > 0 {
		called = f.effect + f.action.Sleep.Nanoseconds()
	}
	f.r.update(f, func(rec *history.Fault) { rec.HealCalled = called })
	at, err := f.mech.heal(ctx)
	var text string
	if err == nil {
		var seen int64
		if seen, text, err = f.mech.proveHealed(ctx); seen != 0 {
			at = seen
		}
	}
	if err != nil {
		f.fail("not healed", err)
		f.r.failed(fmt.Errorf("heal fault %d (%s): %w", f.id, f.rec.Text, err))
		return
	}
	f.healedAt = at
	f.r.update(f, func(rec *history.Fault) { rec.Healed, rec.HealProof = at, text })
	f.r.say("fault %d is healed: %s", f.id, text)
}

// healLimit bounds one heal with its proof; a server may have to load its data first.
const healLimit = time.Minute

var errNoEffect = errors.New("did not take effect")

// afterEffect waits for the fault's effect and returns the moment.
func (f *fault) afterEffect(ctx context.Context) (int64, error) {
	select {
	case <-f.begun:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if f.effect == 0 {
		return 0, fmt.Errorf("fault %d %w", f.id, errNoEffect)
	}
	return f.effect, nil
}

// afterHeal waits for the fault's heal and returns the moment.
func (f *fault) afterHeal(ctx context.Context) (int64, error) {
	select {
	case <-f.healed:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if f.healedAt == 0 {
		return 0, fmt.Errorf("fault %d did not heal", f.id)
	}
	return f.healedAt, nil
}
