// Package jobs keeps work until it is done: through crashes, restarts, outages and full disks.
//
// A job is a key, a project, a kind, a class and an opaque payload. Callers enqueue it and
// may wait for its end; workers take it, store parts of their work on the way, and end it
// with a result or a reason. The package does not know what a job computes.
//
//	q, err := jobs.Open(ctx, jobs.Options{Dir: dir})
//	q.Enqueue(ctx, jobs.Spec{Key: key, Project: "7", Kind: "transcribe"})
//	...
//	l, err := q.Take(ctx, "transcribe", jobs.Batch)
//	defer l.Release()
//	windows, err := l.Windows(ctx)           // of earlier attempts
//	l.PutWindow(ctx, i, part)                // so that a crash costs a window
//	l.Finish(ctx, result)                    // or Fail, or Retry
//	...
//	job, err := q.Wait(ctx, key)             // job.State is Done or Dead
//	result, err := q.Result(ctx, key)
//
// # Store
//
// The store is NATS JetStream: a server inside the process on a data directory, which opens
// no socket and syncs every write before it is acknowledged, or a cluster by its URL, with
// the same code. With the prefix "asr" it holds
//
//	stream            subjects                        content
//	KV_asr-jobs       $KV.asr-jobs.<key>              the record of a job, JSON
//	KV_asr-windows    $KV.asr-windows.<id>.<index>    window results of jobs that have not ended
//	KV_asr-results    $KV.asr-results.<id>.<result>   results up to 128 KiB
//	OBJ_asr-blobs     $O.asr-blobs.>                  larger results, in chunks
//	KV_asr-projects   $KV.asr-projects.<project>.<key>  values of projects
//
// where <id> names one incarnation of a key, and keys and projects are escaped: letters,
// digits, - and _ stand for themselves, other bytes are =XX.
//
// # States
//
// All that is known of a job is in its record, and every step is one compare-and-set on the
// record's revision. So single flight is the creation of a key, of two workers one gets the
// job, and the late result of a worker that was given up is refused.
//
//	                  Take                 Finish
//	Enqueue ──> queued ────────> running ──────────> done
//	              ^ ^              │ │ │   Fail
//	              │ └──────────────┘ │ └───────────> dead
//	              │  Retry, Release, │ lost too often  │
//	              │  Postpone, lost  └────────────────>│
//	              └────────────────────────────────────┘
//	                             Requeue
//
// A worker renews its lease by writing the record. A lease that is not renewed is lost: the
// worker's context is cancelled, and the job is queued again, or dead once Options.MaxDeliver
// hand-outs in a row ended so without a new window. Jobs under such suspicion run one at a
// time, so that the one that kills its process does not take its neighbours with it. A
// process that opens a data directory knows that nobody runs the jobs it finds running, and
// queues them at once.
//
// # Order
//
// Every process watches the records and keeps an index of them without the payloads, about
// 1 KiB a job. The index hands out the highest class first, and inside a class lets the
// projects take turns by start-time fair queueing, weighed by Spec.Weight. A job that waits
// for its time, or for another job, is not in anybody's way. Processes of a cluster choose
// each for themselves; when two choose the same job, one of them chooses again.
//
// A stream with work-queue retention would deliver and acknowledge too, but in the order of
// its sequence: a choice among a hundred projects and three classes needs a consumer for
// each pair, a count of deliveries and a reason cannot be read from it, and a record beside
// it would be a second truth to reconcile after every crash.
//
// # What survives
//
// What Enqueue, PutWindow, Finish and the others have returned without an error for survives
// the process, and with a data directory the loss of power. A crash costs a job the window
// that was being computed. Damage to the data directory is found when it is opened, and
// reported as ErrDamaged with what is missing. Effects outside are the caller's: a worker
// may be killed after it has pushed a prediction and before it could say so, and the next
// one must look before it pushes.
//
// Goroutines: the watch on the records, the check of the store's health, housekeeping, and
// one for every lease. Close ends them in the order leases, queue, connection, server.
package jobs
