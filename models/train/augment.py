"""Augmentation in the log-mel domain, where it costs next to nothing beside a waveform.

Works on one clip at a time, float32 [T, 80] natural-log mel power, before normalisation:
tempo (also varying inside the clip), mel warp (pitch and formants move as with resampling), equaliser, reverberation,
noise and babble added as power, telephone band, floors and levels, and masks in time and frequency.
"""
import numpy as np
from scipy.signal import lfilter

from features import GUARD, MELS, mel_hz

HZ = mel_hz()[1:-1]


def warp_matrix(ratio):
    """[80, 80] float32: column m of `mel @ matrix` reads the source at centre frequency HZ[m] / ratio."""
    at = np.clip(np.interp(HZ / ratio, HZ, np.arange(MELS)), 0, MELS - 1)
    low = np.minimum(at.astype(int), MELS - 2)
    part = at - low
    m = np.zeros((MELS, MELS), np.float32)
    m[low, np.arange(MELS)] = 1 - part
    m[low + 1, np.arange(MELS)] += part
    return m


WARPS = {r: warp_matrix(r / 100) for r in range(80, 126)}


def tempo(mel, frames, rng, uneven):
    """Linear interpolation to a number of frames; with uneven > 0 the rate wanders by that share along the clip."""
    t = len(mel)
    if uneven and frames > 100:
        knots = max(2, frames // 60)
        rate = np.exp(rng.normal(0, uneven, knots))
        rate = np.interp(np.linspace(0, knots - 1, frames), np.arange(knots), rate)
        at = np.concatenate([[0], np.cumsum(rate)[:-1]])
        at *= (t - 1) / max(at[-1], 1e-3)
    else:
        at = np.linspace(0, t - 1, frames)
    low = np.minimum(at.astype(int), t - 2)
    part = (at - low).astype(np.float32)[:, None]
    return mel[low] * (1 - part) + mel[low + 1] * part


def smooth_curve(rng, spread, knots):
    """[80] float32 random curve over the mel axis, in natural-log power."""
    y = rng.normal(0, spread, knots)
    return np.interp(np.linspace(0, knots - 1, MELS), np.arange(knots), y).astype(np.float32)


def reverberate(power, rng):
    """Late reverberation as an exponential tail of power along time, T60 0.2-0.9 s, per band of another level."""
    decay = 10 ** (-6 * 0.01 / rng.uniform(0.2, 0.9))
    level = 10 ** (-rng.uniform(0, 12) / 10) * np.exp(smooth_curve(rng, 0.5, 4))
    tail = lfilter(np.float32([0, 1 - decay]), np.float32([1, -decay]), power, axis=0)
    return power + level * tail


def add_power(power, noise, snr):
    """Mix noise [T, 80] under the clip at a signal-to-noise ratio in dB."""
    return power + power.mean() / max(noise.mean(), 1e-12) * np.float32(10 ** (-snr / 10)) * noise


def gamma_tape(frames, seed=0):
    """[frames, 80] float32: what steady noise of unit mean looks like in mel power. Filters get wider with frequency and
    average more bins, so their power fluctuates less."""
    shape = np.linspace(1.2, 8, MELS)
    return np.random.default_rng(seed).gamma(shape, 1 / shape, (frames, MELS)).astype(np.float32)


TAPE = gamma_tape(1 << 14)


def steady(frames, rng):
    """[T, 80] power of white noise of unit mean, a stretch of the tape."""
    at = int(rng.integers(0, len(TAPE) - frames))
    return TAPE[at:at + frames]


def noise_like(frames, rng):
    """[T, 80] power of coloured noise, steady or slowly changing."""
    colour = smooth_curve(rng, 1.5, int(rng.integers(2, 8))) + rng.uniform(-1.5, 0.5) * np.linspace(0, 3, MELS)
    noise = steady(frames, rng) * np.exp(colour).astype(np.float32)
    if rng.random() < 0.5:
        knots = max(2, frames // int(rng.integers(15, 100)))
        gain = np.interp(np.linspace(0, knots - 1, frames), np.arange(knots), rng.normal(0, 0.8, knots))
        noise *= np.exp(gain)[:, None].astype(np.float32)
    return noise


def telephone(power, rng):
    """300-3400 Hz with soft edges; what is left outside is a noise floor as of companding or a codec."""
    low, high = rng.uniform(150, 400), rng.uniform(3100, 3900)
    nepers = np.maximum(0, np.log2(low / HZ)) * rng.uniform(2, 6) + np.maximum(0, np.log2(HZ / high)) * 60
    floor = power.max() * np.exp(-rng.uniform(9, 13) - np.minimum(nepers, 9)).astype(np.float32)
    return power * np.exp(-np.minimum(nepers, 14)).astype(np.float32) + floor * steady(len(power), rng)


def mask(mel, rng, strength):
    """SpecAugment on normalised features, in place: masks hold the mean, zero."""
    t, bands = mel.shape
    for _ in range(2):
        width = int(rng.integers(0, int(27 * strength) + 1))
        at = int(rng.integers(0, bands - width + 1))
        mel[:, at:at + width] = 0
    for _ in range(int(round(t / 100 * 0.8 * strength)) + 1):
        width = int(rng.integers(0, 30))
        if width < t // 4:
            at = int(rng.integers(0, t - width))
            mel[at:at + width] = 0
    return mel


def distort(mel, rng, strength, babble=None):
    """Everything between tempo and normalisation, log-mel in and out. strength 0..1 scales how often and how much."""
    def chance(p):
        return rng.random() < p * strength

    if chance(0.9):
        spread = 15 * strength
        mel = mel @ WARPS[int(np.clip(100 + rng.uniform(-spread, spread), 80, 125))]
    if chance(0.7):
        mel = mel + smooth_curve(rng, 0.8, int(rng.integers(3, 9)))
    power = np.exp(mel)
    if chance(0.3):
        power = reverberate(power, rng)
    if chance(0.3):
        power = telephone(power, rng)
    if babble is not None:
        power = add_power(power, np.exp(babble), rng.uniform(5, 25))
    if chance(0.5):
        power = add_power(power, noise_like(len(mel), rng), rng.uniform(3, 35))
    if chance(0.3):
        # A limit on the dynamic range, as a noise gate's floor or lossy coding leaves it.
        power = power + power.max() * np.float32(np.exp(-rng.uniform(9, 16)))
    if chance(0.5):
        # Level matters where it meets the guard of the logarithm.
        power = power * np.float32(np.exp(rng.uniform(-6, 2)))
    return np.log(power + GUARD)
