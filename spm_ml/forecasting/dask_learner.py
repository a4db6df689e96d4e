"""Trees boosted on the workers of a Dask cluster, by LightGBM's own interface to it."""

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import lightgbm
import numpy as np

from spm_ml.errors import ClusterError, ConfigurationError
from spm_ml.forecasting.distribution import Array
from spm_ml.forecasting.tree_learner import HERE, REPEATABLE, TreeData, TreeLearner

if TYPE_CHECKING:
    from distributed import Client

_LOOK_EVERY: Final = 1.0
_ANSWERS_WITHIN: Final = 30
_OF_ONE_RUN: Final = re.compile(r"^\[(?:machines|local_listen_port): .*\]\n", re.MULTILINE)
"""Addresses of the workers, which LightGBM writes into a model."""

_QUIET: Final = logging.getLogger("distributed.lightgbm")


class DaskLearner:
    """Rows are split evenly among the workers, histograms are added up over all of them (data parallel).

    Trees of the same workers, rows and seed are equal bit for bit. They are not those of one process: each column's
    bins are found by one worker from its own rows, and a leaf's quantile is the mean of the workers' quantiles. What
    that changes is of the size of what another seed changes; the tests bound it. One fit runs at a time, as two would
    wait for each other's workers.

    Args:
        client: Connected to a cluster with at least one worker.

    Source: Ke et al. (2017), LightGBM, NeurIPS 30; Meng et al. (2016), A Communication-Efficient Parallel Algorithm
    for Decision Tree, NeurIPS 29.
    """

    def __init__(self, client: "Client") -> None:
        self._client = client
        self._lock = Lock()
        self._broken = ""
        self._workers = sorted(_workers_of(client))
        _QUIET.setLevel(logging.ERROR)
        lightgbm.register_logger(_QUIET)  # LightGBM prints else, and standard output is the command's answer

    @property
    def label(self) -> str:
        """Where it fits, without addresses."""
        return f"{len(self._workers)} Dask worker{'s' if len(self._workers) > 1 else ''}"

    def boost(
        self, data: TreeData, parameters: Mapping[str, Any], rounds: int, variants: Sequence[Mapping[str, Any]] = ({},)
    ) -> tuple[lightgbm.Booster, ...]:
        """Gives a booster for each variant; see `TreeLearner.boost`."""
        from lightgbm.dask import DaskLGBMRegressor

        with self._lock:
            if self._broken:  # a fit that waited for the one that failed
                raise _failed(self._broken)
            spread = {name: self._spread(part) for name, part in vars(data).items() if part is not None}
            asked = {"sample_weight": spread.get("weight"), "init_score": spread.get("start")}
            made = []
            for each in variants:
                given = {**REPEATABLE, **parameters, **each, "n_estimators": rounds}
                model = DaskLGBMRegressor(client=self._client, **given)
                self._watched(model, spread["matrix"], spread["target"], asked)
                made.append(lightgbm.Booster(model_str=_OF_ONE_RUN.sub("", model.booster_.model_to_string())))
            return tuple(made)

    def _spread(self, values: Array) -> Any:
        """The rows in turns on each worker: neighbouring rows are alike, and every worker shall see all kinds."""
        import dask
        from dask import array

        parts = []
        workers = self._workers[: max(len(values) // 2, 1)]  # LightGBM's interface takes no single row
        for place, worker in enumerate(workers):
            own = np.ascontiguousarray(values[place :: len(workers)])
            held = self._client.scatter(own, workers=[worker], hash=False)
            parts.append(array.from_delayed(dask.delayed(held), own.shape, own.dtype))
        return array.concatenate(parts)

    def _watched(self, model: Any, matrix: Any, target: Any, asked: Mapping[str, Any]) -> None:
        """Fits, and looks meanwhile whether the workers live: Dask would wait for one that died to come back."""
        from distributed import KilledWorker

        with ThreadPoolExecutor(1) as pool:
            fitting = pool.submit(model.fit, matrix, target, **asked)
            try:
                while not wait([fitting], timeout=_LOOK_EVERY).done:
                    if lost := sorted(set(self._workers) - set(_workers_of(self._client))):
                        self._broken = f"the worker {lost[0]} died"
                        self._client.close(timeout=_LOOK_EVERY)  # ends the waiting
                        raise _failed(self._broken)
                fitting.result()
            except (CancelledError, OSError, RuntimeError, KilledWorker, lightgbm.basic.LightGBMError) as error:
                self._broken = str(error) or type(error).__name__
                raise _failed(self._broken) from error


@contextmanager
def boosting_on(dask: str | None) -> Iterator[TreeLearner]:
    """Opens where trees are boosted, and closes it again.

    Args:
        dask: None = this process; a number of worker processes to start on this machine; or the address of a Dask
            scheduler (`tcp://host:8786`) whose workers have this very version of LightGBM.

    Raises:
        ConfigurationError: The package is missing, no scheduler answers at the address, or it has no worker.
    """
    if dask is None:
        yield HERE
        return
    if find_spec("distributed") is None:
        raise ConfigurationError("training on Dask needs the package distributed: pip install 'spm-ml[dask]'")
    from distributed import LocalCluster

    with ExitStack() as open_ones:
        address: Any = dask
        if dask.isdecimal():
            if int(dask) < 1:
                raise ConfigurationError("training on Dask needs at least one worker: give a number above 0")
            address = open_ones.enter_context(
                LocalCluster(
                    n_workers=int(dask),
                    threads_per_worker=1,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                    worker_dashboard_address="127.0.0.1:0",
                    silence_logs=logging.ERROR,
                )
            )
        try:
            client = open_ones.enter_context(_connected(address))
            if address is not dask:
                _silence(client)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"no Dask scheduler can be reached at {dask} ({error}): start one with 'dask scheduler', or give a "
                "number of workers to start here"
            ) from error
        if not _workers_of(client):
            raise ConfigurationError(
                f"the Dask scheduler at {dask} has no worker: start some with 'dask worker {dask}'"
            )
        yield DaskLearner(client)


def _connected(address: Any) -> "Client":
    from distributed import Client

    class InOrder(Client):  # type: ignore[misc]  # distributed ships no types
        """LightGBM ranks machines in the order in which its parts are found, which in Dask is that of a set."""

        def who_has(self, futures: Any = None, **kwargs: Any) -> Any:
            """Where data are, in the order in which it is asked for."""
            found = super().who_has(futures, **kwargs)
            return found if futures is None else {one.key: found[one.key] for one in self.futures_of(futures)}

    return InOrder(address, timeout=_ANSWERS_WITHIN)


def _silence(client: "Client") -> None:
    """Takes standard output from workers that were started here: LightGBM writes to it in C, whatever it is told."""
    for worker, nowhere in client.run(os.open, os.devnull, os.O_WRONLY).items():
        client.run(os.dup2, nowhere, 1, workers=[worker])


def _workers_of(client: "Client") -> list[str]:
    return list(client.nthreads())


def _failed(why: str) -> ClusterError:
    return ClusterError(
        f"Dask failed while trees were fitted: {why}. Nothing was kept; see that the workers live and have enough "
        "memory, and start again"
    )
