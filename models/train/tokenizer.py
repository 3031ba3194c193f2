"""A SentencePiece BPE tokenizer in NeMo's layout: <unk> is piece 0, no other special pieces.

  python tokenizer.py --out FOLDER --size 256 TSV...      trained on the last column (text) of the given files
"""
import argparse
import os

import sentencepiece


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", required=True)
    ap.add_argument("--size", type=int, default=256)
    ap.add_argument("tsv", nargs="+")
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    lines = []
    for path in a.tsv:
        with open(path) as f:
            lines += [line.rstrip("\n").split("\t")[-1] for line in f]
    with open(f"{a.out}/corpus.txt", "w") as f:
        f.write("\n".join(lines))
    sentencepiece.SentencePieceTrainer.train(
        input=f"{a.out}/corpus.txt", model_prefix=f"{a.out}/tokenizer", vocab_size=a.size, model_type="bpe",
        character_coverage=1.0, unk_id=0, bos_id=-1, eos_id=-1, pad_id=-1, num_threads=1, minloglevel=2)
    sp = sentencepiece.SentencePieceProcessor(model_file=f"{a.out}/tokenizer.model")
    # NeMo reads vocab.txt; the network's exporter reads tokens.txt.
    with open(f"{a.out}/vocab.txt", "w") as f:
        f.writelines(sp.id_to_piece(i) + "\n" for i in range(1, a.size))
    with open(f"{a.out}/tokens.txt", "w") as f:
        f.writelines(f"{sp.id_to_piece(i)} {i}\n" for i in range(a.size))
        f.write(f"<blk> {a.size}\n")
    tokens = sum(len(sp.encode(line)) for line in lines[:5000])
    print(f"{sum(len(line) for line in lines[:5000]) / tokens:.2f} letters a piece")


if __name__ == "__main__":
    main()
