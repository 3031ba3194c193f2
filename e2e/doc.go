// Package e2e holds asr-backend to a real Label Studio. Its tests install nothing and
// fake nothing: they start the pinned Label Studio that scripts/label-studio.sh installs,
// on SQLite and without a browser, and the built program bin/asr-backend, and then do by
// Label Studio's REST API what annotators do by its pages. What Label Studio stores is
// what is looked at.
//
//	tests ── REST ──> Label Studio ── /setup, /predict, /webhook ──> asr-backend serve
//	                       ^                                              │
//	                       └──── recordings, predictions, tasks ──────────┘
//
// One Label Studio serves all tests, since its first start makes a database for most of a
// minute. It runs with the check of predictions against the labelling configuration that
// it ships switched off (fflag_feat_utc_210_prediction_validation_15082025), so that a
// result that does not fit is refused by its own code, and with access to private
// addresses, which it refuses since 1.23 unless two settings are off.
//
// TestBrowser alone has a browser: it works on recordings of hours in Label Studio's page.
//
// `make e2e` runs the other tests, and `make test` runs that. Without its environment, or with
// -short, they are skipped:
//
//	ASR_BACKEND_LABEL_STUDIO   the Python environment of Label Studio
//	ASR_BACKEND_PROGRAM        the program, bin/asr-backend if empty
//	ASR_BACKEND_OUTAGE         how long Label Studio is away in the test of that; 5s if empty
//	ASR_BACKEND_BROWSER        a folder with browser.mjs and its driver, see `make e2e-browser`
//	ASR_BACKEND_KEEP           a folder for data and logs, kept after the tests
package e2e
