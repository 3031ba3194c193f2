// Package beam finds the most probable text of rows of CTC output, together with a language
// model of words and with phrases that are expected.
//
// # The greedy text and the best one
//
// The greedy text takes the best piece of each row, one by one. But a text is written by many
// paths through the rows: with other places for its pieces, and by other pieces (▁the, or ▁t
// and he). What counts is the sum of all of them, and how likely the text is as language. The
// score of a text w₁…wₙ of rows x is
//
//	ln p(x→w) + Σ (Weight · ln p(wᵢ | w₁…wᵢ₋₁) + Bonus) + Weight · ln p(end) + phrases
//
// where the first term sums up all paths, in which each blank beside a piece that is tried costs
// BlankPenalty. Bonus makes up for the words that the language model costs. A word that it does not have costs p(<unk>) and Unknown beside it; it is not forbidden.
//
// # Prefix search
//
// Texts grow row by row (Hannun et al., arXiv:1408.2873). Of each text two sums are kept, of
// the paths that end in blank and of those that end in its last piece, as only after blank may
// that piece begin anew. A row makes of each text the same text, and the text with each piece
// of the row; the best [Options].Width of these are the texts of the next row. Probabilities are
// products in float64, divided by the best of every row, so nothing needs a logarithm. Texts are
// the same if their characters are, whichever pieces wrote them.
//
// Two texts whose last word, state of the language model and place in the phrases are the same
// have one future: whatever follows is worth the same for both. Only the better one is
// followed, which leaves room for texts that differ. (Options.Histories keeps both.)
//
// # Language model
//
// Its words are a tree of their letters. Within a word, the text is worth what the most probable
// word below its node is worth by itself, so that a text does not run ahead until its word is
// complete. Where a word leaves the tree it costs at once what an unknown word costs. Case does
// not matter, and punctuation is passed over unless words have it. A word with digits, or with a
// hyphen that no word of the model has, costs p(<unk>) but not Unknown: no list of words is
// complete in these.
//
// A second, small model may stand beside it, of texts like those of the recordings, such as
// what a project has corrected (Options.Own). Probabilities are mixed word by word; what the small
// one does not know it leaves to the general one.
//
// # Phrases
//
// Phrases are a tree of their letters too, from the space before the first word to the one
// after the last, so that all ways to cut a phrase into pieces are one. Each node knows the
// longest other node that the text also is at (Aho and Corasick, CACM 1975). A text gets
// Weight for each letter of a phrase as it is written, as a loan: a text that leaves the phrase
// pays it back. At the end of the phrase the loan becomes its own. Phrases of short lists are
// worth up to seven letters more. What is pruned is measured by the best text without its loan, and
// a quarter of the beam is filled by what texts are worth without theirs: else a text that leaves
// its phrase at last would have driven out the better ones. Of phrases within each other
// the longest, or the several shorter ones that are worth more, count; of phrases that overlap
// in part both do. A word of a phrase that the language model does not have costs p(<unk>)
// but not Unknown.
//
// # Confidence
//
// Where a text is given up because a better one has the same future, the words in which the two
// differ have a rival, which is as much less probable as the text that is given up. The confidence of
// a word is 1/(1 + √r) with r the ratio of its best rival to itself, times the 0.15th power of the
// confidence of its rows. Tokens are decided only when nothing more can become of their words, so
// confidences do not depend on when that is asked.
//
// # Times and memory
//
// The best path of each of the two kinds is followed with each text: it says in which rows
// pieces were said, how probable they were and how sure the model was there. Paths share their
// tokens in a tree. Every 32 rows the tokens that all paths have in common are decided
// ([Decoder.Take]). A token that is undecided for more than Options.Lookback is decided for the
// best text. So memory does not grow with the recording, and once buffers have grown to what
// its rows need, nothing is allocated.
//
// The result depends only on the rows and the options, not on when tokens are taken.
//
// # Measured
//
// On the 118 recordings of testdata/speech (2,037 words, 10,566 rows; embedded model; a trigram
// model of 127,000 words, 500,000 bigrams and 400,000 trigrams of books), with defaults:
//
//	                        word errors   score     processor time a row
//	greedy                  46.1 %                    0.03 µs
//	pyctcdecode 0.5.0       37.1 %        -8790     1,023 µs    same rows, model, weights, pruning
//	Width 16                37.0 %        -8513        15 µs
//	Width 32                36.4 %        -8438        18 µs
//	Width 64, the default   36.0 %        -8380        32 µs
//	Width 128               36.4 %        -8369        51 µs
//	Histories, Width 64     37.1 %        -8665        41 µs
//
// On none of the recordings is the score below pyctcdecode's, and on 60 it is above. The model
// itself takes about 750 µs a row on the same core: the search adds 5 %. 10,000 phrases make
// the search half as long again, as more texts are worth following (BenchmarkSearch).
//
// How many pieces of a row are needed (Options.Pieces), and what they take if a piece and its
// probability are four bytes: 2 pieces 38.1 %, 4 pieces 36.7 % (0.7 MB an hour), 8 pieces
// 36.1 % (1.4 MB), 16 pieces 36.0 % (2.9 MB), all that RowPrune leaves 36.0 %.
//
// Phrases against the hotwords of pyctcdecode, each recording with a list of its own rare words
// and others, with the language model and the options of models/default (scripts/hotwords): errors on words of the list (B), on all
// others (U), and words of the list written where they were not said. Of pyctcdecode the weight
// of 3, 6, 10 and 15 with the lowest B; its times are those at 10.
//
//	                              B        U       not said   processor time a row
//	without a language model
//	100    pyctcdecode, 15      31.9 %   38.0 %       72       35,400 µs
//	       Weight 1.5           28.4 %   36.9 %       83           24 µs
//	500    pyctcdecode, 10      44.3 %   38.9 %      125      157,000 µs
//	       Weight 1.5           34.2 %   38.0 %      152           31 µs
//	2,000  pyctcdecode, 6       51.1 %   39.0 %      145      540,000 µs
//	       Weight 1.5           38.8 %   38.4 %      172           55 µs
//	with one
//	100    pyctcdecode, 15      31.6 %   32.1 %       77        3,600 µs
//	       Weight 1.5           28.4 %   29.2 %       72           27 µs
//	500    pyctcdecode, 15      36.5 %   32.9 %      161       13,100 µs
//	       Weight 1.5           32.5 %   29.8 %       80           35 µs
//	2,000  pyctcdecode, 10      42.0 %   32.6 %      191       33,200 µs
//	       Weight 1.5           37.4 %   29.7 %       96           58 µs
//
// Another draw of the lists moves B by one or two percentage points.
//
// Confidences of words of held-out speakers (10,084 words) separate right from wrong ones with an area
// under the ROC curve of 0.854; those of the greedy text do with 0.861, and the confidence of the
// rows alone, of the same words, with 0.79.
package beam
