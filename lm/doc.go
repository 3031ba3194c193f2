// Package lm scores word sequences with n-gram language models.
//
// An n-gram model gives the probability of each word after the last n-1 words. It stores the
// probabilities of the n-grams that it knows, and for each shorter n-gram h a back-off weight
// b(h), so that for a word w after the context h
//
//	p(w|h) = the stored p(w|h)      if the n-gram h w is stored
//	p(w|h) = b(h) · p(w|h')         otherwise, where h' is h without its first word
//
// All values are base-10 logarithms. Package build estimates models from text by interpolated
// modified Kneser-Ney smoothing (S. Chen and J. Goodman, An empirical study of smoothing
// techniques for language modeling, 1998); package arpa reads those of other programs. A
// model over the pieces of a recognizer is a word model whose words are pieces.
//
// # Scoring
//
// [Model.Score] goes from one [State] to the next. A state holds the n-grams that end the
// text so far, as positions in the tables, and leaves out those that can change nothing, so
// that equal states have equal futures: a search may join them. A word that the model does
// not have counts as <unk>, [Unknown].
//
// # Tables
//
// N-grams of length k+1 lie in the order of their words, so that those with the same first k
// words, and these are the continuations of one n-gram of length k, follow each other in the
// order of their last. An n-gram therefore is only its last word, its values, and where its
// continuations begin. Looking up a continuation is a binary search.
//
// # File format
//
// A file is meant to be mapped into memory and used as it is. Numbers have their lowest byte
// first. It has
//
//	16 bytes   "ngramlm" 01 0D 0A 1A 0A 00 00 00 00: the format and its version, 1
//	 4 bytes   length of the header
//	 4 bytes   CRC-32C of the header
//	           the header, JSON
//	           sections, each at a multiple of 8 bytes
//
// The header has the order, the number of n-grams of each length, the size of values and
// words, the facts of the model (how its text was folded, notes), and for each section its
// offset, length and CRC-32C. Sections are, for a model of order 2:
//
//	text       the words after <unk>, <s> and </s>, in the order of their bytes. In each
//	           block of 16 the first word is its length, as varint, and its bytes; the others
//	           are the number of bytes that they share with the word before, the length of
//	           the rest, and the rest
//	blocks     where each block of text begins, and where the last ends, 4 bytes each
//	prob1      probabilities of the words: float32, or codes of 1 or 2 bytes
//	backoff1   their back-off weights
//	first1     where the continuations of each begin among the n-grams of length 2; one more
//	           than there are words, 4 bytes each
//	words2     the last words of the n-grams of length 2, 2, 3 or 4 bytes each
//	prob2      their probabilities
//
// Code 0 stands for a special value, code c for low + (c-1)·step, rounded to float32 after
// the product and after the sum. The three are in the header for each section. Rounding
// therefore changes no value by more than half a step, which is a 508th of the range of a
// section's values with 8 bits and a 131,068th with 16; what it changed at most is in the
// header. The special value is 0 for weights. For probabilities it is -99 or below, and
// stands for all below -20: those of words that do not occur, such as <s>.
//
// Each section is followed by at least 8 zero bytes. Every checksum, position and order is
// checked when a file is opened; a file that passes cannot make a look-up leave its bounds.
package lm
