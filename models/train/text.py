"""Text as the model writes it (a-z, apostrophe, single spaces), and sentences for synthetic speech from Debian packages.

  python text.py --out sentences.tsv [--avoid FILE...]

Sources, all free to redistribute: six novels by Jane Austen (r-cran-janeaustenr, public domain), the World English Bible
(sword-text-web, public domain), Newton's Opticks (golang-*-src, public domain), WordNet's definitions and examples
(wordnet-base, WordNet licence). Lines of --avoid (evaluation texts) are kept out: no sentence shares five words in a
row with them.
"""
import argparse
import glob
import random
import re
import subprocess
import unicodedata

ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen " \
       "seventeen eighteen nineteen".split()
TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
SHORT = {"mr.": "mister", "mrs.": "missus", "dr.": "doctor", "st.": "saint", "&": "and"}


def spell(n):
    """A non-negative integer below a million in words."""
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (" " + ONES[n % 10] if n % 10 else "")
    for unit, name in ((1000, "thousand"), (100, "hundred")):
        if n >= unit:
            return spell(n // unit) + " " + name + (" " + spell(n % unit) if n % unit else "")


def normalise(text):
    """Published text -> the model's text, or None where it holds something that cannot be read off the letters."""
    text = re.sub(r"`([^`']*)'", r"\1", text.replace("\u2019", "'").replace("\u2018", "'")).lower()
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    text = " ".join(SHORT.get(w, w) for w in text.split())
    text = re.sub(r"\d+(?:,\d{3})+", lambda m: m[0].replace(",", ""), text)
    text = re.sub(r"\b\d{1,6}\b", lambda m: spell(int(m[0])), text)
    if re.search(r"[\d@#$%^*=<>{}\[\]|\\/~]", text):
        return None
    text = re.sub(r"[^a-z']+", " ", text)
    # An apostrophe stays only where letters touch it on the left (don't, boys') or it opens a short form ('tis).
    text = re.sub(r"(?<![a-z])'(?!(?:tis|twas|em|til)\b)", " ", text)
    text = re.sub(r"'+", "'", text)
    words = text.split()
    return " ".join(words) or None


def split_sentences(text, longest=200):
    """Running prose -> sentences; long ones are cut at commas and semicolons."""
    text = re.sub(r"[_\"\u201c\u201d()]", " ", text)
    text = re.sub(r"\b(Mr|Mrs|Dr|St)\.", r"\1\\", re.sub(r"\s+", " ", text))
    for s in re.split(r"(?<=[.!?;:])\s*-*\s+|--+", text):
        s = s.replace("\\", ".").strip()
        while len(s) > longest:
            cut = max(s.rfind(c, 0, longest) for c in ",;:")
            if cut < 20:
                break
            yield s[:cut].strip()
            s = s[cut + 1:].strip()
        yield s


def output(*command):
    return subprocess.run(command, capture_output=True, check=True, text=True, errors="replace").stdout


def sources():
    """Yields (source, raw sentence)."""
    for s in split_sentences(output("Rscript", "-e", "writeLines(janeaustenr::austen_books()$text)")):
        yield "austen", s
    bible = output("diatheke", "-b", "engWEB2015eb", "-f", "plain", "-k", "Gen-Rev")
    for s in split_sentences(re.sub(r"(?m)^[\w ]+ \d+:\d+: ?", "", bible)):
        yield "bible", s
    with open(sorted(glob.glob("/usr/share/go-*/src/testdata/Isaac.Newton-Opticks.txt"))[-1], errors="replace") as f:
        for s in split_sentences(f.read()):
            yield "opticks", s
    for path in sorted(glob.glob("/usr/share/wordnet/data.*")):
        with open(path) as f:
            for line in f:
                if line[0] != " ":
                    for s in line.split("|", 1)[1].split(";"):
                        yield "wordnet", s.strip(' "\n')


def grams(text, n=5):
    words = text.split()
    return {tuple(words[i:i + n]) for i in range(len(words) - n + 1)}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", required=True)
    ap.add_argument("--avoid", nargs="*", default=[], help="files of normalised evaluation text")
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    avoid, seen, kept = set(), set(), []
    for path in a.avoid:
        with open(path) as f:
            for line in f:
                avoid |= grams(line)
    for source, raw in sources():
        text = normalise(raw)
        if text is None or text in seen or not 3 <= len(text.split()) or not 12 <= len(text) <= 220:
            continue
        if avoid & grams(text):
            continue
        seen.add(text)
        kept.append((source, re.sub(r"\s+", " ", raw), text))
    random.Random(a.seed).shuffle(kept)
    with open(a.out, "w") as f:
        f.write("source\traw\ttext\n")
        f.writelines("\t".join(k) + "\n" for k in kept)
    for source in sorted({k[0] for k in kept}):
        print(source, sum(k[0] == source for k in kept))


if __name__ == "__main__":
    main()
