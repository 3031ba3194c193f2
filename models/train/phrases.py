"""Short phrases that books lack and calls are full of: digits, numbers, dates, times, sums, answers of a word or two.

  python phrases.py --out phrases.tsv [--count 4000] [--avoid FILE...]

Made by the rules below, so that nobody's text is in them; `tts.py --kind phrases` reads them out. Phrases of four words
or more that stand in a file of --avoid (evaluation texts) are left out.
"""
import argparse
import random

from text import ONES, normalise, spell

MONTHS = "january february march april may june july august september october november december".split()
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth " \
           "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split()
ANSWERS = ("yes", "no", "okay", "right", "sure", "hello", "thanks", "thank you", "good morning", "good evening", "maybe",
           "of course", "i think so", "i don't know", "not really", "that's right", "i see", "go on", "sorry", "well",
           "excuse me", "one moment", "never mind", "all right", "exactly", "i'm not sure", "could you say that again",
           "what was that", "it doesn't matter", "let me check", "that would be fine", "see you later", "goodbye")
THINGS = ("minutes", "hours", "days", "weeks", "years", "people", "miles", "pages", "percent", "times", "rooms", "letters")


def ordinal(n):
    if n <= 20:
        return ORDINALS[n - 1]
    return {30: "thirtieth"}.get(n) or f"{spell(n - n % 10)} {ORDINALS[n % 10 - 1]}"


def digits(rng, count):
    zero = rng.choice(("zero", "zero", "oh"))
    return " ".join(zero if d == 0 else ONES[d] for d in (rng.randrange(10) for _ in range(count)))


def one_digit(rng):
    return ONES[rng.randrange(10)]


def some_digits(rng):
    return digits(rng, rng.randint(2, 10))


def number(rng):
    return spell(rng.randrange(10 ** rng.randint(2, 5)))


def amount(rng):
    return f"{spell(rng.randint(2, 999))} {rng.choice(THINGS)}"


def year(rng):
    rest = rng.randint(1, 99)
    return f"{rng.choice(('eighteen', 'nineteen', 'twenty'))} {'oh ' if rest < 10 else ''}{spell(rest)}"


def date(rng):
    month, day = rng.choice(MONTHS), ordinal(rng.randint(1, 31))
    said = rng.choice((f"{month} {day}", f"the {day} of {month}", f"{rng.choice(DAYS)} the {day}"))
    return said + rng.choice(("", " " + year(rng)))


def clock(rng):
    hour = spell(rng.randint(1, 12))
    return rng.choice((f"{hour} o'clock", f"half past {hour}", f"quarter to {hour}", f"{hour} thirty",
                       f"{hour} {spell(rng.randint(10, 59))}", f"at {hour} in the {rng.choice(('morning', 'evening'))}"))


def money(rng):
    sum_ = f"{spell(rng.randint(2, 2000))} {rng.choice(('dollars', 'pounds', 'euros'))}"
    return sum_ + rng.choice(("", f" and {spell(rng.randint(2, 99))} cents"))


def answer(rng):
    return rng.choice(ANSWERS)


RULES = ((one_digit, 4), (some_digits, 5), (number, 3), (amount, 2), (year, 1), (date, 3), (clock, 2), (money, 2),
         (answer, 3))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", required=True)
    ap.add_argument("--count", type=int, default=4000)
    ap.add_argument("--avoid", nargs="*", default=[])
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    avoid = " | ".join(line.strip() for path in a.avoid for line in open(path))
    rng = random.Random(f"phrases {a.seed}")
    kept = []
    while len(kept) < a.count:
        text = rng.choices([r for r, _ in RULES], [w for _, w in RULES])[0](rng)
        assert normalise(text) == text, text
        if len(text.split()) < 4 or text not in avoid:
            kept.append(text)
    with open(a.out, "w") as f:
        f.write("source\traw\ttext\n")
        f.writelines(f"phrases\t{t}\t{t}\n" for t in kept)


if __name__ == "__main__":
    main()
