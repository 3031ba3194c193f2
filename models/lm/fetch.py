"""Books of Project Gutenberg as text, one sentence a line.

  python fetch.py books.list books.txt [--catalogue FILE] [--texts FOLDER]

A line of books.list is AUTHOR/TITLE.txt, with characters beyond ASCII as octal escapes. The number of each book is looked up in
Project Gutenberg's catalogue (pg_catalog.csv), which is fetched unless a copy is given; texts are kept in FOLDER, so that a
second run fetches nothing twice. Gutenberg's header, licence and name are left out. Books that are not found are reported.
"""
import argparse
import csv
import os
import re
import sys
import time
import unicodedata
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "train"))
from text import split_sentences

CATALOGUE = "https://www.gutenberg.org/cache/epub/feeds/pg_catalog.csv"
TEXT = "https://www.gutenberg.org/cache/epub/{0}/pg{0}.txt"
PAUSE = 2  # seconds between books, as the site asks of programs


def key(s):
    """A title or name without case, accents and marks."""
    s = unicodedata.normalize("NFKD", s.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "", s)


def unescape(s):
    """What `git ls-files` and others write as \\303\\251."""
    return re.sub(rb"\\(\d{3})", lambda m: bytes([int(m[1], 8)]), s.encode()).decode()


def get(url):
    request = urllib.request.Request(url, headers={"User-Agent": "asr-backend-lm"})
    with urllib.request.urlopen(request, timeout=120) as r:
        return r.read().decode("utf-8-sig", "replace")


def numbers(catalogue):
    """(title, author) -> number of each English text; the lowest, which is the oldest."""
    found = {}
    for row in csv.DictReader(catalogue.splitlines(keepends=True)):
        if row["Type"] == "Text" and "en" in row["Language"].split("; "):
            for author in row["Authors"].split("; "):
                author = re.sub(r", \d.*|\s*\[.*", "", author)
                found.setdefault((key(row["Title"]), key(author)), int(row["Text#"]))
    return found


def body(text):
    """The book between the marks that Gutenberg puts around it."""
    start = re.search(r"\*\*\* ?START OF TH(?:E|IS) PROJECT GUTENBERG.*?\*\*\*", text, re.S)
    end = re.search(r"\*\*\* ?END OF TH(?:E|IS) PROJECT GUTENBERG", text)
    if not start or not end:
        return None
    paragraphs = re.split(r"\n\s*\n", text[start.end():end.start()].replace("\r", ""))
    return [p for p in paragraphs if "gutenberg" not in p.lower()]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("list")
    ap.add_argument("out")
    ap.add_argument("--catalogue", help="a copy of pg_catalog.csv")
    ap.add_argument("--texts", default="gutenberg", help="folder for the texts")
    a = ap.parse_args()
    os.makedirs(a.texts, exist_ok=True)
    found = numbers(open(a.catalogue, encoding="utf-8-sig").read() if a.catalogue else get(CATALOGUE))
    missing = 0
    with open(a.list) as books, open(a.out + ".part", "w") as out:
        for line in books:
            author, title = unescape(line.rstrip("\n")).removesuffix(".txt").split("/", 1)
            number = found.get((key(title), key(author)))
            if number is None:
                print("not in the catalogue:", author, title, file=sys.stderr)
                missing += 1
                continue
            path = f"{a.texts}/pg{number}.txt"
            if not os.path.exists(path):
                text = get(TEXT.format(number))
                with open(path + ".part", "w") as f:
                    f.write(text)
                os.rename(path + ".part", path)
                time.sleep(PAUSE)
            with open(path) as f:
                paragraphs = body(f.read())
            if paragraphs is None:
                print("without Gutenberg's marks:", path, file=sys.stderr)
                missing += 1
                continue
            for p in paragraphs:
                out.writelines(s + "\n" for s in split_sentences(p) if s)
    os.rename(a.out + ".part", a.out)
    print(f"{missing} books are missing")


if __name__ == "__main__":
    main()
