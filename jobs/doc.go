// Package jobs is a durable job queue: work survives crashes, restarts, outages and full
// disks until it is done.
//
// A job has a key, a project, a kind, a class and an opaque payload. Callers enqueue it and
// may wait for it to end. Workers take it, store partial results as they go, and end it
// with a result or a reason. The package does not know what a job computes.
//
//	q, err := jobs.Open(ctx, jobs.Options{Dir: dir})
//	q.Enqueue(ctx, jobs.Spec{Key: key, Project: "7", Kind: "transcribe"})
//	...
//	l, err := q.Take(ctx, "transcribe", priority.Batch)
//	defer l.Release()
//	windows, err := l.Windows(ctx)           // stored by earlier attempts
//	l.PutWindow(ctx, i, part)                // a crash costs one window at most
//	l.Finish(ctx, result)                    // or Fail, or Retry; FinishWith may keep the windows
//	...
//	job, err := q.Wait(ctx, key)             // job.State is Done or Discarded
//	result, err := q.Result(ctx, key)
//
// # Store
//
// The store is NATS JetStream: either a server embedded in the process, which works on a
// data directory, opens no socket and syncs every write before acknowledging it, or a
// cluster given by its URL. The code is the same for both. With the prefix "asr" the store
// holds
//
//	stream            subjects                        content
//	KV_asr-jobs       $KV.asr-jobs.<key>              the record of a job, JSON
//	KV_asr-windows    $KV.asr-windows.<id>.<index>    window results of jobs that have not ended, or keep them
//	KV_asr-results    $KV.asr-results.<id>.<result>   results up to 128 KiB
//	OBJ_asr-blobs     $O.asr-blobs.>                  larger results, in chunks
//	KV_asr-projects   $KV.asr-projects.<project>.<key>  values of projects
//	                  $KV.asr-projects.source         Options.Source
//	                  $KV.asr-projects.deleted        the name of the value deleted last
//
// where <id> identifies one incarnation of a key. Keys and projects are escaped: letters,
// digits, - and _ stand for themselves, other bytes are written =XX.
//
// # States
//
// The record is the single source of truth about a job, and every transition is one
// compare-and-set on its revision. Enqueueing a key twice therefore creates one job, one of
// several workers gets it, and a late result is refused.
//
//	                  Take                 Finish
//	Enqueue ──> queued ────────> running ──────────> done
//	              ^ ^              │ │ │   Fail
//	              │ └──────────────┘ │ └───────────> dead
//	              │  Retry, Release, │ too many        │
//	              │  Snooze, crash   └─ crashes ──────>│
//	              └────────────────────────────────────┘
//	                        Requeue, Revive, Restart; Redo for a done job whose result is damaged
//
// Cancel makes a job dead from any state but done, and marks it as cancelled. Raise changes the
// class of a job, also while a worker runs it.
//
// A worker renews its lease by writing the record, its heartbeat. When heartbeats stop, the
// attempt counts as a crash: the worker's context is cancelled, and the job is queued again,
// or dead after Options.MaxCrashes crashes in a row without a new window. Jobs that crashed
// repeatedly are suspects and run one at a time, so that the one that kills its process
// does not take others with it. A process that opens a data directory knows that nobody
// else runs the jobs it finds running, and queues them at once.
//
// # Order
//
// Every process watches the records and keeps an index of them without the payloads, about
// 1 KiB per job. The highest class goes first; within a class the projects take turns, one
// job a turn. Jobs that are scheduled for later, or wait for another job, delay nobody.
// Processes of a cluster choose independently; when two choose the same job, one of them
// chooses again.
//
// A stream with work-queue retention would deliver and acknowledge too, but in the order of
// its sequence. Choosing among a hundred projects and four classes would need a consumer
// for each pair, attempts and reasons could not be read from it, and a record beside it
// would be a second truth to reconcile after every crash.
//
// # Durability
//
// What Enqueue, PutWindow, Finish and the others have acknowledged survives a crash of the
// process and, in a data directory, a power failure. A crash costs a job the window that
// was being computed. Damage to the data directory is detected when it is opened and
// reported as ErrDamaged, with what is missing. Window results, which only save time, are
// removed instead, and a job whose result is damaged can be done again (Redo).
//
// Side effects are up to the caller: a worker may be killed after it has pushed a prediction
// and before it has recorded that, so the next attempt must look before it pushes.
//
// Goroutines: the watch on the records, the health check, housekeeping, and one for every
// lease. Close ends leases, queue, connection and server, in this order.
package jobs
