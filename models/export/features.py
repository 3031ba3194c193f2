"""Recordings to what the graphs take: log-mel features as NeMo >= 2.5 computes them, without NeMo.

16 kHz mono; pre-emphasis 0.97; frames every 160 samples, each seen through a symmetric Hann window of 400 centred in 512;
power; triangular mel filters of equal area (Slaney); natural logarithm of (energy + 2^-24). A recording of N samples has
N // 160 frames. Models take them normalised per band over the clip, unbiased deviation + 1e-5.
Reference: nemo/collections/asr/parts/preprocessing/features.py, FilterbankFeatures.
"""
import numpy as np
import soundfile
import soxr

RATE, HOP, WINDOW, FFT = 16000, 160, 400, 512


def read(path):
    """Any file that libsndfile knows -> float32 [N], 16 kHz mono."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(1)
    return mono if rate == RATE else soxr.resample(mono, rate, RATE)


def _mel_edges(bands):
    """The bands + 2 corners of the triangles in Hz, equally far apart in Slaney's mel."""
    top = 15 + np.log(RATE / 2 / 1000) * 27 / np.log(6.4)
    mel = np.linspace(0, top, bands + 2)
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def filters(bands):
    """float64 [FFT // 2 + 1, bands]."""
    edge, hz = _mel_edges(bands), np.arange(FFT // 2 + 1)[:, None] * RATE / FFT
    rising = (hz - edge[:-2]) / np.diff(edge)[:-1]
    falling = (edge[2:] - hz) / np.diff(edge)[1:]
    return (np.maximum(0, np.minimum(rising, falling)) * 2 / (edge[2:] - edge[:-2])).astype(np.float32).astype(np.float64)


def hann():
    """float32 [WINDOW] with the rounding of PyTorch's, which is as loud as the quiet bands of a clean recording."""
    angle = np.arange(WINDOW, dtype=np.float32) * np.float32(2 * np.pi / (WINDOW - 1))
    return np.float32(0.5) - np.float32(0.5) * np.cos(angle.astype(np.float64)).astype(np.float32)


def log_mel(samples, bands=80):
    """float [N] -> float32 [bands, N // HOP], not normalised."""
    n, x = len(samples), np.asarray(samples, np.float64)
    padded = np.zeros(n + FFT)
    padded[FFT // 2:FFT // 2 + n] = x
    padded[FFT // 2 + 1:FFT // 2 + n] -= 0.97 * x[:-1]
    window = np.zeros(FFT)
    window[(FFT - WINDOW) // 2:(FFT + WINDOW) // 2] = hann()
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP][:n // HOP]
    bank, out = filters(bands), np.zeros((bands, n // HOP), np.float32)
    for at in range(0, n // HOP, 1000):     # so that long clips do not take much memory
        power = np.abs(np.fft.rfft(frames[at:at + 1000] * window)) ** 2
        out[:, at:at + 1000] = np.log(power @ bank + 2.0 ** -24).T
    return out


def normalise(mel):
    """[bands, T] -> the same with mean 0 and deviation 1 in every band; of one frame, zeros."""
    if mel.shape[1] < 2:
        return np.zeros_like(mel)
    exact = mel.astype(np.float64)
    return ((exact - exact.mean(1, keepdims=True)) / (exact.std(1, ddof=1, keepdims=True) + 1e-5)).astype(np.float32)


def windows(mel, frames=2560, least=160):
    """Cuts [bands, T] into stretches of at most so many frames (25.6 s, what the program runs), dropping a short rest."""
    cuts = [mel[:, at:at + frames] for at in range(0, mel.shape[1], frames)]
    return [c for c in cuts if c.shape[1] >= least or len(cuts) == 1]
