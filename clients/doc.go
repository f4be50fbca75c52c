// Package clients is how a process talks to a server: one interface to issue an operation, go-redis behind it, and the table that
// says what an error proves.
//
// A client is one connection at a time with retries off, so that an operation is sent at most once and it is known to which
// address, and whether its first byte left before it failed. In a Cluster that is one connection to each server; MOVED and ASK are followed,
// once each, since they prove that nothing was executed.
//
// # Keys and values
//
// A key is "<prefix>:<number>". Numbers are decimal, and so are all values, so that a node's content can be read back as integers:
//
//	r:n   register    string  value, padded as "value:xxxx" when a value size is asked for
//	p:n   register of the visibility probes, like r:n; m:n those of the read-mostly part; replica:n what replica n is to refuse
//	s:n   set         set     elements
//	h:n   hash        hash    elements as fields, each with itself as value
//	z:n   sorted set  zset    elements as members, each with itself as score
//	l:n   list        list    elements in order of append
//	c:n   counter     string  value
//	a:n   CAS register string value
//	k:n   lock        string  holder; f:n counts its fencing tokens, w:n is the resource behind it (largest token taken)
//	b:n   bank        hash    account number -> balance; {b:n}:ledger:... lists of the transfers done (history.LedgerKey)
//	q:n   queue       list    elements, LPUSH on the left, taken on the right; qp:<consumer>:n are those in work
//	x:n   stream      stream  entries with the one field "v", group "g"
//	e:n   expiring    string  value, with a time to live; {e:n}:ledger:... lists of what was written with an entry there
//	t:n   list of the transactions, like l:n; the key of a transaction itself is "t". In a Cluster "t:{tag}:n" and "t:{tag}" (history.TxnKey)
//
// In a Cluster the number of a lock or queue is a hash tag: "k:{3}" with "f:{3}" and "w:{3}", "q:{3}" with "qp:<consumer>:{3}".
//
// What is there but no number (foreign data) is read as Foreign, a value that nobody writes.
package clients
