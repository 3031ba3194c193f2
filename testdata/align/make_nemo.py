"""Align texts as NeMo Forced Aligner does: make_nemo.py > nemo.jsonl

Uses NeMo's own functions (nemo.collections.asr.parts.utils.aligner_utils): an utterance in
words and tokens, the Viterbi search, and the times of words and tokens, on rows of
log-probabilities that lie here and in ../models/tiny-random/fixtures.
"""
import json
import os

import numpy as np
import sentencepiece
import torch
from nemo.collections.asr.parts.utils import aligner_utils as au
import nemo

here = os.path.dirname(os.path.abspath(__file__))


class Tokenizer:
    """What get_utt_obj asks of a model's tokenizer."""

    def __init__(self, path):
        self.sp = sentencepiece.SentencePieceProcessor(model_file=path)
        self.vocab_size = self.sp.vocab_size()
        self.unk_id = self.sp.unk_id()

    def text_to_ids(self, text):
        return self.sp.encode_as_ids(text)

    def text_to_tokens(self, text):
        return self.sp.encode_as_pieces(text)

    def ids_to_text(self, ids):
        return self.sp.decode_ids(ids)

    def ids_to_tokens(self, ids):
        return [self.sp.id_to_piece(i) for i in ids]


class Model:
    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.blank_id = tokenizer.vocab_size


random_text = "it was a bright cold day in april and the clocks were striking thirteen"
tiny = os.path.join(here, "..", "models", "tiny-random")
cases = [
    ("librispeech.npy", "tokenizer.model", "i really liked that account of himself better than anything else he said"),
    ("librispeech.npy", "tokenizer.model", "he said that he liked the account of it much better"),
    ("ljspeech.npy", "tokenizer.model", "has never been surpassed"),
    ("ljspeech.npy", "tokenizer.model", "and it never will be"),
] + [(f"../models/tiny-random/fixtures/{n}.logprobs.npy", "../models/tiny-random/tokenizer.model", random_text) for n in ("normal", "quiet50", "tel8k")]

print(json.dumps(dict(nemo=nemo.__version__, torch=torch.__version__)))
for rows, tokenizer, text in cases:
    logp = np.load(os.path.join(here, rows))
    logp = torch.from_numpy(logp.reshape(-1, logp.shape[-1]).astype(np.float32))
    model = Model(Tokenizer(os.path.join(here, tokenizer)))
    utt = au.get_utt_obj(text, logp.shape[0], model, segment_separators=[], audio_filepath="a.wav", utt_id="a")
    states = utt.token_ids_with_blanks
    path = au.viterbi_decoding(logp[None], torch.tensor([states]), torch.tensor([logp.shape[0]]), torch.tensor([len(states)]), torch.device("cpu"))[0]
    utt = au.add_t_start_end_to_utt_obj(utt, path, 0.08)
    words = [w for s in utt.segments_and_tokens if isinstance(s, au.Segment) for w in s.words_and_tokens if isinstance(w, au.Word)]
    print(json.dumps(dict(rows=rows, tokenizer=tokenizer, words=[[w.text, w.t_start, w.t_end] for w in words])))
