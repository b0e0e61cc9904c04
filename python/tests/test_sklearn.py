"""scikit-learn's own checks of the estimators."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from scatterfall import ScatteringNetwork
from scatterfall.sklearn import Scattering, ScatteringClusterer

SMALL = Scattering(banks=((2, 1, 1.0), (1, 1, 1.0)))


@parametrize_with_checks([SMALL, Scattering(), ScatteringClusterer(n_clusters=3, scattering=SMALL)])
def test_conventions(estimator, check):
    check(estimator)


def test_columns():
    x = np.random.default_rng(0).standard_normal((6, 128))
    estimator = Scattering(banks=((3, 2, 1.0), (2, 1, 1.0)), channels=2)
    got = estimator.fit_transform(x)
    first, second = ScatteringNetwork(estimator.banks, 64).transform(x.reshape(6, 2, 64))
    want = np.concatenate([first, second.reshape(6, 2, -1)], axis=2).reshape(6, -1)
    assert np.array_equal(got, want.astype(float))
    names = estimator.get_feature_names_out()
    assert len(names) == got.shape[1] and names[0] == "scattering0_1_0" and names[-1] == "scattering1_2_5_1"


def test_clusters_are_found():
    random = np.random.default_rng(0)
    time = np.arange(256)
    kinds = np.repeat([0, 1, 2], 20)
    x = random.standard_normal((60, 256)) * 0.1
    x += np.sin(time * np.array([0.25, 0.8, 2.2])[kinds, None] + random.uniform(0, 6, (60, 1)))
    labels = ScatteringClusterer(n_clusters=3).fit_predict(x)
    assert all(len(set(labels[kinds == k])) == 1 for k in range(3)) and len(set(labels)) == 3
    assert len(set(labels[random.permutation(60)][:20])) > 1, "negative control"
