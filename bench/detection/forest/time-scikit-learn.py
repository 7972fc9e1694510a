"""Times scikit-learn's isolation forest on one thread: scores a file of points with a forest trained on another.

Arguments: number of features, file of training points, file of points (both little-endian floats, row by row).
Prints the milliseconds of the fastest and the median of 15 rounds and of one training as JSON.
"""

import json
import sys
import time

import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest


def milliseconds(work):
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


features = int(sys.argv[1])
training, points = (np.fromfile(path, dtype="<f4").reshape(-1, features) for path in sys.argv[2:4])
forest = IsolationForest(n_estimators=100, max_samples=256, random_state=1, n_jobs=1)
train_ms = milliseconds(lambda: forest.fit(training))
rounds = sorted(milliseconds(lambda: forest.score_samples(points)) for _ in range(15))
figures = {"version": sklearn.__version__, "trainMs": train_ms, "fastestMs": rounds[0], "medianMs": rounds[7]}
print(json.dumps(figures))
