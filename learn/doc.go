// Package learn makes of corrected transcripts what a search needs to find the words of a project:
// a language model of the project's own texts and a list of phrases.
//
// # What is learnt
//
//   - A language model: a trigram model of what people wrote, see package lm/build. It is mixed
//     with the general one while texts are scored, see beam.Options.Own. What it does not know it
//     leaves to the general one, so a few sentences are enough to begin with.
//   - Phrases: words that people wrote where the prediction had others, if they are rare in the
//     general language model, and the names and terms that such words form with their rare
//     neighbours. A search expects them, as it does hotwords. Each has the spelling that people
//     wrote most often.
//   - Substitutions: what was recognized, what was said, and how often. They change no text; they
//     show where a model fails.
//
// # Only what helps is taken up
//
// Corrections are divided by recording, by a digest of its name, so that a recording stays where it is
// as others come:
//
//	judge   a fifth    decides whether a candidate is taken up; nothing that is judged was made of it
//	tune    a fifth    decides the part of the language model and the weight of the phrases
//	learn   the rest
//
// Both numbers are tried on the tune part with what the learn part gives. Then two versions are
// made with the numbers that were best: one of learn and tune, which is judged, and one of
// everything, which is used. Knowledge keeps both, since the next candidate has to be compared
// with what the present one would be without the recordings that judge. The errors are those of a
// search in rows of the acoustic model that are kept: no model of speech runs.
//
// A transducer has no such rows. Its text is found by a greedy search, which only phrases help, so
// these alone are learnt for it, and some minutes of the recordings that judge are transcribed anew.
//
// # What is left out
//
// Clean says what of a text counts: text in [], <> and {} is markup, and what is left of an empty
// text is nothing. A passage is left out that has more words than can be said in its time, that lies
// outside its recording, or of which most words cannot be written with the pieces of the model, as
// texts in another script. One of more than MaxAligned words is learnt, but not compared word by
// word.
//
// # References
//
// The mixture with a fixed weight is Jelinek and Mercer's interpolation (1980). Held-out data for
// its weight and for the decision are as in F. Jelinek, Statistical Methods for Speech Recognition,
// 1997. Expected phrases are shallow fusion with a context graph, see package beam.
package learn
