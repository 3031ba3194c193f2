// Package labelstudiotest provides a Label Studio for tests, as net/http/httptest provides
// a server: a machine learning backend, or any program that uses the REST API, is tested
// against it without Python, a database or a network.
//
//	ls := labelstudiotest.New(t, labelstudiotest.Options{})
//	client, err := api.New(api.Options{URL: ls.URL, Token: labelstudio.NewSecret(ls.Token)})
//
// # Two directions
//
// Label Studio and a backend are each other's client. The REST API, which the backend
// calls, is served at Server.URL or, without a network, through Server.Transport. What
// makes Label Studio call the backend are methods named after what a person does in it:
// Connect, Import, Retrieve, Open, Test, Interact, Annotate. They send /health, /setup, /predict
// and /webhook as Label Studio would, and store what is answered.
//
// # What it copies
//
// It behaves as Label Studio 1.23.2 does, where that was seen to matter to a backend:
//
//   - A prediction is stored as a new row each time, however often it comes. There is no
//     way to replace one.
//   - Before each request for predictions a backend is asked for /health and /setup, and
//     tasks that have a prediction of the version that /setup returned are left out.
//     Opening a task asks only if it has no prediction at all.
//   - Answers of /predict belong to tasks by position. An empty list stores nothing, and a
//     prediction without a result is not stored. Failures are seen by nobody.
//   - Send Test Request sends a task with the predictions that it has, and stores nothing.
//   - Connecting registers a webhook, unless the name of the host has no dot. Events carry
//     no credentials, wait one second and are not repeated. One without payload names
//     only its action.
//   - Tasks are listed by pages of 100; a page behind the last one is an error. Lists hold
//     predictions and annotations with fields=all only. The parameter query selects and
//     filters; see [Server] for the columns.
//   - Predictions of a task that does not exist are a validation error, not an empty list.
//   - Trailing slashes of routes may be left out.
//   - Personal access tokens open nothing until they are exchanged for access tokens.
//   - An upload that does not exist is an internal error, one below /storage-data/ is an
//     empty body for nginx to fill.
//   - Errors have the body that Label Studio's REST framework gives them.
//
// The requests to backends are held to the recorded ones of Captures. The replies of the
// API are held to testdata/conversation.jsonl, which is a conversation with a real server:
//
//	go test ./labelstudio/labelstudiotest -record http://localhost:8080 -token TOKEN
//
// Identifiers come from one sequence for everything, so that a mistaken one is not another
// thing's by accident. A request that the server has no route for fails the test.
//
// # What goes wrong
//
// Handle answers a route in another way, Intercept stands before all of them and may lose
// answers, and SetDown takes the server from the network.
package labelstudiotest
