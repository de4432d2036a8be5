"""Temperature scaling, and how well probabilities come true (Guo et al. 2017)."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from adc.metrics import CONFIDENCE_BINS, reliability
from adc.model.forward import log_softmax, softmax

# Wide enough for a margin, whose unit is 1, and for naive Bayes, whose log-odds run into hundreds.
RANGE = (0.02, 100.0)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature with the least log-loss of logits (N, C), to 1 %.

    Labels are smoothed by one row in N + 2 (Platt 1999), or a few rows that are all right would make every
    answer certain.
    """
    rows, doubt = np.arange(len(labels)), 1 / (len(labels) + 2)

    def loss(log_temperature: float) -> float:
        told = log_softmax(logits, np.exp(log_temperature))
        right = told[rows, labels]
        others = (told.sum(axis=1) - right) / max(1, logits.shape[1] - 1)
        return -float(((1 - doubt) * right + doubt * others).mean())

    found = minimize_scalar(loss, bounds=np.log(RANGE), method="bounded", options={"xatol": 0.01})
    return float(np.exp(found.x))


def calibration_error(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    """Expected calibration error (Guo et al. 2017) of logits (N, C), as `adc.metrics` bins it."""
    probabilities = softmax(logits, temperature)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bins = np.minimum(CONFIDENCE_BINS - 1, (CONFIDENCE_BINS * confidence).astype(int))
    rows = pd.DataFrame({"bin": bins, "n": 1, "correct": correct, "confidence": confidence})
    return float(reliability(rows.groupby("bin", as_index=False).sum()).ece or 0.0)
