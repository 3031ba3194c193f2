"""Align tokens with torchaudio on one core: FOLDER WIDTH. Prints {"seconds": s}."""
import json
import sys
import time

import numpy as np
import torch

torch.version.cuda = "13.0"  # torchaudio refuses a torch built for another CUDA, on the CPU too
from torchaudio.functional import forced_align  # noqa: E402

folder, width = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(1)
rows = torch.from_numpy(np.fromfile(folder + "/rows", np.float32).reshape(1, -1, width))
tokens = torch.from_numpy(np.fromfile(folder + "/tokens", np.int32))[None]
forced_align(rows[:, :100], tokens[:, :10], blank=width - 1)
n, start = 0, time.process_time()
while n == 0 or time.process_time() - start < 1:
    forced_align(rows, tokens, blank=width - 1)
    n += 1
print(json.dumps({"seconds": (time.process_time() - start) / n}))
