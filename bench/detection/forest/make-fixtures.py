"""Makes the data sets that the isolation forest is compared on, and what scikit-learn's forest makes of them.

Run with scikit-learn 1.9.1 and numpy 2.4.6 (README.md beside this file says how); writes one JSON file per data set
into the folder given. The data sets come with scikit-learn or are generated from fixed seeds: nothing is downloaded.
"""

import base64
import json
import sys
from pathlib import Path

import numpy as np
import sklearn
from sklearn import datasets
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

SEEDS = 20


def few_of(points, labels, anomaly, count, seed):
    """All points but those of the class `anomaly`, and `count` of these, which are the anomalies."""
    rng = np.random.default_rng(seed)
    rare = rng.permutation(np.flatnonzero(labels == anomaly))[:count]
    rows = np.sort(np.concatenate([np.flatnonzero(labels != anomaly), rare]))
    return points[rows], (labels[rows] == anomaly).astype(int)


def breast_cancer():
    data = datasets.load_breast_cancer()
    return few_of(data.data, data.target, 0, 40, 1)


def wine():
    data = datasets.load_wine()
    return few_of(data.data, data.target, 0, 10, 2)


def digits():
    data = datasets.load_digits()
    rows = np.isin(data.target, [0, 1, 3])
    return few_of(data.data[rows], data.target[rows], 0, 30, 3)


def iris():
    data = datasets.load_iris()
    return few_of(data.data, data.target, 2, 12, 4)


def clusters():
    """Three round clusters and points scattered over the whole area."""
    points, _ = datasets.make_blobs(n_samples=900, centers=3, n_features=4, random_state=5)
    scattered = np.random.default_rng(5).uniform(points.min(0) - 2, points.max(0) + 2, size=(60, 4))
    return np.vstack([points, scattered]), np.r_[np.zeros(900, int), np.ones(60, int)]


def moons():
    """Two interleaved half circles: a shape that splits along the axes follow only roughly."""
    points, _ = datasets.make_moons(n_samples=800, noise=0.08, random_state=6)
    scattered = np.random.default_rng(6).uniform([-1.8, -1.3], [2.8, 1.8], size=(60, 2))
    return np.vstack([points, scattered]), np.r_[np.zeros(800, int), np.ones(60, int)]


def correlated():
    """Ten features that follow two causes; anomalies break the relation with values that are usual one by one."""
    rng = np.random.default_rng(7)
    causes = rng.normal(size=(950, 2))
    points = causes @ rng.normal(size=(2, 10)) + 0.2 * rng.normal(size=(950, 10))
    for column in range(10):
        points[900:, column] = 1.6 * rng.permutation(points[900:, column])
    return points, np.r_[np.zeros(900, int), np.ones(50, int)]


def kpis():
    """A day of KPIs of a process, one row a minute: daily course, bursts of writing; anomalies of three kinds."""
    rng = np.random.default_rng(8)
    minutes = np.arange(1440)
    load = 1 + 0.6 * np.sin(2 * np.pi * minutes / 1440) + 0.1 * rng.normal(size=1440)
    cpu = np.clip(load * 0.8 + 0.05 * rng.normal(size=1440), 0, None)
    memory = 4e9 + 2e8 * load + 2e7 * rng.normal(size=1440)
    write = rng.lognormal(12, 1.2, size=1440)
    requests = np.clip(100 * load + 5 * rng.normal(size=1440), 0, None)
    errors = rng.poisson(0.3, size=1440) / 100
    labels = np.zeros(1440, int)
    for start, stop in ((200, 215), (700, 712), (1100, 1120)):
        labels[start:stop] = 1
    cpu[200:215] = 3.9
    requests[700:712] *= 0.1
    errors[700:712] = 0.4
    memory[1100:1120] += np.linspace(5e8, 3e9, 20)
    return np.column_stack([cpu, memory, write, requests, errors]), labels


def packed(array):
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode()


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for make in (breast_cancer, wine, digits, iris, clusters, moons, correlated, kpis):
        points, labels = make()
        points = np.asarray(points, dtype=np.float32)
        scores = [-IsolationForest(random_state=seed, n_jobs=1).fit(points).score_samples(points) for seed in range(SEEDS)]
        fixture = {
            "name": make.__name__.replace("_", "-"),
            "madeWith": f"scikit-learn {sklearn.__version__}",
            "features": points.shape[1],
            "labels": "".join(map(str, labels)),
            "areaUnderCurve": [round(float(roc_auc_score(labels, each)), 6) for each in scores],
            "meanScores": packed(np.mean(scores, axis=0)),
            "points": packed(points),
        }
        name = f"{fixture['name']}.json"
        (folder / name).write_text(json.dumps(fixture, indent=2) + "\n")
        print(f"{name:22} {points.shape} {labels.sum()} anomalies, AUC {np.mean(fixture['areaUnderCurve']):.4f}")


main(Path(sys.argv[1]))
