// Package labelstudio speaks with Label Studio as a machine learning backend: it holds
// what travels between the two, and Model, the small interface one implements to serve
// a model of any kind.
//
// # The conversation
//
// Label Studio is always the one that asks, over plain HTTP with JSON bodies:
//
//	GET  /health    is somebody there (1 s), before everything else
//	POST /setup     here is a project: what is your version (3 s), before every batch
//	POST /predict   here are tasks: what do you suggest (100 s)
//	POST /webhook   this happened in the project (1 s, the answer is ignored)
//
// Predictions are matched with tasks by position. Label Studio leaves out tasks that
// already have a prediction with the version that /setup returned, and stores whatever
// else arrives as a new row: so a prediction with any other version is asked for again
// for ever, and one version must mean one answer. An empty list for a task is the clean
// way to say "not now": nothing is stored and Label Studio asks again later.
// A prediction with an empty result, on the other hand, is stored and ends the asking.
//
// # The parts
//
//	labelstudio                the types on the wire, Model, Project, Store
//	labelstudio/labelconfig    a project's labelling configuration and what can be served for it
//	labelstudio/results        transcripts to regions and texts, and back
//	labelstudio/server         the HTTP surface in front of a Model
//	labelstudio/api            the other direction: Label Studio's REST API
//	labelstudio/media          from a value in a task to the recording on disk
//
// # Tolerance
//
// Decoding accepts what Label Studio, its SDK's tests and people with curl send: one
// task instead of a list, missing or null fields, ids as numbers or strings, parameters
// of any JSON type. What a type does not know is kept where it has to go back (Item,
// Value, Data) and dropped elsewhere.
//
// # Units
//
// Seconds on the wire are decimal fractions; here they are time.Duration, converted
// without loss at nanosecond resolution. Scores and confidences are in 0..1. Regions are
// half open: they contain their start and not their end. Channels count from zero.
//
// References: the labelling interface and the prediction format are documented at
// https://labelstud.io/guide/ml_create, /guide/predictions and /tags/audio; the replies
// were checked against a Label Studio 1.23.2 server and label-studio-sdk 2.1.2.
package labelstudio
