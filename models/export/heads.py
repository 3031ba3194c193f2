"""The two ways a checkpoint writes text, each with its graphs and their self-test.

CTC is one graph, features to log-probabilities. Transducer is an encoder and a decoder; the encoder of a hybrid gives the
CTC head's log-probabilities too, so that one run serves both. Each is made before anything in the checkpoint changes and
computes what the graphs are compared with.
"""
import os
import tempfile

import card
import checkpoint
import contract
import graph
import greedy
import rows
import selftest
import selftest_transducer
import transducer
import variants


class CTC:
    """model.onnx of a CTC model, or of a hybrid's CTC head."""

    def __init__(self, model, config, heads, feats, clips):
        self.feats, self.facts = feats, {}
        self.expected = [checkpoint.rows(model, f) for f in feats]
        self.texts = [checkpoint.text(model, r) for r in self.expected[:clips]]

    def graphs(self, model, folder):
        return {"model.onnx": checkpoint.to_onnx(model, f"{folder}/model.onnx")}

    def test(self, folder, model, facts, pieces, threads, say):
        """Raises Unusable, or returns what the card says of the self-test."""
        longest = selftest.interface(f"{folder}/model.onnx", facts["mels"], model.encoder.d_model)
        say(f"a run may have {longest} rows ({longest * 0.08:g} s)")
        s = rows.session(f"{folder}/model.onnx", threads)
        selftest.counts(s, facts["mels"], len(pieces) + 1)
        worst, padded = selftest.likeness(s, self.feats, self.expected), selftest.padding(s, self.feats)
        say(f"log-probabilities are within {worst:.1e} of the checkpoint's on {len(self.feats)} inputs; padded batches change them by {padded:.1e}")
        for f, text in zip(self.feats, self.texts):
            got = checkpoint.text(model, rows.run(s, f))
            selftest.require(got == text, f"it recognizes {got!r} where the checkpoint recognizes {text!r}")
            say(f"same text as the checkpoint: {text!r}")
        return {"log_probs_within": float(f"{worst:.1e}"), "padding_within": float(f"{padded:.1e}"),
                "sample": card.digest(variants.SAMPLE), "text": self.texts[0]}


class Transducer:
    """encoder-model.onnx and decoder_joint-model.onnx, with the CTC head of a hybrid in the encoder."""

    def __init__(self, model, config, heads, feats, clips):
        self.ctc, self.clips = "ctc" in heads, clips
        self.durations, self.max_symbols = contract.durations(config), contract.max_symbols(config)
        self.facts = {"decoder": "tdt" if self.durations else "rnnt", "max_symbols": self.max_symbols}
        self.facts |= {"durations": self.durations} if self.durations else {}
        transducer.prepare(model, self.durations, self.max_symbols)
        self.wants = [self.want(model, f) for f in feats]
        for w in self.wants[:clips] if self.ctc else []:
            w.ctc_text = checkpoint.text(model, w.ctc)

    def want(self, model, feats):
        some = transducer.rows(model, feats)
        labels, text = transducer.decode(model, some)
        return selftest_transducer.Want(feats, some, labels, text, transducer.along(model, some, labels),
                                        checkpoint.rows(model, feats) if self.ctc else None)

    def graphs(self, model, folder):
        return transducer.to_onnx(model, folder, self.ctc)

    def test(self, folder, model, facts, pieces, threads, say):
        """Raises Unusable, or returns what the card says of the self-test."""
        width = model.encoder.d_model
        longest = selftest_transducer.interface(folder, facts["mels"], width, pieces, self.durations, self.ctc)
        say(f"a run may have {longest} rows ({longest * 0.08:g} s)")
        g = greedy.Graphs(folder, self.durations, self.max_symbols, threads=threads)
        selftest_transducer.counts(g, facts["mels"], width, pieces, self.ctc)
        far, scores, ctc = selftest_transducer.likeness(g, self.wants)
        padded, batched = selftest_transducer.padding(g, self.wants), selftest_transducer.batches(g, self.wants[0].rows)
        say(f"the encoder's rows are within {far:.1e} of their spread of the checkpoint's on {len(self.wants)} inputs; padded batches "
            f"change them by {padded:.1e}")
        say(f"the joint's log-probabilities are within {scores:.1e}; batches change its scores by {batched:.1e}")
        if self.ctc:
            say(f"the CTC head's log-probabilities are within {ctc:.1e}")
        equal, ties = selftest_transducer.same_labels(g, self.wants)
        say(f"{equal} of {sum(len(w.labels) for w in self.wants)} labels are the checkpoint's, with their rows"
            + (" and durations" if self.durations else ""))
        for sentence in ties + [f"same text as the checkpoint: {w.text!r}" for w in self.wants[:self.clips]]:
            say(sentence)
        out = {"rows_within": float(f"{far:.1e}"), "scores_within": float(f"{scores:.1e}"), "padding_within": float(f"{padded:.1e}"),
               "labels": equal, "sample": card.digest(variants.SAMPLE), "text": self.wants[0].text}
        return out | ({"log_probs_within": float(f"{ctc:.1e}"), "ctc_text": self.wants[0].ctc_text} if self.ctc else {})


def save(way, work, model, facts, metadata):
    """Writes the graphs of a way into the folder work; the first gets the facts as metadata, and facts its longest run."""
    with tempfile.TemporaryDirectory(dir=work) as parts:
        made = way.graphs(model, parts)
        for i, name in enumerate(list(made)):
            one = made.pop(name)
            if i == 0:
                facts["max_rows"] = graph.position_rows(one, model.encoder.d_model) or 0
                graph.set_facts(one, metadata(facts))
            graph.save(one, os.path.join(work, name))
            del one
