package checker

// collectionMeasures are the measures of this part of the checker that a promise can name, besides those of registers.
func collectionMeasures() []Measure {
	return []Measure{
		{"monotonic_writes", number, "at most %s reads show a session's later element without its earlier one", "sessions' writes are seen in order", "reads that showed a session's later write without its earlier one"},
		{"writes_follow_reads", number, "at most %s reads show an element without what its session had read", "writes are seen after what their session had read", "reads that showed a write without what its session had read"},
		{"lock_overlaps", number, "at most %s lock holdings overlap another", "a lock has one holder at a time", "overlapping lock holders"},
		{"stale_tokens_taken", number, "at most %s outdated fencing tokens are taken", "no outdated fencing token is taken", "outdated fencing tokens taken"},
		{"fractured", number, "at most %s reads show a torn transfer", "no read shows a torn transfer", "torn transfers"},
		{"bank_lost", number, "at most %s acknowledged transfers are missing", "no acknowledged transfer is missing", "missing transfers"},
		{"queue-lost", number, "at most %s acknowledged elements of queues are lost", "no acknowledged element of a queue is lost", "lost elements of queues"},
		{"queue-duplicated", number, "at most %s elements come off a queue twice", "every element comes off a queue once", "elements that came off a queue twice"},
		{"queue-reordered", number, "at most %s elements overtake another in a queue", "queues keep their order", "elements out of order"},
		{"queue-redelivered", number, "at most %s elements are delivered again", "no element is delivered again", "redelivered elements"},
		{"expired_reads", number, "at most %s reads return a value after its time to live", "no read returns a value after its time to live", "reads after the time to live"},
		{"expired_worst", timed, "no value is read more than %s after its time to live", "", "time past the end of a life"},
		{"early_nil", number, "at most %s reads from masters find nothing before a value's time to live ends", "no value is gone before its time", "values gone before their time"},
		{"early_nil_replica", number, "at most %s reads from replicas find nothing before a value's time to live ends", "no value is gone before its time on replicas", "values gone before their time on replicas"},
		{"txn_anomalies", number, "at most %s anomalies of transactions", "transactions are strictly serializable", "anomalies of transactions"},
	}
}
