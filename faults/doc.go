// Command faults shows what becomes of tasks when things go wrong. It starts the real program
// as a child process beside a Label Studio for tests (package labelstudiotest), lets one thing
// after another fail, and counts what every task has in the end.
//
//	make faults                               everything; takes an hour or more
//	make faults-short                         everything at small sizes, in minutes
//	go run ./faults -scene kills -n 50        one scene, 50 tasks
//	go run ./faults -list                     what there is
//
// # What is promised
//
// Every task in Label Studio gets exactly one prediction, or a failure that /status shows with its
// reason. That holds through crashes of the process, power cuts, full
// disks, outages and wrong answers of Label Studio, events from strangers, and with several processes
// on one store.
//
// # What is counted
//
//	tried     tasks that were imported
//	one       have one prediction, with the text that is in the recording
//	stated    have none, and /status says why
//	lost      have neither when the time of the scene is over
//	doubled   have more than one prediction
//	wrong     have one prediction with another text
//
// The program ends with status 1 if a task is lost, doubled or wrong, or if a scene found a
// fault of its own kind, such as memory that grows with the requests of strangers.
//
// # How a scene works
//
// Recordings are tones of 0.3 s to 20 minutes (package tones) with a toy model that turns them
// into known words, so that a text in the wrong task is noticed. A scene imports tasks as
// Label Studio does: the tasks are in its database, and one webhook announces them, whose
// answer nobody looks at. It does its harm, then leaves the program alone and waits until every
// task is settled. After requests for predictions it also waits until the program has done
// everything that it was going to do: Label Studio stores an answer up to 90 s later, and what
// would be stored twice is stored then.
//
// Random moments come from -seed, which is printed. The same seed gives the same plan, though
// not the same interleaving. With -keep the logs and data of the processes stay in a folder.
//
// A scene needs nothing but this machine: Label Studio, NATS servers and balancer are part of
// this process, and listen on 127.0.0.1 only. The scene "disk" mounts a file system in memory
// and is skipped without the right to.
package main
