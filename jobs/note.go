package jobs

import "context"

const (
	// MaxTitle is the longest title of a job, in bytes. Longer ones are cut.
	MaxTitle = 200
	// MaxSummary is the largest summary of a job, in bytes.
	MaxSummary = 512
)

// Note is what lists show of a job beside its state. Unlike payloads and results it is part of
// what the index has in memory of each job, so it is small. Records of programs that knew no
// notes have none.
type Note struct {
	// Title is what people call what the job works on; empty leaves the one it has.
	Title string
	// Summary says in short how the job ended, for whoever enqueued it; it is not interpreted.
	Summary []byte
	// Keep, unless it is empty, keeps the windows of the job, as windows of what it names. They stay
	// as long as Options.KeptWindowBytes and Options.WindowAge allow and the job is not restarted;
	// Queue.Kept finds the job by the name, and Queue.Windows reads them. It has at most MaxName
	// bytes.
	Keep string
}

// FinishWith is Finish, and keeps a note with the job.
func (l *Lease) FinishWith(ctx context.Context, result []byte, n Note) error {
	if len(n.Summary) > MaxSummary {
		return fail("finish", l.job.Key, tooLarge("summary", len(n.Summary), MaxSummary))
	}
	if n.Keep != "" {
		if err := checkName("name of the windows", n.Keep); err != nil {
			return fail("finish", l.job.Key, err)
		}
	}
	return fail("finish", l.job.Key, l.finish(ctx, result, n))
}

// FinishWith stores the result with a note and ends the job; see Lease.FinishWith.
func (a *Attempt[T]) FinishWith(result []byte, n Note) error {
	return a.lease.FinishWith(a.store, result, n)
}

// noted returns the record of a job that has ended, with its note.
func (r record) noted(n Note) record {
	if n.Title != "" {
		r.Title = cut(n.Title, MaxTitle)
	}
	r.Summary = n.Summary
	return r
}
