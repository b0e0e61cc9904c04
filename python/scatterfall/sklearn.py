"""Scattering coefficients and clusters as scikit-learn estimators."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.utils.validation import check_is_fitted, validate_data

from .network import ScatteringNetwork, relative_floor


class Scattering(TransformerMixin, BaseEstimator):
    """Rows of samples to rows of scattering coefficients.

    A row is one segment, ``channels`` series one after the other. Its coefficients stand side by side: channel by
    channel, order by order, as ``ScatteringNetwork.transform`` orders them.

    Parameters
    ----------
    banks
        As for ``ScatteringNetwork``.
    channels
        Series a row; the row's length is a multiple of it.
    sampling_rate
        Hz.
    normalize, taper, oversampling
        As for ``ScatteringNetwork``.
    pooling
        As for ``ScatteringNetwork.transform``.
    log
        Give log10 of the coefficients, those below ``floor`` times the largest of their row, channel and order raised
        to that.
    """

    def __init__(
        self,
        banks=((4, 4, 1.0), (3, 1, 2.0)),
        *,
        channels=1,
        sampling_rate=1.0,
        normalize=None,
        taper=None,
        oversampling=None,
        pooling="median",
        log=False,
        floor=1e-10,
    ):
        self.banks = banks
        self.channels = channels
        self.sampling_rate = sampling_rate
        self.normalize = normalize
        self.taper = taper
        self.oversampling = oversampling
        self.pooling = pooling
        self.log = log
        self.floor = floor

    def fit(self, X, y=None):
        """Learn the rows' length; nothing else depends on data."""
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        self._network()
        return self

    def transform(self, X):
        """Coefficients in the precision of ``X``, ``(rows, channels x coefficients)``."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        orders = self._network().transform(X.reshape(len(X), self.channels, -1), self.pooling)
        flat = []
        for k, order in enumerate(orders, 1):
            if self.log:
                order = relative_floor(order, k, self.floor)
                order = np.log10(np.maximum(order, np.finfo(np.float32).tiny))
            flat.append(order.reshape(len(X), self.channels, -1))
        joined = np.concatenate(flat, axis=2).reshape(len(X), -1)
        return joined.astype(X.dtype, copy=False)

    def _network(self) -> ScatteringNetwork:
        if self.channels < 1 or self.n_features_in_ % self.channels:
            raise ValueError(f"rows of {self.n_features_in_} samples do not hold {self.channels} series of one length")
        options = dict(normalize=self.normalize, taper=self.taper, oversampling=self.oversampling)
        return ScatteringNetwork(self.banks, self.n_features_in_ // self.channels, self.sampling_rate, **options)

    @property
    def _n_features_out(self):
        return sum(self._widths()) * self.channels

    def _widths(self):
        paths, widths = 1, []
        for bank in self._network().banks:
            paths *= bank.octaves * bank.resolution
            widths.append(paths)
        return widths

    def get_feature_names_out(self, input_features=None):
        """``channel_order_f1_f2...``, in the order of the columns."""
        check_is_fitted(self)
        filters = [bank.octaves * bank.resolution for bank in self._network().banks]
        names = []
        for channel in range(self.channels):
            for order in range(1, len(filters) + 1):
                for path in np.ndindex(*filters[:order]):
                    names.append("_".join(map(str, (f"scattering{channel}", order, *path))))
        return np.array(names, dtype=object)


class ScatteringClusterer(ClusterMixin, BaseEstimator):
    """Rows of samples to clusters: scattering, logarithm, principal components, a Gaussian mixture.

    Parameters
    ----------
    n_clusters
        Components of the mixture.
    n_components
        Principal components, whitened; fewer where rows or coefficients are fewer.
    scattering
        A ``Scattering`` estimator; by default one that gives logarithms and takes what is below a thousandth of its
        row's largest for that: the rest is noise, which whitening would make as large as everything else.
    random_state
        Seed of the mixture.
    """

    def __init__(self, n_clusters=5, *, n_components=5, scattering=None, random_state=0):
        self.n_clusters = n_clusters
        self.n_components = n_components
        self.scattering = scattering
        self.random_state = random_state

    def fit(self, X, y=None):
        """Fit everything; labels of the rows are in ``labels_``."""
        from sklearn.base import clone

        X = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        self.scattering_ = Scattering(log=True, floor=1e-3) if self.scattering is None else clone(self.scattering)
        coefficients = self.scattering_.fit(X).transform(X).astype(np.float64)
        components = min(self.n_components, len(X) - 1, coefficients.shape[1])
        self.pca_ = PCA(components, whiten=True, svd_solver="full").fit(coefficients)
        scores = self.pca_.transform(coefficients)
        clusters = min(self.n_clusters, len(np.unique(scores, axis=0)))
        self.mixture_ = GaussianMixture(clusters, random_state=self.random_state, reg_covar=1e-4).fit(scores)
        self.labels_ = self.mixture_.predict(scores)
        return self

    def predict(self, X):
        """The cluster of every row."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return self.mixture_.predict(self.pca_.transform(self.scattering_.transform(X).astype(np.float64)))
