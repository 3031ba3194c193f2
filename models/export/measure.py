"""A model's variants beside its full graph: size, speed, agreement, word error rates. Prints Markdown.

  python measure.py FOLDER [--variants int8,fp16] [--clips FILE|FOLDER ...] [--minutes 15]

Variants that the folder lacks are made for the measurement. Speed is processor time of one thread, all graphs in turn on
every window, as a multiple of the full graph's. Clips without texts count in all columns but word error rates.
"""
import argparse
import os
import tempfile
import time

import features
import readers
import rows
import variants


def windows(paths, bands, raw, minutes):
    """[(set, text, [features])], sets in turn until there are so many minutes of each."""
    out, passed = [], {}
    for path, text in paths:
        name = os.path.basename(os.path.dirname(path))
        if passed.get(name, 0) >= minutes * 6000:
            continue
        mel = features.log_mel(features.read(path), bands)
        passed[name] = passed.get(name, 0) + mel.shape[1]
        cuts = [c if raw else features.normalise(c) for c in features.windows(mel) if c.shape[1]]
        out.append((name, text, cuts))
    return out


def measure(sessions, clips, pieces):
    """-> {kind: (seconds, Agreement, {set: (errors, words)})}; "full" comes first in sessions."""
    out = {kind: [0.0, rows.Agreement(pieces), {}] for kind in sessions}
    for name, text, cuts in clips:
        outputs = {kind: [] for kind in sessions}
        for x in cuts:
            for kind, s in sessions.items():
                began = time.thread_time()
                outputs[kind].append(s.read(x))
                out[kind][0] += time.thread_time() - began
        for kind, parts in outputs.items():
            for want, got in zip(outputs["full"], parts):
                out[kind][1].add(want, got)
            if text:
                errors, total = out[kind][2].get(name, (0, 0))
                said = variants.words(" ".join(rows.text(pieces, p.ids) for p in parts))
                truth = variants.words(text)
                out[kind][2][name] = errors + rows.word_errors(truth, said), total + len(truth)
    return out


def size(path):
    """Bytes of a graph with the weights beside it."""
    return sum(os.path.getsize(path + end) for end in ("", ".data") if os.path.exists(path + end))


def row(cells):
    print("| " + " | ".join(cells) + " |")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folder")
    ap.add_argument("--variants", default="int8,fp16")
    ap.add_argument("--clips", nargs="+", default=[])
    ap.add_argument("--minutes", type=float, default=15, help="of each set at most")
    a = ap.parse_args()
    reader = readers.of(a.folder)
    pieces = rows.read_tokens(f"{a.folder}/tokens.txt")
    with tempfile.TemporaryDirectory() as work:
        if os.path.exists(f"{a.folder}/model.json"):
            os.symlink(os.path.abspath(f"{a.folder}/model.json"), f"{work}/model.json")
        sessions, places = {"full": reader(a.folder)}, {"full": (a.folder, "")}
        for kind in a.variants.split(","):
            there = os.path.exists(os.path.join(a.folder, readers.file(reader.NAMES[0], kind)))
            places[kind] = (a.folder if there else work, kind)
            try:
                if not there:
                    variants.make(kind, a.folder, work)
            except variants.Refused as e:
                print(f"{kind}: {e}\n")
                del places[kind]
                continue
            sessions[kind] = reader(*places[kind])
        bands, facts = sessions["full"].bands, readers.facts(a.folder)
        clips = windows(variants.clips(a.clips), bands, facts.get("normalize_type") == "NA", a.minutes)
        found = measure(sessions, clips, pieces)
        sizes = {k: sum(size(os.path.join(where, readers.file(name, kind))) for name in reader.NAMES) for k, (where, kind) in places.items()}
    sets = list(found["full"][2])
    row(["graph", "MB", "speed", "same rows as full", "different words"] + [f"{s} ({found['full'][2][s][1]} words)" for s in sets])
    row(["---"] * (5 + len(sets)))
    for kind, (seconds, agreement, errors) in found.items():
        row([kind, f"{sizes[kind] / 1e6:.1f}", f"{found['full'][0] / seconds:.2f}", f"{100 * agreement.row_share:.2f} %",
              f"{100 * agreement.word_share:.2f} %"] + [f"{100 * errors[s][0] / errors[s][1]:.1f} %" for s in sets])
    minutes = sum(c.shape[1] for _, _, cuts in clips for c in cuts) / 6000
    print(f"\n{minutes:.1f} minutes; the full graph takes {found['full'][0]:.0f} s of one thread: {60 * minutes / found['full'][0]:.0f} times real time")


if __name__ == "__main__":
    main()
