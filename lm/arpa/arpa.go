// Package arpa reads and writes n-gram language models in the ARPA format.
//
// An ARPA file is text. A header gives the number of n-grams of each length, then there is
// one section per length, and each line holds a base-10 logarithm, the words of the n-gram
// and, below the highest order, the logarithm of its back-off weight:
//
//	\data\
//	ngram 1=4
//	ngram 2=2
//
//	\1-grams:
//	-1.2041	<unk>
//	-99	<s>	-0.30103
//	-0.60206	</s>
//	-0.60206	hello	-0.17609
//
//	\2-grams:
//	-0.30103	<s> hello
//	-0.17609	hello </s>
//
//	\end\
//
// Every toolkit has habits of its own, and all of these are read: KenLM separates words by
// blanks and fields by tabs; SRILM begins with an empty line, leaves <unk> out and omits
// back-off weights of zero; IRSTLM begins with iARPA, pads its counts with blanks and
// separates words by tabs. Lines may end in CR LF, anything may precede \data\, and the
// whole may be compressed with gzip. Quantised IRSTLM files (qARPA) are refused.
//
// Nothing is read ahead of its use: a [Reader] needs memory for one line.
package arpa

import "fmt"

// MaxOrder is the longest n-gram that is read or written.
const MaxOrder = 8

// Gram is an n-gram as a file has it. Words belong to the Reader, which overwrites them at
// the next call.
type Gram struct {
	Words   [][]byte
	Prob    float32 // log10 of the probability of the last word after the others
	Backoff float32 // log10 of the weight; 0 if the file has none
}

// SyntaxError is a line that does not follow the format.
type SyntaxError struct {
	Line   int // from 1; 0 if the file as a whole is meant
	Reason string
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return "not an ARPA language model: " + e.Reason
	}
	return fmt.Sprintf("ARPA language model, line %d: %s", e.Line, e.Reason)
}
