package checker

import "github.com/schismtest/schism/history"

// registers judges registers with unique values by the exact sweep.
func (x *extra) registers() {
	if x.all&registerOps != 0 {
		checkRegisters(x.h, x.a)
	}
}

// decided tells the registers' results that porcupine has judged the keys whose values repeat, which the sweep leaves undecided. It
// saw reads from masters only.
func (x *extra) decided() {
	if len(x.repeated) == 0 || len(x.undecided) > 0 {
		return
	}
	for i := range x.a.Result.Registers {
		l := &x.a.Result.Registers[i]
		if l.Scope == scopeMaster || !x.replicaReads() {
			l.Undecided = ""
		}
	}
}

func (x *extra) replicaReads() bool {
	for _, f := range x.h.Ops.Flags {
		if f&history.FlagReplicaRead != 0 {
			return true
		}
	}
	return false
}
