"""Training batches: clips drawn from stores by weight, augmented, and cut to batches without padding.

All clips of a batch get exactly the same number of frames: a pool is sorted by the length its tempo asks for, and the
last percent of a length is taken up by the tempo itself. So the network needs no masks while it trains.
"""
from dataclasses import dataclass

import numpy as np
import torch

import augment
from features import MELS, normalise
from store import Store


@dataclass
class Mix:
    """What the training data looks like at a moment of the run."""
    strength: float = 1.0       # of augmentation, 0..1
    longest: int = 2000         # frames
    joined: float = 0.0         # share of joined clips of 13-25 s
    spliced: float = 0.0        # share of aligned clips replaced by phrases of one speaker in new order


class Source:
    def __init__(self, stores, weights, encode, lexicon, seed, limit=None, bands=MELS, prepare=normalise):
        """stores: folders; weights: share of clips each gets; encode: text -> ids; lexicon: {word: phone codes}, or empty
        where no phones are wanted; prepare: log-mel [T, bands] -> what the network takes."""
        self.stores, self.prepare = [Store(f, bands) for f in stores], prepare
        if limit:
            for s in self.stores:
                s.clips = s.clips[:limit]
        self.weights = np.array(weights, float) / sum(weights)
        self.rng = np.random.default_rng(seed)
        self.encode, self.lexicon = encode, lexicon
        self.decks = [[] for _ in stores]
        # Clips with known word boundaries, by store and speaker.
        self.voices = {}
        for i, s in enumerate(self.stores):
            for clip in s.clips:
                if clip.name in s.words:
                    self.voices.setdefault((i, clip.speaker), []).append(clip)

    def draw(self, mix):
        """The next clip (log-mel, text): every store is a shuffled deck gone through before any clip comes again."""
        while True:
            i = int(self.rng.choice(len(self.stores), p=self.weights))
            if not self.decks[i]:
                self.decks[i] = list(self.rng.permutation(len(self.stores[i].clips)))
            clip = self.stores[i].clips[self.decks[i].pop()]
            if clip.frames <= mix.longest:
                if clip.name in self.stores[i].words and self.rng.random() < mix.spliced:
                    return self.splice(i, clip)
                return self.stores[i].frames(clip), clip.text

    def splice(self, i, clip):
        """About as much speech as the clip holds, by its speaker: phrases of 2-7 words from any of that voice's clips."""
        store, rng = self.stores[i], self.rng
        voice = self.voices[i, clip.speaker]
        mels, texts, frames = [], [], 0
        while frames < clip.frames - 50:
            other = voice[rng.integers(len(voice))]
            cuts, words = store.words[other.name], other.text.split()
            count = min(int(rng.integers(2, 8)), len(words))
            first = int(rng.integers(0, len(words) - count + 1))
            mels.append(store.frames(other)[cuts[first]:cuts[first + count]])
            texts += words[first:first + count]
            frames += len(mels[-1])
            if frames > 2000:
                break
        return np.concatenate(mels), " ".join(texts)

    def item(self, mix):
        """-> (list of log-mel arrays to join, text, frames wanted)."""
        mel, text = self.draw(mix)
        parts, texts = [mel], [text]
        if self.rng.random() < mix.joined:
            goal = self.rng.integers(1300, 2450)
            while sum(map(len, parts)) < goal:
                mel, text = self.draw(mix)
                if sum(map(len, parts)) + len(mel) > 2550:
                    break
                parts.append(mel)
                texts.append(text)
        text = " ".join(texts)
        ids = self.encode(text)
        phones = [p for word in text.split() for p in self.lexicon[word]] if self.lexicon else []
        frames = sum(map(len, parts)) + 20 * (len(parts) - 1)
        spread = 0.18 * mix.strength
        frames = int(frames * np.exp(self.rng.uniform(-spread, spread)))
        # CTC needs a row for every piece and one between equal neighbours; half rows likewise for phones.
        need = max(repeats(ids), (repeats(phones) + 1) // 2) + 1
        return parts, ids, phones, max(frames, 8 * need)

    def features(self, parts, frames, mix):
        """-> float32 [frames, 80], augmented and normalised."""
        rng = self.rng
        pieces = []
        for part in parts:
            part = part.astype(np.float32)
            if pieces:
                # Joined recordings differ in level; between them lies a little of the quieter one's background.
                part = part + np.float32(rng.normal(0, 0.7 * mix.strength))
                quiet = part[np.argsort(part.mean(1))[:10]]
                pieces.append(quiet[rng.integers(0, len(quiet), 20)])
            pieces.append(part)
        mel = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
        mel = augment.tempo(mel, frames, rng, 0.12 * mix.strength)
        if mix.strength:
            babble = None
            if rng.random() < 0.15 * mix.strength:
                other, _ = self.draw(mix)
                babble = other[np.arange(frames) % len(other)].astype(np.float32)
            # The bands of warps and curves are those of MELS.
            mel = augment.distort(mel, rng, mix.strength, babble) if mel.shape[1] == MELS else mel
        mel = self.prepare(mel.astype(np.float32, copy=False))
        return augment.mask(mel, rng, mix.strength) if mix.strength else mel

    def batches(self, mix, budget, pool=24):
        """Yields lists of items for `pool` batches of about `budget` frames, in random order."""
        items, total = [], 0
        while total < budget * pool:
            items.append(self.item(mix))
            total += items[-1][3]
        items.sort(key=lambda i: i[3])
        groups, group = [], []
        for item in items:
            group.append(item)
            if sum(i[3] for i in group) >= budget:
                groups.append(group)
                group = []
        for g in self.rng.permutation(len(groups)):
            yield self.collate(groups[g], mix)

    def collate(self, group, mix):
        frames = -(-int(np.mean([i[3] for i in group])) // 8) * 8
        frames = max(frames, 8 * max(max(repeats(i[1]), (repeats(i[2]) + 1) // 2) for i in group))
        x = np.stack([self.features(parts, frames, mix) for parts, _, _, _ in group])
        return torch.from_numpy(x), [i[1] for i in group], [i[2] for i in group]


def repeats(ids):
    """Rows CTC needs at least for a label sequence."""
    return len(ids) + sum(a == b for a, b in zip(ids, ids[1:]))
