#!/usr/bin/env python3
"""Make the decoding fixtures of asr/ctc with NeMo itself: make_decode.py OUTDIR TINY_TOKENIZER.model

Trains a second tokenizer, of several languages and with byte pieces, from the sentences
below, and writes for each tokenizer NAME:
  tokenizers/NAME.model      the tokenizer
  tokenizers/NAME.txt        its pieces in the form of tokens.txt
  decode-NAME.jsonl          {"ids": [...], "text": what NeMo's CTC decoding prints}
and confidence.npy [rows, width + 1]: log-probabilities and NeMo's confidence of each row.
"""
import itertools, json, random, shutil, sys

import numpy as np
import sentencepiece as spm
import torch
from nemo.collections.asr.parts.submodules.ctc_decoding import CTCBPEDecoding, CTCBPEDecodingConfig
from nemo.collections.asr.parts.utils.asr_confidence_utils import get_confidence_measure_bank
from nemo.collections.common.tokenizers import SentencePieceTokenizer
from omegaconf import OmegaConf

SENTENCES = """Wie heißt die größte Straße in München? Über den Fluss, sagte er, führt keine Brücke.
¿Dónde está la biblioteca? ¡Qué alegría! El niño comió piñones en el camino de otoño.
საქართველოს დედაქალაქი არის თბილისი. მე მიყვარს ქართული ენა, და შენ?
L'été dernier, nous étions à la plage; c'était très agréable. Où êtes-vous allés?
It's the director's cut, isn't it? "Well," she said, "that's all I know about it."
Hvor ligger den nærmeste stasjonen? Jeg vil gjerne ha en kopp kaffe, takk.
Нужно ли нам идти домой? Сегодня хорошая погода, и мы гуляем в парке."""


def train(out):
    open("/tmp/sentences.txt", "w", encoding="utf-8").write("\n".join(SENTENCES.split("\n") * 20))
    spm.SentencePieceTrainer.train(input="/tmp/sentences.txt", model_prefix=f"{out}/tokenizers/several", vocab_size=400, model_type="unigram",
        character_coverage=0.99, byte_fallback=True, bos_id=-1, eos_id=-1, pad_id=-1, unk_id=0, minloglevel=2, num_threads=1)


def decoder(path):
    tokenizer = SentencePieceTokenizer(model_path=path)
    cfg = OmegaConf.structured(CTCBPEDecodingConfig)
    tokenizer.tokenizer.vocab_size = len(tokenizer.vocab)  # as NeMo's models do
    return CTCBPEDecoding(cfg, tokenizer), tokenizer.tokenizer


def main(out, tiny):
    shutil.copyfile(tiny, f"{out}/tokenizers/tiny.model")
    train(out)
    rng = random.Random(3)
    for name in ("tiny", "several"):
        dec, sp = decoder(f"{out}/tokenizers/{name}.model")
        n = sp.get_piece_size()
        pieces = [sp.id_to_piece(i) for i in range(n)]
        with open(f"{out}/tokenizers/{name}.txt", "w", encoding="utf-8") as f:
            f.writelines(f"{p} {i}\n" for i, p in enumerate(pieces + ["<blk>"]))
        odd = [i for i, p in enumerate(pieces) if p in ("<unk>", "▁") or p.startswith("<0x") and rng.random() < 0.2 or not p.replace("▁", "").isalnum()]
        cases = [[]] + [[i] for i in range(n)]
        cases += list(itertools.product(range(n), odd if name == "tiny" else odd[:12]))
        cases += [[rng.choice(odd) if rng.random() < 0.5 else rng.randrange(n) for _ in range(rng.randint(2, 12))] for _ in range(3000)]
        with open(f"{out}/decode-{name}.jsonl", "w", encoding="utf-8") as f:
            for ids in cases:
                f.write(json.dumps({"ids": list(ids), "text": dec.decode_tokens_to_str_with_strip_punctuation(list(ids))}, ensure_ascii=False) + "\n")
    g = torch.Generator().manual_seed(1)
    rows = [(torch.randn(129, generator=g) * s).log_softmax(-1) for s in (0.01, 0.3, 1, 2, 4, 8, 16) for _ in range(4)]
    rows.append(torch.full((129,), 1 / 129).log())
    rows = torch.stack(rows)
    confidence = get_confidence_measure_bank()["entropy_tsallis_lin"](rows, 129, 0.33)
    np.save(f"{out}/confidence.npy", torch.cat([rows, confidence[:, None]], 1).numpy())


main(sys.argv[1], sys.argv[2])
