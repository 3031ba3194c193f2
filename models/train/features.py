"""Log-mel features as NeMo >= 2.5 computes them (80 mels, 25 ms window, 10 ms hop, 16 kHz)."""
import numpy as np
from scipy.fft import rfft

RATE, HOP, WINDOW, FFT, MELS = 16000, 160, 400, 512, 80
GUARD = np.float32(2.0 ** -24)
SILENCE = float(np.log(GUARD))


def slaney_mel(hz):
    hz = np.asarray(hz, np.float64)
    return np.where(hz < 1000, hz * 3 / 200, 15 + np.log(np.maximum(hz, 1000) / 1000) * 27 / np.log(6.4))


def slaney_hz(mel):
    mel = np.asarray(mel, np.float64)
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def mel_hz(n=MELS):
    """n + 2 edges and centres of the triangular filters in Hz."""
    return slaney_hz(np.linspace(0, slaney_mel(RATE / 2), n + 2))


def filterbank(n=MELS):
    """[257, n] float32: triangles of equal area, as librosa's norm='slaney'."""
    edge = mel_hz(n)
    freq = np.arange(FFT // 2 + 1) * RATE / FFT
    up = (freq[:, None] - edge[:-2]) / (edge[1:-1] - edge[:-2])
    down = (edge[2:] - freq[:, None]) / (edge[2:] - edge[1:-1])
    return (np.maximum(0, np.minimum(up, down)) * 2 / (edge[2:] - edge[:-2])).astype(np.float32)


BANK = filterbank()
HANN = np.zeros(FFT, np.float32)
HANN[56:456] = np.hanning(WINDOW)


def log_mel(samples):
    """float32 samples [N] at 16 kHz in [-1, 1] -> float32 [N // 160, 80], natural log, not normalised."""
    n = len(samples)
    if n < HOP:
        return np.zeros((0, MELS), np.float32)
    x = np.zeros(n + FFT, np.float32)
    x[FFT // 2:FFT // 2 + n] = samples
    x[FFT // 2 + 1:FFT // 2 + n] -= np.float32(0.97) * samples[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(x, FFT)[::HOP][:n // HOP]
    out = []
    for i in range(0, len(frames), 1000):
        s = rfft(frames[i:i + 1000] * HANN)
        out.append(np.log((s.real ** 2 + s.imag ** 2) @ BANK + GUARD))
    return np.concatenate(out)


def normalise(mel):
    """[T, 80] log-mel -> zero mean and unit (unbiased) deviation per mel over the clip."""
    mean = mel.mean(0)
    std = mel.std(0, ddof=1) if len(mel) > 1 else np.zeros_like(mean)
    return (mel - mean) / (std + np.float32(1e-5))
