"""What a telephone line does to a recording."""
import numpy as np
from scipy.signal import butter, resample_poly, sosfilt


def telephone(x):
    """float32 at 16 kHz -> the same through a 300-3400 Hz, 8 kHz, mu-law line."""
    x = sosfilt(butter(4, (300, 3400), "bandpass", fs=16000, output="sos"), x)
    x = resample_poly(x, 1, 2)
    x = x / (np.abs(x).max() + 1e-9) * 0.5
    code = np.round(np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256) * 127)
    x = np.sign(code) * (np.power(256, np.abs(code) / 127) - 1) / 255
    return resample_poly(x, 2, 1).astype(np.float32)
