package history

import (
	"strconv"
	"strings"
)

// A ledger tells exactly which transactions took effect: each puts an id of its own on a list in the same MULTI or script. The list
// of key "b:0" is "{b:0}:ledger:<writer>:<n>": the hash tag keeps it on the key's shard, and every writer takes a new list after
// LedgerLen ids, so that none grows large. Ledgers are only written; the final dump has them.

// LedgerLen is how many ids share a ledger list at most.
const LedgerLen = 1000

const (
	ledgerMark    = "}:ledger:"
	replicaPrefix = "replica:"
	txnPrefix     = "t"
)

// LedgerKey is the list on which the transaction with this id on key leaves the id. Ids count up in their low 32 bits; what stands
// above them names the writer.
func LedgerKey(key string, id int64) string {
	return "{" + key + ledgerMark + strconv.FormatInt(id>>32, 10) + ":" + strconv.FormatInt((id&0xffffffff)/LedgerLen, 10)
}

// LedgerOf is the key that a list is a ledger of; ok is false when it is none.
func LedgerOf(list string) (key string, ok bool) {
	i := strings.LastIndex(list, ledgerMark)
	if i < 2 || list[0] != '{' {
		return "", false
	}
	return list[1:i], true
}

// ReplicaKey is the register that the writes with FlagReplicaWrite to a node set, by its number in Run.Nodes.
func ReplicaKey(node int32) string { return replicaPrefix + strconv.Itoa(int(node)) }

// TxnKey is the server's name of key n of transactions (Mop.Key): "t:n". In a Cluster all keys of one transaction lie in one slot, by a
// hash tag that stands in the upper 32 bits of the number: "t:{tag}:n".
func TxnKey(n int64) string {
	if tag := n >> 32; tag > 0 {
		return TxnGroup(tag) + ":" + strconv.FormatInt(n&0xffffffff, 10)
	}
	return txnPrefix + ":" + strconv.FormatInt(n, 10)
}

// TxnGroup is the key of the transactions whose keys share a hash tag, and lies in their slot.
func TxnGroup(tag int64) string { return txnPrefix + ":{" + strconv.FormatInt(tag, 10) + "}" }

// IsReplicaKey tells whether a key is such a register.
func IsReplicaKey(key string) bool { return strings.HasPrefix(key, replicaPrefix) }
