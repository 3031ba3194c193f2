// Package build makes n-gram models: from text, smaller by pruning, and from other models by
// mixing.
//
// # Estimation
//
// The method is interpolated modified Kneser-Ney smoothing (S. Chen and J. Goodman, An
// empirical study of smoothing techniques for language modeling, Harvard TR-10-98, 1998) in
// the form of K. Heafield and others, Scalable modified Kneser-Ney language model estimation,
// ACL 2013, whose program lmplz gives the same values:
//
//	a(h w)  = the count of h w at the highest order and where h begins with <s>;
//	          else the number of different words before h w
//	D_i     = i - (i+1) · n1/(n1 + 2·n2) · n_{i+1}/n_i for i = 1, 2, 3, where n_i n-grams of
//	          the order have a = i; D_i = D_3 above
//	γ(h)    = (D_1·N_1(h) + D_2·N_2(h) + D_3·N_3+(h)) / Σ_x a(h x), where N_i(h) words follow
//	          h with a = i
//	p(w|h)  = (a(h w) - D_a) / Σ_x a(h x) + γ(h) · p(w|h')
//
// and below words of length 1 a uniform distribution over the words, </s> and <unk>. γ(h) is
// the back-off weight. Texts too small or too regular to give discounts between 0 and i get
// 0.5, 1 and 1.5, as lmplz with --discount_fallback.
//
// A [Builder] counts n-grams in a buffer that it sorts and writes to a temporary file when it
// is full; merging these runs gives the n-grams in the order of their last words, from which
// the values a of all orders follow in one pass. They are sorted again by their first words,
// and become a table order by order. Memory is the buffer, the words, and the table: 8 bytes
// for each n-gram of the highest order and 20 for each shorter one.
//
// # Cut-offs and pruning
//
// A cut-off leaves out the n-grams of an order that occur no more than so many times; what
// they had goes to the back-off weight. Pruning (A. Stolcke, Entropy-based pruning of backoff
// language models, 1998) leaves out the n-grams without which the model's perplexity rises by
// less than a threshold, relatively. The probability of a context, which the method needs, is
// its relative frequency in the text, since Kneser-Ney's lower orders are no estimate of it
// (C. Chelba and others, Study on interaction between entropy pruning and Kneser-Ney
// smoothing, Interspeech 2010).
//
// # Mixing
//
// [Mix] makes one model of several. Each n-gram that one of them has gets the weighted sum of
// the probabilities that they give it, and the weights of all contexts are computed anew so
// that probabilities sum to one.
package build
